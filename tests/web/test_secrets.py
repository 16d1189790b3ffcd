"""What somebody may not see stands on no page, list, export, form or look-up that they can open.

Each person's record holds a word of its own in each field group; every page is searched for the words that its reader
may not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select

from app.access.grants import FIELDS, Action, Scope, Subject
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Pay, PayPeriod
from app.reading.people import FILTERS
from tests.browsing import Browser
from tests.rules.test_access_grid import WHO, browser_of, rows
from tests.sample import Sample, account, act
from tests.writing import commit

GROUPS = (Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE, Subject.COMPENSATION, Subject.NOTES)
PEOPLE = ("Ada", "Bo", "Cy", "Dee", "Eli", "Flo", "Hana")
HERE = set(PEOPLE) - {"Flo"}
OWNER = {"staff": "Eli", "manager": "Bo", "auditor": "Cy"}
BELOW_BO = {"Bo", "Cy", "Dee", "Eli"}


def word(name: str, group: Subject) -> str:
    """Return the word that stands in somebody's field group."""
    return f"q{group.value}q{name}q".lower()


def planted(name: str) -> dict[str, str]:
    """Return fields of a person with their words."""
    return {
        "location": word(name, Subject.DIRECTORY),
        "legal_entity": word(name, Subject.EMPLOYMENT),
        "home_address": word(name, Subject.PRIVATE),
        "personal_email": f"{word(name, Subject.PRIVATE)}@home.example",
        "personal_phone": f"+1 {word(name, Subject.PRIVATE)}",
        "emergency_name": word(name, Subject.PRIVATE),
        "emergency_phone": f"+2 {word(name, Subject.PRIVATE)}",
        "notes": word(name, Subject.NOTES),
    }


@pytest.fixture
def secrets(app: Flask, sample: Sample) -> Sample:
    """Give the sample with a word in each field group of each person."""
    with app.app_context():
        for number, name in enumerate(PEOPLE):
            employee_id = sample.people[name]
            version = db.session.scalar(select(Employee.version).where(Employee.id == employee_id))
            act("change_employee", employee_id=employee_id, version=version, values=planted(name))
            db.session.add(
                Pay(
                    employee_id=employee_id,
                    amount=Decimal(70_001 + number),
                    currency="EUR",
                    period=PayPeriod.YEAR,
                    reason=word(name, Subject.COMPENSATION),
                    valid_from=date(2022, 12, 1) if name != "Flo" else date(2018, 1, 1),
                )
            )
            commit()
    return sample


def may_see(who: str, name: str, group: Subject) -> bool:
    """Say what the requirements say: who sees which group of whom."""
    if who == "stranger":
        return False
    if who in ("hr", "administrator") or OWNER[who] == name:
        return group is not Subject.NOTES or who in ("hr", "administrator")
    if group is Subject.EMPLOYMENT:
        return who == "auditor" or (who == "manager" and name in BELOW_BO)
    return group is Subject.DIRECTORY and (name in HERE or who == "auditor")


def urls(sample: Sample) -> Iterator[str]:
    """Give every URL there is to look at, for everybody and everything."""
    for row in rows():
        if row.method == "GET" and row.endpoint != "static":
            yield row.url_for(sample)
    for number in range(100, 107):
        yield f"/people/{number}"
    for panel, ids in (("employees", sample.people), ("departments", sample.departments), ("users", sample.users)):
        for row_id in ids.values():
            yield from (f"/admin/{panel}/{view}/?id={row_id}" for view in ("details", "edit", "delete"))
    for sort in range(7):
        yield f"/admin/employees/?sort={sort}&page_size=200"
        yield f"/admin/employees/export/csv/?sort={sort}&desc=1"
    for name in FILTERS:
        yield f"/admin/employees/?flt0_{name}=1"
    yield "/admin/employees/?flt0_is_here=0"
    yield "/admin/employees/export/csv/?flt0_is_here=0"
    for department_id in sample.departments.values():
        yield f"/directory?department={department_id}"


@pytest.mark.parametrize("who", WHO)
def test_word_stands_only_where_its_reader_may_see_it(app: Flask, secrets: Sample, who: str) -> None:
    browser = browser_of(app, secrets, who)
    found: set[str] = set()
    every = {word(name, group): (name, group) for name in PEOPLE for group in GROUPS}
    hidden = {text for text, (name, group) in every.items() if not may_see(who, name, group)}
    amounts = {f"70,00{n + 1}" for n, name in enumerate(PEOPLE) if not may_see(who, name, Subject.COMPENSATION)}
    for url in urls(secrets):
        text = browser.get(url, buffered=True).text.lower()
        assert not (shown := sorted(one for one in hidden | amounts if one in text)), f"{who} reads {shown} on {url}"
        found |= {one for one in every if one in text}
    assert found == set(every) - hidden  # or the words were never there to be hidden


