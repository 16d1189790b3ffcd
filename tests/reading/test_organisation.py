"""Departments and roles as lists, with who is in them."""

from __future__ import annotations

import pytest

from app.access.actor import by_user, operator
from app.access.grants import Action, Scope, Subject
from app.core.clock import today
from app.core.problems import Forbidden
from app.reading import organisation
from app.reading.organisation import Wanted
from app.reading.paging import Place
from tests.actions.undo.undoing import do, undo
from tests.caching import believed, taken
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")

LISTS = {"departments": organisation.departments, "roles": organisation.roles}
ALL = {"departments": organisation.all_departments, "roles": organisation.all_roles}


def department(name, actor=None):
    """Return a department's row, from the second asking of its list."""
    for _time in range(2):
        found = {row.name: row for row in organisation.departments(actor or operator(), Wanted()).rows}
    return found.get(name)


def role(title):
    """Return a role's row, from the second asking of its list."""
    for _time in range(2):
        found = {row.title: row for row in organisation.roles(operator(), Wanted()).rows}
    return found.get(title)


@pytest.mark.parametrize("kind", LISTS)
def test_same_list_asked_again_is_answered_by_the_cache(app, sample, kind):
    first = LISTS[kind](operator(), Wanted(size=1))
    wanted = [Wanted(), Wanted(search="e"), Wanted(is_open=True), Wanted(is_descending=True)]
    wanted.append(Wanted(place=Place(after=first.next), size=1))
    taken(app)
    with believed(app):
        for one in wanted:
            before = LISTS[kind](operator(), one)
            assert taken(app)[f"{kind}.page"] == (0, 1)
            assert LISTS[kind](operator(), one) == before
            assert taken(app) == {f"{kind}.page": (1, 0), f"{kind}.count": (1, 0)}
    assert sample.roles


def test_every_edit_shows_at_once_in_the_list_of_departments(app, sample):
    board, engineering, eli = sample.departments["Board"], sample.departments["Engineering"], sample.people["Eli"]
    with believed(app):
        assert (department("Platform").parent, department("Engineering").lead) == ("Engineering", "Bo Lindqvist")
        renamed = do("change_department", department_id=engineering, version=2, values={"name": "Works"})
        assert department("Platform").parent == "Works"
        assert department("Engineering") is None
        undo(renamed)
        assert department("Platform").parent == "Engineering"
        act("change_employee", employee_id=sample.people["Bo"], version=1, values={"last_name": "Quill"})
        assert department("Engineering").lead == "Bo Quill"
        counts = {name: department(name).headcount for name in ("Board", "Platform")}
        moved = do("transfer", employee_ids=[eli], department_id=board)
        assert {name: department(name).headcount for name in counts} == {"Board": 3, "Platform": 1}
        undo(moved)
        assert {name: department(name).headcount for name in counts} == counts
        act("leave", employee_ids=[eli], left_on=today())
        act("hire", values={"number": "9", "first_name": "Gus", "hired_on": today(), "department_id": board})
        assert department("Board").headcount == 3


def test_every_edit_shows_at_once_in_the_list_of_roles(app, sample):
    clerk = sample.roles["Clerk"]
    with believed(app):
        assert (role("Clerk").headcount, role("Clerk").level) == (1, None)
        act("change_role", role_id=clerk, version=1, values={"title": "Scribe", "level": 3})
        assert role("Clerk") is None
        assert (role("Scribe").headcount, role("Scribe").level) == (1, 3)
        given = do("assign_role", employee_ids=[sample.people["Eli"]], role_id=clerk)
        assert role("Scribe").headcount == 2
        undo(given)
        assert role("Scribe").headcount == 1
        act("create_role", values={"title": "Usher"})
        assert role("Usher").headcount == 0


def test_heads_are_counted_as_far_as_the_reader_sees_them(app, sample, make_role):
    grants = {(Action.VIEW, Subject.ORGANISATION): Scope.ALL, (Action.VIEW, Subject.DIRECTORY): Scope.REPORTS}
    few = by_user(account(make_role("few", grants), "few@sample.example", sample.people["Dee"]))
    taken(app)
    with believed(app):
        assert department("Platform").headcount == 2
        assert department("Platform", few).headcount == 1
        assert department("Platform").headcount == 2
    assert taken(app) == {"departments.page": (4, 2), "departments.count": (5, 1)}


@pytest.mark.parametrize("kind", LISTS)
def test_what_is_kept_is_only_for_who_may_see_it(sample, make_role, kind):
    blind = by_user(account(make_role("blind", {(Action.VIEW, Subject.DIRECTORY): Scope.ALL}), "b@sample.example"))
    assert LISTS[kind](operator(), Wanted()).rows
    for asked in (LISTS, ALL):
        with pytest.raises(Forbidden):
            asked[kind](blind, Wanted())
    assert sample.roles


@pytest.mark.parametrize("kind", LISTS)
def test_whole_list_is_read_in_its_order_and_not_kept(app, sample, monkeypatch, kind):
    monkeypatch.setattr(organisation, "EXPORT_CHUNK", 2)
    expected = LISTS[kind](operator(), Wanted(is_descending=True)).rows
    taken(app)
    assert list(ALL[kind](operator(), Wanted(is_descending=True))) == expected
    assert (len(expected), taken(app)) == (3, {})
    assert sample.roles
