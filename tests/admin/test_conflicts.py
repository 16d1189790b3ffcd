"""Two browsers on one record: what doesn't overlap is merged, what does is shown from both sides, nothing is lost."""

from __future__ import annotations

import json
from datetime import date

import pytest

from app.access.grants import FIELDS, Action, Scope, Subject
from app.accounts.models import AccessRole, User
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role
from tests.browsing import Browser, errors, fields, filled, soup
from tests.sample import account, act, stored

ALERT = "Somebody else changed this record while you were editing it"


@pytest.fixture
def hr(sample, app):
    """Give the browser of somebody from HR."""
    return Browser(app).sign_in(sample.users["hr"])


@pytest.fixture
def admin(sample, app):
    """Give the browser of an administrator."""
    return Browser(app).sign_in(sample.users["administrator"])


def edit(record, panel="employees"):
    """Return where a record is edited."""
    return f"/admin/{panel}/edit/?id={record}"


def both_sides(page):
    """Return what the page shows of each field that both changed: theirs and the original, by label."""
    found = {}
    for one in soup(page).select("section[aria-labelledby=differences] fieldset.sides"):
        values = [value.get_text() for value in one.select(".side-value")]
        found[one.legend.text] = tuple(values)
    return found


def flashed(browser, answer):
    """Return what is said on the page that a saved form leads to."""
    assert answer.status_code == 303
    return soup(browser.get(answer.location)).select_one(".alert-success").get_text(strip=True)


def test_changes_of_different_fields_merge_and_the_second_is_told(app, hr, admin, sample):
    bo = sample.people["Bo"]
    mine, theirs = hr.get(edit(bo)), admin.get(edit(bo))
    answer = admin.client.post(edit(bo), data=filled(theirs, phone="+1", status="on_leave", fte="0.5"))
    assert flashed(admin, answer) == "The record was saved."
    answer = hr.client.post(edit(bo), data=filled(mine, location="Oslo", notes="Two\r\nlines", fte="1.0"))
    words = "Saved, together with changes that Ada Okafor made meanwhile: Phone, Status."
    assert flashed(hr, answer) == words
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.status, str(saved.fte)) == ("+1", Status.ON_LEAVE, "0.500")
    assert (saved.location, saved.notes) == ("Oslo", "Two\nlines")


def test_same_field_shows_both_sides_and_the_original_and_saves_nothing(app, hr, admin, sample):
    bo = sample.people["Bo"]
    mine = hr.get(edit(bo))
    admin.submit(
        edit(bo),
        phone="+1 theirs",
        status="on_leave",
        fte="0.5",
        department_id=sample.departments["Board"],
        manager_id="",
        birth_date="1980-01-02",
        legal_entity="Theirs AS",
    )
    typed = {
        "phone": "+1 mine",
        "status": "left",
        "fte": "0.75",
        "department_id": str(sample.departments["Platform"]),
        "manager_id": str(sample.people["Hana"]),
        "location": "Oslo",
        "left_on": "2024-01-31",
    }
    page = hr.client.post(edit(bo), data=filled(mine, **typed, change_kind="change", valid_from="2024-01-01"))
    assert page.status_code == 409
    assert ALERT in page.text
    assert "Ada Okafor saved it on " in page.text
    assert both_sides(page) == {
        "Phone": ("+1 theirs", "+999 101"),
        "Status": ("On leave", "Active"),
        "Hours (share of full time)": ("0.5", "1"),
        "Department": ("Board", "Engineering"),
        "Manager": ("–", "Ada Okafor · 100"),
    }
    again = fields(page)
    assert {name: again[name] for name in typed} == typed
    assert (again["change_kind"], again["valid_from"]) == ("change", "2024-01-01")
    assert (again["birth_date"], again["legal_entity"]) == ("1980-01-02", "Theirs AS")
    assert "What only they changed is in the form already: Legal entity, Birth date." in soup(page).text
    chosen = soup(page).select("select[data-lookup-url] option[selected]")
    assert [one.text for one in chosen] == ["Platform", "Hana 山田 · 106", "Director"]
    assert {again[f"take-{name}"] for name in ("phone", "status", "fte", "department_id", "manager_id")} == {"mine"}
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.location, saved.version) == ("+1 theirs", None, 2)


