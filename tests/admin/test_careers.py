"""Job and pay history on a person's page: plans taken back, pay corrected and removed, by who may and nobody else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.access.grants import Action, Scope, Subject
from app.changes.journal import ChangeSet
from app.core.clock import today
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee
from app.people.history import Pay
from tests.browsing import Browser, errors, fields, filled, soup
from tests.sample import account, act

AHEAD = today() + timedelta(days=40)
PANEL = "/admin/employees/"


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def details(person):
    """Return where somebody's histories stand."""
    return f"{PANEL}details/?id={person}"


def ways(page):
    """Return what can be done with each row of a history, by its first cell: the words of the links and where to."""
    found = {}
    for row in soup(page).select("main table.grid tbody tr"):
        links = {a.find(string=True): a["href"] for a in row.select(".ways a")}
        found[row.select_one("td").find(string=True)] = links
    return found


def way(browser, person, label):
    """Return where the only link with these words on somebody's page leads to."""
    (url,) = [links[label] for links in ways(browser.get(details(person))).values() if label in links]
    return url


def pay(app, person, amount="1000", **more):
    """Pay somebody from 2020 on, or from another day."""
    values = {"amount": amount, "currency": "EUR", "valid_from": "2020-01-01", **more}
    with app.app_context():
        act("raise_pay", employee_ids=[person], **values)


def plan(app, sample, person, action="transfer", on=AHEAD, **values):
    """Plan a transfer to the Board, or something else."""
    values = values or {"department_id": sample.departments["Board"]}
    with app.app_context():
        act(action, employee_ids=[person], **{"valid_from": on, **values})


def jobs(app, person):
    """Return a job history: first days and departments."""
    with app.app_context():
        return [(job.valid_from, job.department_id) for job in assignments.of(person)]


def pays(app, person):
    """Return a pay history."""
    with app.app_context():
        rows = db.session.scalars(select(Pay).where(Pay.employee_id == person).order_by(Pay.valid_from))
        return [(str(row.amount), row.currency, row.period, row.reason, row.valid_from, row.valid_to) for row in rows]


def last_set(app):
    """Return the action and the reason of the latest change."""
    with app.app_context():
        last = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
        return last.action, last.reason


def test_planned_transfer_is_taken_back_with_a_reason(app, hr, sample):
    eli = sample.people["Eli"]
    before = jobs(app, eli)
    plan(app, sample, eli)
    url = way(hr, eli, "Cancel…")
    page = hr.get(url)
    assert "Board" in soup(page).select_one(".facts").text
    assert "what holds before it goes on" in page.text
    done = hr.client.post(url, data=filled(page, reason="She stays"))
    assert (done.status_code, done.location) == (303, details(eli))
    assert "The plan was cancelled." in hr.get(done.location).text
    assert jobs(app, eli) == before
    assert last_set(app) == ("cancel_planned", "She stays")
    assert hr.get(url).status_code == 404
    late = hr.client.post(url, data=filled(page))
    assert "This is not there any more" in hr.get(late.location).text


def test_only_what_lies_ahead_can_be_cancelled(app, hr, sample):
    with app.app_context():
        values = {"number": "1", "first_name": "New", "hired_on": AHEAD - timedelta(days=9)}
        newcomer = act("hire", values=values)
    plan(app, sample, newcomer)
    found = ways(hr.get(details(newcomer)))
    assert [list(links) for links in found.values()] == [["Cancel…"], []], "the first stretch is how somebody begins"
    first = min(jobs(app, newcomer))
    with app.app_context():
        row = assignments.of(newcomer)[0].id
    assert hr.get(f"{PANEL}cancel-planned/?id={newcomer}&row={row}").status_code == 404
    refused = hr.post(f"{PANEL}cancel-planned/?id={newcomer}&row={row}", {"version": 2})
    assert "This has taken effect already." in errors(refused)[""]
    assert first in jobs(app, newcomer)


def test_on_the_last_day_of_work_nothing_counts_as_planned(app, hr, sample):
    dee = sample.people["Dee"]
    plan(app, sample, dee, on="2020-01-01")
    with app.app_context():
        act("leave", employee_ids=[dee], left_on=today())
    page = hr.get(details(dee))
    assert "could not take effect" not in page.text
    assert not any(ways(page).values())


