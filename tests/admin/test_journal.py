"""The journal's pages, the history of records, and what changed since somebody last looked."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app import actions
from app.access.actor import operator
from app.accounts.models import User
from app.actions import Source
from app.changes import journal as writing
from app.changes.journal import Origin
from app.changes.tracking import Change, Operation
from app.changes.transaction import write
from app.core.clock import now
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from tests.applications import application, migrate
from tests.browsing import Browser, soup, statements
from tests.sample import account, act, stored

LIST = "/admin/journal/"
NOTE, HOME = "A secret note", "7 Secret Street"


@pytest.fixture
def begun(sample):
    """Return a filter for what changes from now on; the journal keeps the sets of earlier tests."""
    return f"flt9_from={now().isoformat().replace('+', '%2B')}"


def change(app, sample, name, reason=None, **values):
    """Change somebody's record as the operator; return the set's id."""
    with app.app_context():
        version = db.session.get_one(Employee, sample.people[name]).version
        arguments = {"employee_id": sample.people[name], "version": version, "values": values}
        outcome = actions.run("change_employee", actor=operator(), source=Source.CLI, reason=reason, **arguments)
        return outcome.change_set_id


def heads(page):
    """Return the headings of the sets on a page, each with the line below it."""
    assert page.status_code == 200
    found = soup(page).select(".set")
    return [(one.h3.a.get_text(), one.select_one(".set-line").get_text(" ", strip=True)) for one in found]


def lines(page):
    """Return what changed as it stands on a page: label, before, after."""
    rows = soup(page).select(".change-fields > div")

    def side(row, name):
        text = row.select_one(name)
        return text and re.sub(r"^(before|now): ", "", text.get_text())

    return [(row.dt.text, side(row, "del"), side(row, "ins")) for row in rows]


def details(set_id):
    """Return where a set is shown."""
    return f"{LIST}details/?id={set_id}"


def history(panel, record_id):
    """Return where a record's history is shown."""
    return f"/admin/{panel}/details/?id={record_id}&tab=history"


def test_list_tells_who_changed_what_and_why(app, sample, browser, begun):
    change(app, sample, "Eli", reason="They moved", phone="+1 2", location="Attic")
    page = browser.sign_in(sample.users["hr"]).get(f"{LIST}?{begun}")
    assert heads(page) == [("Employee changed: Eli García", "The operator · Command line · 1 record")]
    assert soup(page).select_one(".set-reason").text == "They moved"
    assert lines(page) == [("Phone", "+999 104", "+1 2"), ("Location", None, "Attic")]
    assert (
        soup(page).select_one(".set .change-head a")["href"] == f"/admin/employees/details/?id={sample.people['Eli']}"
    )


def test_page_of_a_set_tells_everything(app, sample, browser, begun):
    hr = browser.sign_in(sample.users["hr"])
    url = f"/admin/employees/edit/?id={sample.people['Dee']}"
    assert hr.submit(url, phone="+1 3").status_code == 303
    listed = hr.get(f"{LIST}?{begun}")
    assert heads(listed) == [("Employee changed: Dee O'Hara", "Hana 山田 · Panel · 1 record")]
    page = hr.get(soup(listed).select_one(".set h3 a")["href"])
    assert lines(page) == [("Phone", "+999 103", "+1 3")]
    assert soup(page).h1.text == "Employee changed: Dee O'Hara"
    assert "127.0.0.1" not in page.text  # where from is for who looks after accounts
    administrator = Browser(app).sign_in(sample.users["administrator"])
    assert "127.0.0.1" in administrator.get(page.request.full_path).text


@pytest.mark.parametrize(("role", "hidden"), [("hr", []), ("administrator", []), ("auditor", [NOTE, HOME])])
def test_no_page_tells_what_is_hidden(app, sample, browser, begun, role, hidden):
    eli = sample.people["Eli"]
    mixed = change(app, sample, "Eli", phone="+1 4", notes=NOTE, home_address=HOME)
    secret = change(app, sample, "Eli", notes=NOTE + "!", home_address=HOME + "!")
    reader = browser.sign_in(sample.users[role])
    pages = [f"{LIST}?{begun}", details(mixed), history("employees", eli), "/admin/", f"{LIST}?flt0_person={eli}"]
    for url in pages:
        answer = reader.get(url)
        assert answer.status_code == 200
        assert [text for text in (NOTE, HOME) if text in answer.text] == (
            [] if hidden or url == "/admin/" else [NOTE, HOME]
        ), url
        assert (f"id={secret}" in answer.text) is not bool(hidden) or url == details(mixed), url
    assert ("2 fields that you may not see" in reader.get(details(mixed)).text) is bool(hidden)
    assert reader.get(details(secret)).status_code == (404 if hidden else 200)
    for field in ("notes", "home_address"):
        found = len(heads(reader.get(f"{LIST}?{begun}&flt1_field={field}")))
        assert found == (0 if hidden else 2)
        options = {o["value"] for o in soup(reader.get(LIST)).select("select[name$=_field] option")}
        assert "phone" in options
        assert (field in options) is (role != "auditor" or field == "home_address")  # they have one of their own


