"""Actions on any selection of people: chosen in the list, asked about, shown, done; all without JavaScript."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.access.grants import Action, Scope, Subject
from app.actions import work
from app.admin import bulk, selection
from app.changes.journal import ChangeSet
from app.core.clock import today
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Pay
from tests.browsing import Browser, errors, pairs, rows, soup, statements
from tests.sample import account, act, stored

LIST = "/admin/employees/"


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def do(name, *ids):
    """Return where an action is done to these people."""
    return f"{LIST}do/{name}/?ids={','.join(map(str, ids))}"


def send(browser, page, button, **changes):
    """Send the main form of a page by one of its buttons, with some fields changed; follow where it leads."""
    form = soup(page).select_one("main form[method=post]")
    name, value = button
    assert form.select_one(f"button[name={name}][value={value}]") is not None, f"no button {value}"
    data = MultiDict([*pairs(page), button])
    for field, new in changes.items():
        data.setlist(field, new if isinstance(new, list) else [str(new)])
    answer = browser.client.post(form.get("action") or page.request.full_path, data=data)
    return browser.get(answer.location) if answer.status_code == 303 else answer


def preview(browser, url, **typed):
    """Fill in the form of an action and ask what it would change."""
    return send(browser, browser.get(url), ("step", "preview"), **typed)


def confirm(browser, page):
    """Do what a preview shows."""
    return send(browser, page, ("step", "do"))


def told(page):
    """Return what a page tells on top."""
    return " ".join(alert.get_text(" ", strip=True) for alert in soup(page).select("main .alert"))


def chosen(page):
    """Return the first names that a form or preview is about."""
    names = soup(page).select(".bulk-name span, .change-head :is(a, strong)")
    return sorted(name.get_text().split()[0] for name in names)


def add(app, count):
    """Hire people called Zoe; return their ids."""
    with app.app_context():
        values = {"first_name": "Zoe", "hired_on": date(2020, 1, 1)}
        return [act("hire", values={"number": f"N{i:03}", **values}) for i in range(count)]


def test_people_ticked_in_the_list_are_transferred(app, hr, sample):
    dee, eli, board = sample.people["Dee"], sample.people["Eli"], sample.departments["Board"]
    form = send(hr, hr.get(LIST + "?search=10&page_size=20"), ("action", "transfer"), ids=[dee, eli])
    assert chosen(form) == ["Dee", "Eli"]
    shown = send(hr, form, ("step", "preview"), department_id=board, reason="New office")
    assert chosen(shown) == ["Dee", "Eli"]
    assert "2 people would change" in shown.text
    assert stored(app, Employee, dee).department_id == sample.departments["Platform"]
    done = confirm(hr, shown)
    assert "Transfer: 2 people changed." in told(done)
    assert done.request.args["search"] == "10", "it leads back to just that list"
    assert {stored(app, Employee, person).department_id for person in (dee, eli)} == {board}
    with app.app_context():
        last = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
        assert (last.action, last.reason, last.source) == ("transfer", "New office", "panel")
        assert hr.get(soup(done).select_one("main .alert a")["href"]).status_code == 200


def test_each_action_does_what_it_says(app, hr, sample):
    people, tomorrow = sample.people, (today() + timedelta(days=1)).isoformat()
    with app.app_context():
        paid = {"amount": "1000", "currency": "USD", "valid_from": "2020-01-01"}
        act("raise_pay", employee_ids=[people["Cy"], people["Dee"]], **paid)
    cases = (
        ("transfer", ("Cy", "Dee"), {"department_id": sample.departments["Board"]}, "department_id"),
        ("change_manager", ("Cy", "Dee"), {"manager_id": people["Ada"]}, "manager_id"),
        ("assign_role", ("Cy", "Dee"), {"role_id": sample.roles["Clerk"]}, "role_id"),
        ("come_back", ("Flo",), {"department_id": sample.departments["Board"]}, "department_id"),
    )
    for name, who, typed, field in cases:
        done = confirm(hr, preview(hr, do(name, *(people[one] for one in who)), **typed))
        assert "changed." in told(done), name
        assert {getattr(stored(app, Employee, people[one]), field) for one in who} == set(typed.values()), name
    shown = preview(hr, do("raise_pay", people["Cy"], people["Dee"]), percent="10", pay_reason="Review")
    assert "$1,100.00" in shown.text
    confirm(hr, shown)
    with app.app_context():
        amounts = db.session.scalars(select(Pay.amount).where(Pay.valid_to.is_(None))).all()
    assert [int(amount) for amount in amounts] == [1100, 1100]
    confirm(hr, preview(hr, do("leave", people["Dee"], people["Eli"]), left_on=tomorrow, leaving_reason="Moved"))
    assert stored(app, Employee, people["Dee"]).status == "active"
    confirm(hr, preview(hr, do("leave", people["Dee"], people["Eli"]), left_on=today().isoformat()))
    assert {stored(app, Employee, people[one]).status for one in ("Dee", "Eli")} == {"left"}


def test_all_that_match_are_chosen_across_pages(app, hr, sample):
    zoes = add(app, 42)
    listed = hr.get(LIST + "?search=zoe&page_size=20")
    options = [option.get_text(strip=True) for option in soup(listed).select("#bulk-scope option")]
    assert options == ["The ticked ones", "All 20 on this page", "All 42 that match"]
    assert len(chosen(send(hr, listed, ("action", "transfer"), scope="page"))) == 20
    form = send(hr, listed, ("action", "transfer"), scope="all")
    assert len(chosen(form)) == 42
    kept = [str(one) for one in zoes[2:]]
    shown = send(hr, form, ("step", "preview"), ids=kept, department_id=sample.departments["Board"])
    assert len(chosen(shown)) == 40
    assert "Transfer: 40 people changed." in told(confirm(hr, shown))
    assert len(rows(hr.get(f"{LIST}?search=zoe&flt0_department={sample.departments['Board']}"))) == 40


@pytest.fixture
def few(monkeypatch):
    """Make four people many."""
    monkeypatch.setattr(selection, "MOST_IDS", 3)
    monkeypatch.setattr(bulk, "FIRST", 2)
    monkeypatch.setattr(selection, "FIRST", 2)
    monkeypatch.setattr(work, "STEP_ROWS", 3)


@pytest.mark.usefixtures("few")
def test_many_are_shown_by_example_and_done_as_a_job(app, hr, sample):
    add(app, 4)
    url = LIST + "do/transfer/?all=1&search=zoe"
    form = hr.get(url)
    assert "Transfer: 4 people" in form.text
    assert soup(form).select("[name=ids]") == []
    refused = send(hr, form, ("step", "preview"), department_id="", reason="Kept")
    assert "department_id" in errors(refused)
    assert dict(pairs(refused))["reason"] == "Kept"
    shown = send(hr, refused, ("step", "preview"), department_id=sample.departments["Board"])
    assert "4 people are meant" in told(shown)
    assert len(chosen(shown)) == 2
    answer = confirm(hr, shown)
    assert answer.request.path.startswith("/admin/jobs/"), "it leads to the job's progress"
    assert "runs in the background" in told(answer)
    assert departments_of_zoes(app) == [None] * 4
    work.do_jobs(app, threading.Event(), is_once=True)
    assert departments_of_zoes(app) == [sample.departments["Board"]] * 4


@pytest.mark.usefixtures("few")
def test_selection_by_filter_that_changed_meanwhile_is_said(app, hr, sample):
    add(app, 4)
    shown = preview(hr, LIST + "do/transfer/?all=1&search=zoe", department_id=sample.departments["Board"])
    with app.app_context():
        act("hire", values={"number": "X", "first_name": "Zoe", "hired_on": today()})
    again = confirm(hr, shown)
    assert again.status_code == 409
    assert "it is 5 people now" in told(again)
    assert confirm(hr, again).request.path.startswith("/admin/jobs/")


def test_more_than_can_be_done_at_once_are_refused(app, hr, monkeypatch):
    monkeypatch.setattr(selection, "MOST", 3)
    page = hr.get(LIST + "do/transfer/?all=1")
    assert page.status_code == 422
    assert "Narrow the list" in told(page)


def departments_of_zoes(app):
    """Return where the people called Zoe are."""
    with app.app_context():
        return db.session.scalars(select(Employee.department_id).where(Employee.first_name == "Zoe")).all()


def test_what_changed_since_the_preview_is_shown_before_it_is_done(app, hr, sample):
    dee, eli, board = sample.people["Dee"], sample.people["Eli"], sample.departments["Board"]
    shown = preview(hr, do("transfer", dee, eli), department_id=board, reason="Kept")
    with app.app_context():
        values = {"department_id": sample.departments["Engineering"]}
        act("change_employee", employee_id=dee, version=stored(app, Employee, dee).version, values=values)
    again = confirm(hr, shown)
    assert again.status_code == 409
    assert "something changed since you looked" in told(again)
    assert "Engineering" in soup(again).select_one(".changes").text
    assert stored(app, Employee, eli).department_id == sample.departments["Platform"]
    assert "2 people changed." in told(confirm(hr, again))
    assert stored(app, Employee, dee).department_id == board


def test_who_is_gone_meanwhile_is_said(app, hr, sample):
    (zoe,) = add(app, 1)
    shown = preview(hr, do("transfer", sample.people["Dee"], zoe), department_id=sample.departments["Board"])
    with app.app_context():
        act("delete_employee", employee_id=zoe, version=stored(app, Employee, zoe).version)
    again = confirm(hr, shown)
    assert "1 of the chosen is no longer there" in told(again)
    assert chosen(again) == ["Dee"]
    assert "1 person changed." in told(confirm(hr, again))


def test_nothing_typed_or_chosen_is_lost(hr, sample):
    dee, eli = sample.people["Dee"], sample.people["Eli"]
    typed = {"department_id": sample.departments["Board"], "valid_from": "1999-01-01", "reason": "Kept"}
    refused = preview(hr, do("transfer", dee, eli), **typed)
    assert refused.status_code == 422
    assert errors(refused).keys() == {"valid_from", ""}
    assert typed.items() <= {name: type(typed.get(name, ""))(value) for name, value in pairs(refused)}.items()
    assert chosen(refused) == ["Dee", "Eli"]
    shown = send(hr, refused, ("step", "preview"), valid_from=today().isoformat())
    back = send(hr, shown, ("step", "form"))
    assert dict(pairs(back))["reason"] == "Kept"
    assert "Board" in soup(back).select_one("#department_id").text
    emptied = send(hr, back, ("step", "preview"), ids=[])
    assert "Leave at least one" in errors(emptied)[""]
    assert chosen(emptied) == ["Dee", "Eli"]


def test_without_a_tick_the_list_says_what_to_do(hr):
    page = send(hr, hr.get(LIST + "?search=dee"), ("action", "leave"))
    assert "Nothing is ticked" in told(page)
    assert len(rows(page)) == 1
    assert "Nothing is ticked" in told(hr.get(do("leave", "x"), follow_redirects=True))


def test_every_step_takes_a_token(hr, sample):
    form = hr.get(do("transfer", sample.people["Dee"]))
    data = {name: value for name, value in pairs(form) if name != "csrf_token"}
    for step in ("preview", "do", "form"):
        assert hr.client.post(do("transfer", sample.people["Dee"]), data=data | {"step": step}).status_code == 400
    assert hr.client.post(LIST + "action/", data={"action": "transfer", "ids": 1}).status_code == 400


def test_only_actions_one_has_the_right_to_are_offered(app, sample, make_role):
    view = {(Action.VIEW, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.EMPLOYMENT)}
    edit = {(Action.EDIT, subject): Scope.REPORTS for subject in (Subject.DIRECTORY, Subject.EMPLOYMENT)}
    with app.app_context():
        role = make_role("mover", view | edit | {(Action.VIEW, Subject.ORGANISATION): Scope.ALL})
        mover = account(role, "mover@sample.example", sample.people["Dee"])
    people, board = sample.people, sample.departments["Board"]
    browser = Browser(app).sign_in(mover)
    offered = [button["value"] for button in soup(browser.get(LIST)).select(".bulk-bar button")]
    assert offered == ["transfer", "change_manager", "assign_role", "come_back"]
    for name in ("raise_pay", "leave"):
        assert browser.get(do(name, people["Eli"])).status_code == 403
        assert browser.post(do(name, people["Eli"]), {"step": "do"}).status_code == 403
    # Nobody is below Dee, so each single person is refused by the action itself.
    refused = preview(browser, do("transfer", people["Eli"]), department_id=board)
    assert refused.status_code == 403
    assert stored(app, Employee, people["Eli"]).department_id != board


def test_who_may_only_look_sees_no_ticks(sample, browser):
    page = browser.sign_in(sample.users["manager"]).get(LIST)
    assert soup(page).select(".tick, .bulk-bar") == []
    assert browser.get(do("transfer", sample.people["Eli"])).status_code == 403


def test_unknown_action_is_not_there(hr):
    assert hr.get(do("delete_everything", 1)).status_code == 404
    assert hr.post(LIST + "action/", {"action": "hire", "ids": "1"}).status_code == 404
    assert hr.get("/admin/roles/do/transfer/?ids=1").status_code == 404


def test_page_of_one_person_leads_to_what_fits_them(hr, sample):
    def offered(person):
        links = soup(hr.get(f"{LIST}details/?id={sample.people[person]}")).select(".actions-list a")
        return {link["href"].split("/do/")[1].split("/")[0]: link["href"] for link in links}

    assert offered("Flo").keys() == {"come_back"}
    present = offered("Dee")
    assert present.keys() == {"transfer", "change_manager", "assign_role", "raise_pay", "leave"}
    done = confirm(hr, preview(hr, present["assign_role"], role_id=sample.roles["Clerk"]))
    assert "New role: 1 person changed." in told(done)
    assert soup(done).select_one("h1").text == "Dee O'Hara"


def test_pages_take_as_many_statements_for_many_as_for_few(app, hr):
    ids = add(app, 30)
    for url in (do("leave", *ids[:2]), f"{LIST}do/leave/?all=1&search=dee"):
        few = statements(hr.get(url))
        many = statements(hr.get(do("leave", *ids) if "ids" in url else f"{LIST}do/leave/?all=1"))
        assert many <= few <= 4
