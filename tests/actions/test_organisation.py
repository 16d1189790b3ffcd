"""What happens to departments and roles: made, changed, moved, closed, deleted."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.clock import today
from app.core.problems import Conflict, Invalid, NotFound
from app.extensions import db
from app.people import assignments
from app.people.department import Department
from app.people.employee import Employee
from app.people.role import Role
from tests.sample import act
from tests.threads import at_once

pytestmark = pytest.mark.usefixtures("context")

KINDS = {"department": (Department, "name"), "role": (Role, "title")}


def one(model, row_id):
    """Return a row, fresh from the database."""
    db.session.rollback()
    return db.session.get(model, row_id)


def make(kind, name, **values):
    """Make a department or role."""
    return act(f"create_{kind}", values={KINDS[kind][1]: name, **values})


def change(kind, row_id, **values):
    """Change one as of now."""
    version = one(KINDS[kind][0], row_id).version
    return act(f"change_{kind}", **{f"{kind}_id": row_id}, version=version, values=values)


def delete(kind, row_id, target=None):
    """Close or delete one as of now."""
    version = one(KINDS[kind][0], row_id).version
    return act(f"delete_{kind}", **{f"{kind}_id": row_id}, version=version, target_id=target)


def refused(work, *arguments, **values):
    """Return what is wrong, by field, in words."""
    with pytest.raises(Invalid) as error:
        work(*arguments, **values)
    return {field: " ".join(str(s) for s in sentences) for field, sentences in error.value.errors.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", ["Sales", "SALES", " sales ", "Ｓａｌｅｓ"])
def test_name_that_is_there_already_is_refused_on_adding_and_changing(kind, again):
    field = KINDS[kind][1]
    make(kind, "Sales")
    other = make(kind, "Other")
    words = f"Another {kind} has this {field}."
    assert refused(make, kind, again) == {field: words}
    assert refused(change, kind, other, **{field: again}) == {field: words}
    change(kind, other, **{field: "OTHER"})
    assert getattr(one(KINDS[kind][0], other), field) == "OTHER"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["", "  ", None, "\x00", "x" * 101])
def test_name_is_needed_and_has_its_length(kind, name):
    field = KINDS[kind][1]
    there = make(kind, "There")
    assert refused(make, kind, name).keys() == {field}
    assert refused(change, kind, there, **{field: name}).keys() == {field}


def test_code_is_unique_and_may_be_missing():
    make("department", "One", code="A1")
    two = make("department", "Two", code="")
    make("department", "Three")
    assert refused(make, "department", "Four", code="a1") == {"code": "Another department has this code."}
    assert refused(change, "department", two, code=" A1") == {"code": "Another department has this code."}


@pytest.mark.parametrize("level", ["0", "21", "-1", "x", "1.5", "9" * 30])
def test_level_is_one_of_twenty(level):
    role = make("role", "There", level="20")
    assert refused(make, "role", "Other", level=level).keys() == {"level"}
    assert refused(change, "role", role, level=level).keys() == {"level"}


def test_lead_works_here(sample):
    board = sample.departments["Board"]
    assert refused(change, "department", board, lead_id=sample.people["Flo"]) == {
        "lead_id": "Choose somebody who works here."
    }
    assert refused(change, "department", board, lead_id=10**6).keys() == {"lead_id"}
    assert refused(change, "department", board, lead_id="Bo").keys() == {"lead_id"}
    change("department", board, lead_id=sample.people["Bo"])
    assert one(Department, board).lead_id == sample.people["Bo"]


def test_department_moves_with_all_below_it_but_never_into_itself(sample):
    board, engineering, platform = (sample.departments[name] for name in ("Board", "Engineering", "Platform"))
    for inside in (board, engineering, platform):
        words = refused(change, "department", board, parent_id=inside)["parent_id"]
        assert words == "A department can’t be inside itself. Choose another parent."
    change("department", platform, parent_id=board)
    change("department", engineering, parent_id=platform)
    assert one(Department, engineering).parent_id == platform
    assert refused(change, "department", board, parent_id=engineering).keys() == {"parent_id"}
    assert refused(change, "department", board, parent_id=10**6).keys() == {"parent_id"}


def test_closed_department_takes_nothing_in(sample):
    closed = make("department", "Old", closed_on="2020-01-01")
    words = "Old is closed. Choose another department."
    assert refused(change, "department", sample.departments["Platform"], parent_id=closed) == {"parent_id": words}
    assert refused(make, "department", "New", parent_id=closed) == {"parent_id": words}


@pytest.mark.parametrize("kind", KINDS)
def test_stale_version_is_a_conflict(kind):
    field = KINDS[kind][1]
    row_id = make(kind, "There")
    change(kind, row_id, **{field: "Theirs"})
    for name, more in ((f"change_{kind}", {"values": {field: "Mine"}}), (f"delete_{kind}", {})):
        with pytest.raises(Conflict) as conflict:
            act(name, **{f"{kind}_id": row_id}, version=1, **more)
        assert conflict.value.version == 2
    assert getattr(one(KINDS[kind][0], row_id), field) == "Theirs"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_not_found(kind):
    for name, more in ((f"change_{kind}", {"values": {}}), (f"delete_{kind}", {})):
        with pytest.raises(NotFound):
            act(name, **{f"{kind}_id": 10**6}, version=1, **more)


# Closed and deleted


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_used_is_deleted(kind):
    row_id = make(kind, "Never")
    assert delete(kind, row_id) is False
    assert one(KINDS[kind][0], row_id) is None


@pytest.mark.parametrize(
    ("kind", "name", "target"), [("department", "Platform", "Board"), ("role", "Engineer", "Clerk")]
)
def test_people_of_today_move_and_the_rest_stays_in_the_history(sample, kind, name, target):
    ids = sample.departments if kind == "department" else sample.roles
    field = f"{kind}_id"
    here = [p for p in sample.people.values() if getattr(one(Employee, p), field) == ids[name]]
    flo = sample.people["Flo"]
    of_flo = getattr(one(Employee, flo), field)
    assert delete(kind, ids[name], ids[target]) is True
    assert one(KINDS[kind][0], ids[name]).closed_on == today()
    assert getattr(one(Employee, flo), field) == of_flo
    for person in set(here) - {flo}:
        assert getattr(one(Employee, person), field) == ids[target]
        stretches = [(s.valid_from, s.valid_to, getattr(s, field)) for s in assignments.of(person)]
        assert [s[1:] for s in stretches] == [(today(), ids[name]), (None, ids[target])]


@pytest.mark.parametrize(("kind", "name"), [("department", "Platform"), ("role", "Engineer")])
def test_people_of_today_need_somewhere_to_go(sample, kind, name):
    ids = sample.departments if kind == "department" else sample.roles
    closed = make(kind, "Old", closed_on="2020-01-01")
    for target in (None, "", ids[name], 10**6, closed):
        assert refused(delete, kind, ids[name], target)["target_id"].startswith("Choose where the ")
    for target in ("elsewhere", "-1", "9" * 30, "1.5"):
        assert refused(delete, kind, ids[name], target) == {"target_id": "Choose from what the search offers."}
    assert one(KINDS[kind][0], ids[name]).closed_on is None


def test_departments_below_go_to_the_parent(sample):
    engineering = sample.departments["Engineering"]
    delete("department", engineering, sample.departments["Platform"])
    assert one(Department, sample.departments["Platform"]).parent_id == sample.departments["Board"]
    assert one(Department, engineering).lead_id is None


def test_who_was_hired_today_leaves_no_trace_in_a_department_deleted_today():
    department, other = make("department", "Mistake"), make("department", "Right")
    values = {"number": "1", "first_name": "X", "hired_on": today(), "department_id": department}
    person = act("hire", values=values)
    assert delete("department", department, other) is False
    assert [s.department_id for s in assignments.of(person)] == [other]


@pytest.mark.parametrize("kind", KINDS)
def test_closing_by_the_form_is_refused_while_people_are_there(sample, kind):
    ids = sample.departments if kind == "department" else sample.roles
    name = "Board" if kind == "department" else "Clerk"
    words = refused(change, kind, ids[name], closed_on=date(2024, 1, 1))["closed_on"]
    assert words.startswith("Somebody ")
    unused = make(kind, "Unused")
    change(kind, unused, closed_on=date(2024, 1, 1))
    change(kind, unused, closed_on=None)
    assert one(KINDS[kind][0], unused).closed_on is None


# At once


def test_two_moves_at_once_never_close_a_circle(app):
    tops = [make("department", f"Top {i}") for i in range(2)]
    below = [make("department", f"Below {i}", parent_id=tops[i]) for i in range(2)]

    def move(department, parent, version):
        return lambda: act("change_department", department_id=department, version=version, values={"parent_id": parent})

    for _ in range(5):
        versions = [one(Department, top).version for top in tops]
        results = at_once(app, move(tops[0], below[1], versions[0]), move(tops[1], below[0], versions[1]))
        moved = [one(Department, top).parent_id is not None for top in tops]
        assert moved.count(True) == 1, results
        assert [isinstance(result, Invalid) for result in results] == [not done for done in moved]
        change("department", tops[moved.index(True)], parent_id=None)


def test_two_new_managers_at_once_never_close_a_circle(app):
    first, second = (
        act("hire", values={"number": str(i), "first_name": "X", "hired_on": date(2020, 1, 1)}) for i in range(2)
    )

    def manage(person, manager, version):
        values = {"manager_id": manager}
        return lambda: act("change_employee", employee_id=person, version=version, values=values)

    for _ in range(5):
        versions = [one(Employee, person).version for person in (first, second)]
        results = at_once(app, manage(first, second, versions[0]), manage(second, first, versions[1]))
        managed = [one(Employee, person).manager_id is not None for person in (first, second)]
        assert managed.count(True) == 1, results
        loser = (first, second)[managed.index(True)]
        version = one(Employee, loser).version
        act("change_employee", employee_id=loser, version=version, values={"manager_id": None})