def test_records_that_are_hidden_are_counted(app, sample, browser, begun):
    with app.app_context():
        eli, clerk = sample.people["Eli"], sample.roles["Clerk"]
        changes = [
            Change("pay", 1, eli, Operation.UPDATE, {"amount": 1}, {"amount": 98765}),
            Change("roles", clerk, None, Operation.UPDATE, {"level": 1}, {"level": 2}),
        ]
        set_id = write(lambda: writing.record(Origin("change_role", "cli"), changes))
    page = browser.sign_in(sample.users["auditor"]).get(details(set_id))
    assert "1 more record that you may not see" in page.text
    assert "98765" not in page.text
    assert "98,765" not in page.text


def test_filters_stand_above_the_list_and_can_be_taken_away(app, sample, browser, begun):
    change(app, sample, "Eli", phone="+1 5")
    change(app, sample, "Dee", location="Cellar")
    hr = browser.sign_in(sample.users["hr"])
    page = hr.get(f"{LIST}?{begun}&flt0_person={sample.people['Eli']}&flt1_field=phone&flt2_source=cli")
    assert [head for head, _line in heads(page)] == ["Employee changed: Eli García"]
    chips = [chip.get_text(" ", strip=True) for chip in soup(page).select("a.chip")]
    for words in ("Person changed : Eli García · 104", "Field : Phone", "Through : Command line"):
        assert any(words.replace(" :", ":") in chip.replace(" :", ":") for chip in chips), chips
    assert len(heads(hr.get(soup(page).select("a.chip")[0]["href"]))) >= 1
    nothing = hr.get(f"{LIST}?{begun}&flt0_person={sample.people['Bo']}")
    assert "Nothing found" in nothing.text
    for nonsense in ("x", "-1", "9" * 30, "%00", "²", "'"):
        for name in ("person", "by", "department", "role", "user", "from", "until", "entity", "field", "source"):
            assert hr.get(f"{LIST}?flt0_{name}={nonsense}").status_code == 200, (name, nonsense)
    for query in ("after=x", "before=x", "last=1", "page=9", "sort=5&desc=1", "search=eli"):
        assert hr.get(f"{LIST}?{query}").status_code == 200, query


def test_days_part_the_list_and_pages_follow_each_other(app, sample, browser, begun):
    for i in range(22):
        change(app, sample, "Eli", phone=str(i))
    hr = browser.sign_in(sample.users["hr"])
    first = hr.get(f"{LIST}?{begun}&page_size=20")
    second = hr.get(soup(first).select_one("a[rel=next]")["href"])
    assert (len(heads(first)), len(heads(second))) == (20, 2)
    assert [line[2] for line in lines(first) + lines(second)] == [str(i) for i in reversed(range(22))]
    tab = hr.get(history("employees", sample.people["Eli"]))
    assert len(heads(tab)) == 20
    assert lines(hr.get(soup(tab).select_one("a[rel=next]")["href"]))[0][2] == "1"
    whole = hr.get(soup(tab).select_one(".list-foot p a")["href"])
    assert len(heads(whole)) >= 22


def test_installation_without_a_change_says_so(tmp_path: Path):
    with application(f"sqlite:///{tmp_path}/empty.sqlite3", INSTANCE_PATH=str(tmp_path)) as app:
        migrate(app)
        with app.app_context():
            user_id = account("hr", "hr@sample.example")
        page = Browser(app).sign_in(user_id).get(LIST)
    assert "Nothing has been changed yet" in page.text


def test_large_set_is_shown_in_parts(app, sample, browser):
    with app.app_context():
        changes = [
            Change("roles", 10**6 + i, None, Operation.UPDATE, {"level": 1}, {"level": 2 + i % 5}) for i in range(230)
        ]
        set_id = write(lambda: writing.record(Origin("change_role", "system"), changes))
    hr = browser.sign_in(sample.users["hr"])
    url, counted, taken = details(set_id), [], set()
    while url:
        page = hr.get(url)
        counted.append(len(soup(page).select(".change")))
        taken.add(statements(page))
        following = soup(page).select_one("a[rel=next]")
        url = following and following["href"]
    assert counted == [100, 100, 30]
    assert len(taken) == 1
    for number in ("0", "-1", "x", "99"):
        assert hr.get(f"{details(set_id)}&page={number}").status_code == 200


# A record's history


@pytest.mark.parametrize(
    ("panel", "kind", "name", "role", "shown"),
    [
        ("employees", "people", "Eli", "hr", True),
        ("employees", "people", "Eli", "auditor", True),
        ("employees", "people", "Eli", "manager", False),
        ("departments", "departments", "Platform", "hr", True),
        ("roles", "roles", "Clerk", "auditor", True),
        ("users", "users", "staff", "administrator", True),
    ],
)
def test_history_is_a_tab_for_who_reads_the_journal(sample, browser, panel, kind, name, role, shown):
    record_id = getattr(sample, kind)[name]
    reader = browser.sign_in(sample.users[role])
    record = reader.get(f"/admin/{panel}/details/?id={record_id}")
    tabs = [tab.text for tab in soup(record).select(".tabs a")]
    assert tabs == (["Record", "History"] if shown else [])
    page = reader.get(history(panel, record_id))
    assert bool(soup(page).select(".set")) is shown
    if shown:
        current = soup(page).select_one(".tabs [aria-current]")
        assert current.text == "History"
        assert reader.get(soup(page).select_one(".list-foot p a")["href"]).status_code == 200