def test_cancelling_a_leaving_says_that_the_person_stays(app, hr, sample):
    dee = sample.people["Dee"]
    with app.app_context():
        act("leave", employee_ids=[dee], left_on=AHEAD)
    url = way(hr, dee, "Cancel…")
    assert "the person stays, and their pay goes on" in hr.get(url).text
    assert hr.submit(url).status_code == 303
    assert len(jobs(app, dee)) == 1


def test_plan_that_changed_since_it_was_shown_is_not_taken_back_unseen(app, hr, sample):
    eli = sample.people["Eli"]
    plan(app, sample, eli)
    url = way(hr, eli, "Cancel…")
    page = hr.get(url)
    plan(app, sample, eli, department_id=sample.departments["Engineering"])
    again = hr.client.post(url, data=filled(page, reason="Kept"))
    assert again.status_code == 409
    assert "Somebody else changed this meanwhile." in errors(again)[""]
    assert "Engineering" in soup(again).select_one(".facts").text
    assert fields(again)["reason"] == "Kept"
    assert len(jobs(app, eli)) == 2
    assert hr.client.post(url, data=filled(again)).status_code == 303
    assert len(jobs(app, eli)) == 1


def test_pay_is_corrected_from_its_beginning(app, hr, sample):
    cy = sample.people["Cy"]
    assert soup(hr.get(details(cy))).find("a", string="First pay…")["href"] == f"{PANEL}do/raise_pay/?ids={cy}"
    pay(app, cy, pay_reason="Hired")
    page = hr.get(way(hr, cy, "Correct…"))
    assert f"{PANEL}do/raise_pay/?ids={cy}" in [a["href"] for a in soup(page).select("main form a")]
    typed = fields(page)
    assert (typed["amount"], typed["currency"], typed["period"], typed["pay_reason"]) == (
        "1000",
        "EUR",
        "year",
        "Hired",
    )
    url = way(hr, cy, "Correct…")
    done = hr.client.post(url, data=filled(page, amount="1234.5", currency="usd", period="month", reason="A slip"))
    assert "The pay was corrected." in hr.get(done.location).text
    assert pays(app, cy) == [("1234.50", "USD", "month", "Hired", date(2020, 1, 1), None)]
    assert last_set(app) == ("correct_pay", "A slip")


def test_wrong_pay_is_told_at_its_fields_and_what_was_typed_is_kept(app, hr, sample):
    cy = sample.people["Cy"]
    pay(app, cy)
    before = pays(app, cy)
    wrong = {"amount": "-1", "currency": "E", "period": "century", "pay_reason": "Kept", "reason": "Why"}
    page = hr.submit(way(hr, cy, "Correct…"), **wrong)
    assert page.status_code == 422
    assert errors(page)["period"] == "Choose one of the list."
    page = hr.client.post(way(hr, cy, "Correct…"), data=filled(page, period="hour", pay_reason="x" * 201))
    assert "Use at most 200 characters" in errors(page)["pay_reason"]
    page = hr.client.post(way(hr, cy, "Correct…"), data=filled(page, pay_reason="Kept"))
    assert errors(page)["amount"] == "Enter an amount of 0 or more."
    assert errors(page)["currency"] == "Enter a currency like EUR."
    kept = fields(page)
    assert {name: kept[name] for name in wrong} == wrong | {"period": "hour"}
    assert "reason" in errors(hr.client.post(way(hr, cy, "Correct…"), data=filled(page, reason="x" * 501)))
    assert pays(app, cy) == before


def test_pay_that_changed_since_it_was_shown_is_not_overwritten_unseen(app, hr, sample):
    cy = sample.people["Cy"]
    pay(app, cy)
    url = way(hr, cy, "Correct…")
    page = hr.get(url)
    assert hr.client.post(url, data=filled(page, amount="2000")).status_code == 303
    again = hr.client.post(url, data=filled(page, amount="3000"))
    assert again.status_code == 409
    assert "€2,000.00 a year" in soup(again).select_one(".facts").text
    assert fields(again)["amount"] == "3000"
    assert pays(app, cy)[0][0] == "2000.00"
    assert hr.client.post(url, data=filled(again)).status_code == 303
    assert pays(app, cy)[0][0] == "3000.00"