def test_saving_again_takes_mine_or_theirs_as_chosen(app, hr, admin, sample):
    bo = sample.people["Bo"]
    mine = hr.get(edit(bo))
    admin.submit(edit(bo), phone="+1 theirs", notes="Theirs", fte="0.5", location="Bergen", manager_id="")
    changes = {"phone": "+1 mine", "notes": "Mine", "fte": "0.75", "email": "new@sample.example"}
    page = hr.client.post(edit(bo), data=filled(mine, **changes, manager_id=sample.people["Hana"]))
    again = filled(page, **{"take-notes": "theirs", "take-fte": "theirs", "take-manager_id": "theirs"})
    assert flashed(hr, hr.client.post(edit(bo), data=again)) == "The record was saved."
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.notes, str(saved.fte), saved.manager_id) == ("+1 mine", "Theirs", "0.500", None)
    assert (saved.location, saved.email) == ("Bergen", "new@sample.example")


def test_third_change_meanwhile_merges_or_is_a_conflict_again(app, hr, admin, sample):
    bo = sample.people["Bo"]
    mine = hr.get(edit(bo))
    admin.submit(edit(bo), phone="1", notes="1")
    page = hr.client.post(edit(bo), data=filled(mine, phone="mine", notes="mine"))
    admin.submit(edit(bo), phone="2", location="Oslo", notes="2")
    page = hr.client.post(edit(bo), data=filled(page, **{"take-notes": "theirs"}))
    assert page.status_code == 409
    assert both_sides(page) == {"Phone": ("2", "1")}
    again = fields(page)
    assert (again["phone"], again["notes"], again["location"]) == ("mine", "2", "Oslo")
    admin.submit(edit(bo), legal_entity="AS")
    answer = hr.client.post(edit(bo), data=again)
    assert flashed(hr, answer) == "Saved, together with changes that Ada Okafor made meanwhile: Legal entity."
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.notes, saved.location, saved.legal_entity) == ("mine", "2", "Oslo", "AS")


def test_what_merging_breaks_is_told_at_its_field_and_can_be_put_right(app, hr, admin, sample):
    bo = sample.people["Bo"]
    mine = hr.get(edit(bo))
    admin.submit(edit(bo), hired_on="2013-01-01", phone="+1")
    page = hr.client.post(edit(bo), data=filled(mine, probation_until="2012-06-30", notes="Mine"))
    assert page.status_code == 422
    assert errors(page).keys() == {"probation_until", ""}
    assert (fields(page)["probation_until"], fields(page)["notes"]) == ("2012-06-30", "Mine")
    assert hr.client.post(edit(bo), data=filled(page, probation_until="2013-06-30")).status_code == 303
    saved = stored(app, Employee, bo)
    assert (saved.hired_on, saved.probation_until) == (date(2013, 1, 1), date(2013, 6, 30))
    assert (saved.phone, saved.notes) == ("+1", "Mine")


@pytest.mark.parametrize("was", [None, "", "{", "[1]", '{"phone": ["+999 101"], "location": 1.5}'])
def test_without_the_originals_every_difference_is_a_conflict(app, hr, admin, sample, was):
    bo = sample.people["Bo"]
    mine = hr.get(edit(bo))
    admin.submit(edit(bo), phone="theirs", location="Oslo")
    page = hr.client.post(edit(bo), data=filled(mine, notes="mine", was=was))
    assert page.status_code == 409
    assert both_sides(page) == {"Phone": ("theirs",), "Location": ("Oslo",), "Notes": ("Note on Bo",)}
    again = fields(page)
    assert (again["phone"], again["location"], again["notes"]) == ("+999 101", "", "mine")
    assert stored(app, Employee, bo).phone == "theirs"
    chosen = {"take-phone": "theirs", "take-location": "theirs"}
    assert hr.client.post(edit(bo), data=again | chosen).status_code == 303
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.location, saved.notes) == ("theirs", "Oslo", "mine")


