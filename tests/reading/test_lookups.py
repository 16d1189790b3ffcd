"""Choices found by typing."""

from __future__ import annotations

from datetime import date

import pytest

from app.access.actor import by_user, operator
from app.reading import lookups
from tests.sample import act

pytestmark = pytest.mark.usefixtures("context")


def words(choices):
    """Return what the choices are called."""
    return [label for _row_id, label in choices]


def test_departments_and_roles_are_found_by_any_part(sample):
    assert words(lookups.departments(operator(), "")) == ["Board", "Engineering", "Platform"]
    assert lookups.departments(operator(), "NEER") == [(sample.departments["Engineering"], "Engineering")]
    assert words(lookups.roles(operator(), "e r")) == ["Clerk", "Director", "Engineer"]
    assert words(lookups.roles(operator(), "zzz")) == []


def test_closed_ones_are_not_offered(sample):
    act("create_department", values={"name": "Closed", "closed_on": "2020-01-01"})
    act("create_role", values={"title": "Closed", "closed_on": "2020-01-01"})
    assert words(lookups.departments(operator(), "clo")) == words(lookups.roles(operator(), "clo")) == []
    assert len(sample.departments) == len(lookups.departments(operator(), ""))


def test_people_are_offered_with_their_number_and_leavers_are_not(sample):
    assert lookups.employees(operator(), "muller") == [(sample.people["Cy"], "Cy Müller · 102")]
    assert words(lookups.employees(operator(), "flo")) == []


@pytest.mark.parametrize("kind", lookups.KINDS)
@pytest.mark.usefixtures("sample")
def test_no_character_has_a_meaning(kind):
    find = lookups.KINDS[kind]
    for typed in ("%", "_", "\\", "'", "/%", "x" * 200):
        assert find(operator(), typed) == []
    find(operator(), "\x00")


@pytest.mark.parametrize("kind", lookups.KINDS)
def test_never_more_than_twenty(kind):
    for i in range(25):
        act("create_department", values={"name": f"Part {i}"})
        act("create_role", values={"title": f"Part {i}"})
        values = {"number": str(i), "first_name": "Part", "last_name": str(i), "hired_on": date(2020, 1, 1)}
        act("hire", values=values)
    assert len(lookups.KINDS[kind](operator(), "part")) == lookups.MOST == 20


def test_labels_of_all_kinds_come_together(sample):
    bo, board, clerk = sample.people["Bo"], sample.departments["Board"], sample.roles["Clerk"]
    wanted = [("employee", bo), ("department", board), ("role", clerk), ("role", 10**8), ("employee", bo)]
    assert lookups.labels(operator(), wanted) == {
        ("employee", bo): "Bo Lindqvist · 101",
        ("department", board): "Board",
        ("role", clerk): "Clerk",
    }
    assert lookups.labels(operator(), []) == {}


def test_label_of_who_may_not_be_seen_is_left_out(sample):
    staff = by_user(sample.users["staff"])
    wanted = [("employee", sample.people["Flo"]), ("employee", sample.people["Bo"])]
    assert lookups.labels(staff, wanted) == {("employee", sample.people["Bo"]): "Bo Lindqvist · 101"}