def test_history_of_somebody_tells_job_and_pay_of_theirs_only(app, sample, browser):
    with app.app_context():
        both = [sample.people["Eli"], sample.people["Dee"]]
        arguments = {"amount": "61000", "currency": "EUR", "period": "year", "valid_from": "2025-01-01"}
        act("raise_pay", employee_ids=both, **arguments)
        act("transfer", employee_ids=both, department_id=sample.departments["Board"], valid_from="2026-01-01")
    page = browser.sign_in(sample.users["hr"]).get(history("employees", sample.people["Eli"]))
    notes = [note.text for note in soup(page).select(".change-notes li")]
    assert "Pay from Jan 1, 2025: €61,000.00 a year" in notes
    assert "Job from Jan 1, 2026: Board, Engineer, under Cy Müller" in notes
    assert {name.text for name in soup(page).select(".change-head a")} == {"Eli García"}


# Since one last looked


def news(page):
    """Return what the HR home tells of what others changed."""
    return soup(page).select_one(".news")


def test_home_tells_what_others_changed_until_it_is_marked_as_seen(app, sample, browser):
    hr = browser.sign_in(sample.users["hr"])
    hr.post("/admin/looked/", {"until": now().isoformat()})
    change(app, sample, "Eli", phone="+1 6")
    change(app, sample, "Dee", phone="+1 7")
    hr.submit(f"/admin/employees/edit/?id={sample.people['Cy']}", phone="+1 8")
    page = hr.get("/admin/")
    words = " ".join(news(page).get_text(" ", strip=True).split())
    assert "2 changes by others since" in words
    assert "2 people affected" in words
    assert [a.text for a in news(page).select("li a")] == [
        "Employee changed: Dee O'Hara",
        "Employee changed: Eli García",
    ]
    assert len(heads(hr.get(news(page).select_one(".news-foot a")["href"]))) == 3
    later = change(app, sample, "Bo", phone="+1 9")  # after the page was made, so not seen on it
    form = {field["name"]: field["value"] for field in news(page).select("input")}
    assert hr.client.post("/admin/looked/", data=form).status_code == 303
    assert [a["href"] for a in news(hr.get("/admin/")).select("li a")] == [details(later)]


def test_looking_alone_marks_nothing(app, sample, browser):
    hr = browser.sign_in(sample.users["hr"])
    hr.get("/admin/")
    assert stored(app, User, sample.users["hr"]).looked_at is None
    hr.post("/admin/looked/", {"until": now().isoformat()})
    assert stored(app, User, sample.users["hr"]).looked_at is not None
    assert "Nothing changed by others since" in news(hr.get("/admin/")).text
    assert hr.post("/admin/looked/", {"until": "soon"}).status_code == 400


def test_first_look_goes_back_a_week(app, sample, browser, clock):
    clock.moment = now() - timedelta(days=8)
    old = change(app, sample, "Eli", phone="+1 10")
    clock.move(days=2)
    new = change(app, sample, "Eli", phone="+1 11")
    clock.move(days=6)
    hr = browser.sign_in(sample.users["hr"])
    all_of_it = news(hr.get("/admin/")).select_one(".news-foot a")["href"]
    listed = hr.get(f"{all_of_it}&flt1_person={sample.people['Eli']}&page_size=200&last=1").text
    assert details(new) in listed
    assert details(old) not in listed


def test_manager_has_no_journal_on_the_home(sample, browser):
    assert news(browser.sign_in(sample.users["manager"]).get("/admin/")) is None


# However many changes


def test_pages_take_as_many_statements_for_many_changes_as_for_few(app, sample, browser, begun):
    hr = browser.sign_in(sample.users["hr"])
    hr.post("/admin/looked/", {"until": now().isoformat()})
    board = sample.departments["Board"]
    urls = ("/admin/", f"{LIST}?{begun}", history("employees", sample.people["Eli"]), history("departments", board))

    def do(times, names, since):
        with app.app_context():
            ids = [sample.people[name] for name in names]
            for i in range(times):
                to = sample.departments["Platform"] if i % 2 else board
                day = f"{since}-{i + 1:02}-15"
                act("raise_pay", employee_ids=ids, valid_from=day, amount="61000", currency="EUR", period="year")
                act("transfer", employee_ids=ids, department_id=to, valid_from=day)
                version = db.session.get_one(Department, to).version
                act("change_department", department_id=to, version=version, values={"cost_centre": str(i)})
        return [statements(hr.get(url)) for url in urls]

    few = do(3, ["Eli"], 2024)
    assert do(12, ["Eli", "Dee", "Cy"], 2025) == few
    assert max(few) <= 14
