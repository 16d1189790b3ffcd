"""A change made from old values: merged field by field, refused only where both sides changed the same one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.actions.guard import merged
from app.core.problems import Conflict, Invalid
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee, EmploymentType, Status
from app.people.role import Role
from tests.sample import act, stored
from tests.threads import at_once

NOW = {
    "first_name": "Bo",
    "last_name": "",
    "phone": "+1",
    "location": None,
    "fte": Decimal("0.500"),
    "hired_on": date(2020, 1, 1),
    "status": Status.ACTIVE,
    "employment_type": EmploymentType.INTERN,
    "manager_id": 7,
    "notes": "One\nTwo",
}


def row(**values):
    """Return somebody of whom version 5 was read last, and version 7 is there now."""
    return Employee(**(NOW | values), version=7)


def conflict(*args):
    """Return the conflict that merging ends in."""
    with pytest.raises(Conflict) as told:
        merged(*args)
    return told.value


def test_from_the_present_version_all_is_taken_whatever_the_originals_say():
    wanted = {"phone": "+2", "location": "Oslo"}
    assert merged(row(), 7, wanted) == wanted
    assert merged(row(), 7, wanted, {"phone": "+2", "location": "x"}) == wanted


def test_what_only_one_side_changed_keeps_that_sides_value():
    person = row(phone="+1 theirs")
    original = {"phone": "+1", "location": "", "manager_id": 7}
    wanted = {"phone": "+1", "location": "Oslo", "manager_id": 7}
    assert merged(person, 5, wanted, original) == {"location": "Oslo"}
    assert person.phone == "+1 theirs"


def test_what_both_changed_is_told_with_all_that_is_known_and_nothing_else():
    person = row(phone="+1 theirs", fte=Decimal("0.8"))
    original = {"phone": "+1", "location": None, "fte": "0.5"}
    told = conflict(person, 5, {"phone": "+1 mine", "location": "Oslo", "fte": Decimal("0.5")}, original)
    assert (told.version, told.theirs, told.original) == (7, {"phone": "+1 theirs"}, {"phone": "+1"})
    assert told.kept == {"fte": Decimal("0.8")}


def test_same_change_on_both_sides_is_none_to_argue_about():
    assert merged(row(phone="+2"), 5, {"phone": "+2"}, {"phone": "+1"}) == {"phone": "+2"}
    assert merged(row(phone="+2"), 5, {"phone": "+2"}) == {}


@pytest.mark.parametrize(
    ("field", "spelled"),
    [
        ("fte", "0.5"),
        ("fte", ".50"),
        ("hired_on", "2020-01-01"),
        ("status", "active"),
        ("manager_id", "7"),
        ("notes", "One\r\nTwo "),
        ("last_name", None),
        ("location", ""),
    ],
)
def test_originals_are_read_as_they_were_spelled_for_typing(field, spelled):
    """Left alone by them, so mine is taken; left alone by me, so theirs stays."""
    mine = {"fte": Decimal(1), "hired_on": date(2021, 1, 1), "status": Status.ON_LEAVE, "manager_id": 9}.get(field, "x")
    assert merged(row(), 5, {field: mine}, {field: spelled}) == {field: mine}
    assert merged(row(**{field: mine}), 5, {field: NOW[field]}, {field: spelled}) == {}


@pytest.mark.parametrize("original", [None, {}, {"location": "x"}, {"fte": "half"}, {"fte": ["1"]}, {"fte": {}}])
def test_without_a_readable_original_every_difference_is_a_conflict(original):
    told = conflict(row(), 5, {"fte": Decimal(1), "phone": "+1"}, original)
    assert (told.theirs, told.original, told.kept) == ({"fte": Decimal("0.5")}, {}, {"phone": "+1"})


@pytest.mark.parametrize("version", [0, -1, 8, 10**9])
def test_version_that_nobody_gave_out_vouches_for_nothing(version):
    assert conflict(row(), version, {"phone": "+2"}, {"phone": "+1"}).theirs == {"phone": "+1"}


# Through the actions


def change(person, values, original, version=1, **more):
    """Change somebody from what was read as version 1."""
    return act("change_employee", employee_id=person, version=version, values=values, original=original, **more)


@pytest.fixture
def cy(context, sample):
    """Return Cy's id."""
    return sample.people["Cy"]


def test_two_changes_of_different_fields_are_both_there(app, cy, sample):
    act("change_employee", employee_id=cy, version=1, values={"phone": "+2"})
    change(cy, {"phone": "+999 102", "location": "Oslo"}, {"phone": "+999 102", "location": None})
    saved = stored(app, Employee, cy)
    assert (saved.phone, saved.location, saved.version) == ("+2", "Oslo", 3)


