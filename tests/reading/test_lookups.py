"""Choices found by typing."""

from __future__ import annotations

from datetime import date

import pytest

from app.access.actor import by_user, operator
from app.access.grants import Action, Scope, Subject
from app.core.problems import Forbidden
from app.reading import lookups
from tests.caching import believed, taken
from tests.sample import account, act

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


@pytest.mark.parametrize("kind", lookups.KINDS)
@pytest.mark.usefixtures("sample")
def test_same_choices_asked_again_are_answered_by_the_cache(app, kind):
    taken(app)
    with believed(app):
        for typed in ("", "e"):
            before = lookups.KINDS[kind](operator(), typed)
            assert taken(app) == {f"lookups.{kind}s": (0, 1)}
            assert lookups.KINDS[kind](operator(), typed) == before
            assert taken(app) == {f"lookups.{kind}s": (1, 0)}


def test_every_edit_shows_at_once_in_choices_and_labels(app, sample):
    board, clerk, bo = sample.departments["Board"], sample.roles["Clerk"], sample.people["Bo"]
    wanted = [("department", board), ("role", clerk), ("employee", bo)]

    def told():
        for _time in range(2):
            found = [words(lookups.KINDS[kind](operator(), "")) for kind, _id in wanted]
            labels = lookups.labels(operator(), wanted)
        assert all(labels[one] in choices for one, choices in zip(wanted, found, strict=True))
        return list(labels.values())

    with believed(app):
        assert sorted(told()) == ["Bo Lindqvist · 101", "Board", "Clerk"]
        act("change_department", department_id=board, version=2, values={"name": "Helm"})
        act("change_role", role_id=clerk, version=1, values={"title": "Scribe"})
        act("change_employee", employee_id=bo, version=1, values={"last_name": "Quill"})
        assert sorted(told()) == ["Bo Quill · 101", "Helm", "Scribe"]


def test_choices_are_shared_by_who_may_see_them_and_by_nobody_else(app, sample, make_role):
    eli, board = sample.people["Eli"], sample.departments["Board"]
    blind = by_user(account(make_role("blind", {(Action.VIEW, Subject.DIRECTORY): Scope.REPORTS}), "b@sample.example"))
    staff, hr = by_user(sample.users["staff"]), by_user(sample.users["hr"])
    taken(app)
    with believed(app):
        assert lookups.departments(hr, "") == lookups.departments(staff, "")
        assert taken(app) == {"lookups.departments": (1, 1)}
        with pytest.raises(Forbidden):
            lookups.departments(blind, "")
        assert lookups.employees(hr, "eli") == [(eli, "Eli García · 104")]
        assert lookups.employees(blind, "eli") == []
        assert lookups.labels(hr, [("department", board), ("employee", eli)])
        assert lookups.labels(blind, [("department", board), ("employee", eli)]) == {}