def test_pay_entered_by_mistake_is_removed_and_a_planned_one_cancelled(app, hr, sample):
    cy = sample.people["Cy"]
    pay(app, cy)
    pay(app, cy, "1500", valid_from="2022-01-01")
    pay(app, cy, "2000", valid_from=AHEAD)
    planned, mistaken, first = [links for links in ways(hr.get(details(cy))).values() if links]
    assert list(planned) == ["Correct…", "Cancel…"]
    assert list(mistaken) == list(first) == ["Correct…", "Remove…"]
    assert "€1,500.00 a year, goes on instead" in hr.get(planned["Cancel…"]).text
    assert "without a pay then" in hr.get(first["Remove…"]).text
    assert hr.submit(planned["Cancel…"]).status_code == 303
    assert hr.submit(mistaken["Remove…"], reason="Of somebody else").status_code == 303
    assert pays(app, cy) == [("1000.00", "EUR", "year", None, date(2020, 1, 1), None)]
    assert last_set(app) == ("remove_pay", "Of somebody else")


def test_who_may_only_look_is_offered_nothing(app, sample, make_role):
    eli = sample.people["Eli"]
    pay(app, eli, valid_from="2022-01-01")
    plan(app, sample, eli)
    see = {(Action.VIEW, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.EMPLOYMENT)}
    looks = make_role("looks", see | {(Action.VIEW, Subject.COMPENSATION): Scope.ALL})
    pays_only = make_role("pays", see | {(a, Subject.COMPENSATION): Scope.ALL for a in (Action.VIEW, Action.EDIT)})
    plans = {(Action.EDIT, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.EMPLOYMENT)}
    plans_only = make_role("plans", see | plans)
    with app.app_context():
        rows = {"cancel-planned": assignments.of(eli)[-1].id}
        rows["correct-pay"] = rows["remove-pay"] = db.session.scalars(select(Pay.id)).one()
    for role, offered in (
        (looks, set()),
        (pays_only, {"Correct…", "Remove…"}),
        (plans_only, {"Cancel…"}),
    ):
        with app.app_context():
            user = account(role, f"{role}@sample.example")
        browser = Browser(app).sign_in(user)
        links = ways(browser.get(details(eli)))
        assert {label for row in links.values() for label in row} == offered, role
        for page, row in rows.items():
            may = page == "cancel-planned" if role == plans_only else role == pays_only and page != "cancel-planned"
            url = f"{PANEL}{page}/?id={eli}&row={row}"
            assert browser.get(url).status_code == (200 if may else 403), (role, page)
            assert may or browser.post(url, {"version": 1}).status_code == 403
    with app.app_context():
        assert db.session.get_one(Employee, eli).version == 1
    assert len(jobs(app, eli)) == 2
    assert len(pays(app, eli)) == 1


def test_leaving_is_cancelled_only_by_who_may_record_one(app, sample, make_role):
    dee = sample.people["Dee"]
    with app.app_context():
        act("leave", employee_ids=[dee], left_on=AHEAD)
        row = assignments.of(dee)[-1].id
    rights = [(a, s) for a in (Action.VIEW, Action.EDIT) for s in (Subject.DIRECTORY, Subject.EMPLOYMENT)]
    role = make_role("plans", dict.fromkeys(rights, Scope.ALL))
    with app.app_context():
        browser = Browser(app).sign_in(account(role, "plans@sample.example"))
    assert not any(ways(browser.get(details(dee))).values())
    url = f"{PANEL}cancel-planned/?id={dee}&row={row}"
    assert browser.get(url).status_code == browser.post(url, {"version": 1}).status_code == 403


def test_row_of_somebody_else_is_not_reached(app, hr, sample):
    pay(app, sample.people["Cy"])
    plan(app, sample, sample.people["Cy"])
    for label in ("Correct…", "Remove…", "Cancel…"):
        url = way(hr, sample.people["Cy"], label)
        other = url.replace(f"id={sample.people['Cy']}&", f"id={sample.people['Eli']}&")
        assert other != url
        assert hr.get(other).status_code == 404