def test_conflict_saves_nothing_not_even_what_does_not_overlap(app, cy):
    act("change_employee", employee_id=cy, version=1, values={"phone": "+2"})
    with pytest.raises(Conflict):
        change(cy, {"phone": "+3", "location": "Oslo"}, {"phone": "+999 102", "location": None})
    saved = stored(app, Employee, cy)
    assert (saved.phone, saved.location, saved.version) == ("+2", None, 2)


def test_job_history_follows_what_both_changed(app, cy, sample):
    """One moves Cy from a day on, the other gives a new role from the same day; both hold in one stretch."""
    board, clerk, engineer = sample.departments["Board"], sample.roles["Clerk"], sample.roles["Engineer"]
    engineering, day = sample.departments["Engineering"], date(2023, 5, 1)
    original = {"department_id": engineering, "role_id": engineer, "status": "active"}
    change(cy, {"department_id": board}, None, valid_from=day)
    change(cy, {"department_id": engineering, "role_id": clerk, "status": "active"}, original, valid_from=day)
    history = [(s.valid_from, s.department_id, s.role_id) for s in assignments.of(cy)]
    assert history == [(date(2015, 6, 15), engineering, engineer), (day, board, clerk)]


def test_rule_that_only_the_merged_values_break_is_told_at_its_field(app, cy, sample):
    act("change_employee", employee_id=cy, version=1, values={"hired_on": "2016-01-01"})
    values = {"hired_on": "2015-06-15", "probation_until": "2015-12-15"}
    with pytest.raises(Invalid) as refused:
        change(cy, values, {"hired_on": "2015-06-15", "probation_until": None})
    assert refused.value.errors.keys() == {"probation_until"}
    assert stored(app, Employee, cy).probation_until is None


def test_last_day_meets_the_status_that_somebody_else_gave(app, sample):
    dee = sample.people["Dee"]
    with app.app_context():
        act("change_employee", employee_id=dee, version=1, values={"status": "left", "left_on": "2024-01-31"})
        original = {"status": "active", "left_on": "", "leaving_reason": ""}
        change(dee, {"status": "active", "left_on": "", "leaving_reason": "Moved"}, original)
        with pytest.raises(Invalid) as refused:
            change(dee, {"status": "left", "left_on": ""}, {"status": "left", "left_on": "2024-01-31"}, version=2)
    assert refused.value.errors.keys() == {"left_on"}
    saved = stored(app, Employee, dee)
    assert (saved.status, saved.left_on, saved.leaving_reason) == (Status.LEFT, date(2024, 1, 31), "Moved")


@pytest.mark.usefixtures("context")
def test_department_role_and_account_merge_as_well(app, sample):
    platform, clerk, staff = sample.departments["Platform"], sample.roles["Clerk"], sample.users["staff"]
    act("change_department", department_id=platform, version=1, values={"code": "PLT"})
    act(
        "change_department",
        department_id=platform,
        version=1,
        values={"code": None, "cost_centre": "9"},
        original={"code": None, "cost_centre": None},
    )
    act("change_role", role_id=clerk, version=1, values={"level": 3})
    empty = {"level": "", "family": ""}
    act("change_role", role_id=clerk, version=1, values=empty | {"family": "F"}, original=empty)
    role = db.session.get_one(Role, clerk)
    assert (role.level, role.family) == (3, "F")
    act("change_user", user_id=staff, version=1, values={"is_active": False})
    original = {"email": "staff@sample.example", "is_active": True}
    act(
        "change_user",
        user_id=staff,
        version=1,
        values={"email": "new@sample.example", "is_active": True},
        original=original,
    )
    with pytest.raises(Conflict) as told:
        act("change_user", user_id=staff, version=1, values={"email": "other@sample.example"}, original=original)
    assert told.value.theirs == {"email": "new@sample.example"}


def test_of_changes_at_once_to_different_fields_none_is_lost(app, sample):
    """Each attempt that meets another's is run again, and merges with what is there by then."""
    bo = sample.people["Bo"]
    names = ("location", "legal_entity", "personal_phone", "emergency_name")
    original = dict.fromkeys(names)
    for version in (1, 5, 9):
        wanted = {name: f"{name} {version}" for name in names}

        def work(name, version=version, wanted=wanted, original=original):
            return lambda: change(bo, {**original, name: wanted[name]}, original, version)

        assert at_once(app, *(work(name) for name in names)) == [bo] * 4
        person = stored(app, Employee, bo)
        assert {name: getattr(person, name) for name in names} == wanted
        assert person.version == version + 4
        original = wanted