def test_forged_originals_change_nothing_that_could_not_be_typed(app, admin, sample, make_role):
    """An editor of the directory claims to have known, and chooses to take, what they may neither see nor change."""
    with app.app_context():
        rights = {(action, Subject.DIRECTORY): Scope.ALL for action in (Action.VIEW, Action.EDIT)}
        name = make_role("desk", rights | {(Action.VIEW, Subject.EMPLOYMENT): Scope.ALL})
        desk = Browser(app).sign_in(account(name, "desk@sample.example"))
    bo = sample.people["Bo"]
    mine = desk.get(edit(bo))
    carried = json.loads(fields(mine)["was"])
    assert {"phone", "manager_id", "hired_on"} < carried.keys() <= {*FIELDS[Subject.DIRECTORY]}
    assert "Home Street" not in mine.text
    admin.submit(edit(bo), phone="theirs", notes="Secret two", home_address="Secret street", status="on_leave")
    forged = {"phone": "forged", "notes": "x", "home_address": "x", "status": "left", "version": "1", "hired_on": "x"}
    sent = filled(mine, phone="mine", was=json.dumps(forged), notes="x", home_address="x")
    page = desk.client.post(edit(bo), data=sent)
    assert page.status_code == 409
    assert both_sides(page) == {"Phone": ("theirs", "forged")}
    for words in ("Secret", "Note on Bo", "On leave", "Notes", "Home address"):
        assert words not in page.text, words
    taken = {"take-notes": "theirs", "take-status": "theirs", "take-version": "theirs", "take-phone": "theirs"}
    assert desk.client.post(edit(bo), data=fields(page) | taken).status_code == 303
    saved = stored(app, Employee, bo)
    assert (saved.phone, saved.notes, saved.status) == ("theirs", "Secret two", Status.ON_LEAVE)


@pytest.mark.everywhere
@pytest.mark.parametrize("value", [2**31 - 1, 0, True, "x", "9" * 30])
def test_taking_a_forged_side_is_like_typing_it(app, hr, sample, value):
    bo = sample.people["Bo"]
    page = hr.submit(edit(bo), was=json.dumps({"manager_id": value}), **{"take-manager_id": "theirs"})
    assert page.status_code == 422
    assert "manager_id" in errors(page)
    assert stored(app, Employee, bo).manager_id == sample.people["Ada"]


def test_choices_and_ticks_of_an_account_are_told_in_words(app, admin, sample):
    staff = sample.users["staff"]
    page = admin.get(edit(staff, "users"))
    with app.app_context():
        roles = {role.name: role.id for role in db.session.scalars(db.select(AccessRole))}
        values = {"access_role_id": roles["hr"], "is_active": False}
        act("change_user", user_id=staff, version=1, values=values)
    typed = {"access_role_id": roles["auditor"], "email": "mine@sample.example"}
    page = admin.client.post(edit(staff, "users"), data=filled(page, **typed))
    assert both_sides(page) == {"Access role": ("HR", "Staff")}
    assert "saved it on" not in page.text  # the operator, who has no name
    assert "What only they changed is in the form already: May sign in." in soup(page).text
    assert "is_active" not in fields(page)
    answer = admin.client.post(edit(staff, "users"), data=filled(page, **{"take-access_role_id": "theirs"}))
    assert answer.status_code == 303
    saved = stored(app, User, staff)
    assert (saved.email, saved.access_role_id, saved.is_active) == ("mine@sample.example", roles["hr"], False)


def test_departments_and_roles_merge_as_well(app, hr, admin, sample):
    platform, clerk = sample.departments["Platform"], sample.roles["Clerk"]
    for record, panel, first, second in (
        (platform, "departments", {"code": "PLT"}, {"lead_id": sample.people["Cy"]}),
        (clerk, "roles", {"level": "3"}, {"family": "Office"}),
    ):
        mine = hr.get(edit(record, panel))
        admin.submit(edit(record, panel), **first)
        answer = hr.client.post(edit(record, panel), data=filled(mine, **second))
        assert flashed(hr, answer).startswith("Saved, together with changes that Ada Okafor made meanwhile: ")
    department, role = stored(app, Department, platform), stored(app, Role, clerk)
    assert (department.code, department.lead_id) == ("PLT", sample.people["Cy"])
    assert (role.level, role.family) == (3, "Office")


def test_who_loses_sight_of_the_record_by_saving_it_is_told_that_it_was_saved(app, sample, make_role):
    with app.app_context():
        rights = {(Action.EDIT, Subject.DIRECTORY): Scope.ALL, (Action.VIEW, Subject.DIRECTORY): Scope.DEPARTMENT}
        name = make_role("local", rights | {(Action.VIEW, Subject.EMPLOYMENT): Scope.DEPARTMENT})
        local = Browser(app).sign_in(account(name, "local@sample.example", sample.people["Dee"]))
    eli = sample.people["Eli"]
    answer = local.submit(edit(eli), department_id=sample.departments["Board"])
    assert answer.status_code == 303
    assert stored(app, Employee, eli).department_id == sample.departments["Board"]