@pytest.mark.parametrize("who", ["staff", "manager", "auditor"])
def test_nobody_is_found_by_what_may_not_be_seen(app: Flask, secrets: Sample, who: str) -> None:
    browser = browser_of(app, secrets, who)
    for name in PEOPLE:
        for text in (word(name, Subject.PRIVATE), word(name, Subject.NOTES), word(name, Subject.COMPENSATION)):
            assert 'href="/people/' not in browser.get(f"/directory?search={quote(text)}").text
            assert browser.get(f"/lookup/employee?query={quote(text)}").json == []
            panel = browser.get(f"/admin/employees/?search={quote(text)}")
            assert panel.status_code == 403 or "/admin/employees/details/?id=" not in panel.text


@pytest.mark.parametrize("who", ["staff", "manager"])
def test_leaver_is_on_no_page(app: Flask, secrets: Sample, who: str) -> None:
    browser, flo = browser_of(app, secrets, who), secrets.people["Flo"]
    for url in [*urls(secrets), "/directory?search=flo", "/directory?search=105", "/lookup/employee?query=105"]:
        if f"id={flo}" not in url and "105" not in url:
            text = browser.get(url, buffered=True).text
            assert "Flo Ng" not in text, url
            assert "flo@sample.example" not in text, url
    assert browser.get("/people/105").status_code == 404
    assert browser.get("/lookup/employee?query=105").json == []
    assert "/people/" not in browser.get("/directory?search=105").text


def test_form_and_file_hold_the_groups_one_may_change_and_take_away(
    app: Flask, secrets: Sample, make_role: Callable[..., str]
) -> None:
    grants = {(Action.VIEW, group): Scope.ALL for group in (Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE)}
    grants |= {(Action.EDIT, Subject.DIRECTORY): Scope.ALL, (Action.EDIT, Subject.PRIVATE): Scope.ALL}
    grants |= {(Action.EXPORT, Subject.DIRECTORY): Scope.ALL, (Action.EXPORT, Subject.EMPLOYMENT): Scope.ALL}
    with app.app_context():
        user_id = account(make_role("partner", grants), "partner@sample.example")
    browser, eli = Browser(app).sign_in(user_id), secrets.people["Eli"]
    form = browser.get(f"/admin/employees/edit/?id={eli}").text
    for group, is_there in ((Subject.PRIVATE, True), (Subject.EMPLOYMENT, False), (Subject.NOTES, False)):
        assert (word("Eli", group) in form) is is_there, group
        for field in FIELDS[group]:
            assert (f'name="{field}"' in form) is (is_there and field != "custom"), field
    details = browser.get(f"/admin/employees/details/?id={eli}").text
    assert word("Eli", Subject.EMPLOYMENT) in details
    assert word("Eli", Subject.NOTES) not in details
    assert word("Eli", Subject.COMPENSATION) not in details
    file = browser.get("/admin/employees/export/csv/", buffered=True).text
    for name in PEOPLE:
        assert word(name, Subject.DIRECTORY) in file
        assert word(name, Subject.EMPLOYMENT) in file
        assert word(name, Subject.PRIVATE) not in file
        assert word(name, Subject.NOTES) not in file
    assert browser.submit(f"/admin/employees/edit/?id={eli}", phone="+47").status_code == 303
    with app.app_context():
        person = db.session.get_one(Employee, eli)
        assert (person.phone, person.notes) == ("+47", word("Eli", Subject.NOTES))


def test_field_slipped_into_a_form_changes_nothing(app: Flask, secrets: Sample, make_role: Callable[..., str]) -> None:
    grants = {(Action.VIEW, group): Scope.ALL for group in (Subject.DIRECTORY, Subject.EMPLOYMENT)}
    grants |= {(Action.EDIT, Subject.DIRECTORY): Scope.ALL}
    with app.app_context():
        user_id = account(make_role("clerk", grants), "clerk@sample.example")
    browser, eli = Browser(app).sign_in(user_id), secrets.people["Eli"]
    url = f"/admin/employees/edit/?id={eli}"
    slipped = {"notes": "mine", "status": "left", "left_on": "2026-01-01", "home_address": "mine", "employee_id": "1"}
    assert browser.submit(url, phone="+47", **slipped).status_code == 303
    staff = browser_of(app, secrets, "staff")
    assert staff.submit("/account", phone="+48", notes="mine", number="1", version=None).status_code in (303, 409)
    assert staff.submit("/account", phone="+49", notes="mine", number="1", status="left").status_code == 303
    with app.app_context():
        person = db.session.get_one(Employee, eli)
        assert (person.phone, person.notes, person.status.value) == ("+49", word("Eli", Subject.NOTES), "active")
        assert (person.number, person.home_address) == ("104", word("Eli", Subject.PRIVATE))
