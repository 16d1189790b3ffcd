"""Departments and roles merged, closed, opened again, several moved at once; and who comes in at that very moment."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import date, timedelta

import pytest

from app import actions
from app.access.actor import by_user, operator
from app.actions import closing, work
from app.actions.registry import ACTIONS
from app.changes.journal import Segment
from app.core.clock import today
from app.core.jobs.job import Job
from app.core.problems import Conflict, Invalid
from app.extensions import db
from app.people import assignments, places
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role
from tests.sample import act
from tests.threads import at_once
from tests.writing import write

pytestmark = pytest.mark.usefixtures("context")

KINDS = {"department": (Department, "name"), "role": (Role, "title")}
FULL = {"department": ("Platform", "Board"), "role": ("Engineer", "Clerk")}
LATER = today() + timedelta(days=30)


def one(model, row_id):
    """Return a row, fresh from the database."""
    db.session.rollback()
    return db.session.get(model, row_id)


def make(kind, name, **values):
    """Make a department or role."""
    return act(f"create_{kind}", values={KINDS[kind][1]: name, **values})


def hire(number, **values):
    """Hire somebody."""
    return act("hire", values={"number": str(number), "first_name": "X", "hired_on": date(2020, 1, 1), **values})


def end(verb, kind, row_id, target=None, **more):
    """Merge, close or delete one."""
    return act(f"{verb}_{kind}", **{f"{kind}_id": row_id}, target_id=target, **more)


def inside(kind, row_id):
    """Return who is in a department or role today."""
    db.session.rollback()
    here = getattr(Employee, f"{kind}_id") == row_id
    return set(db.session.scalars(db.select(Employee.id).where(here, Employee.status != Status.LEFT)))


def plan(person, **values):
    """Let somebody be elsewhere from a day to come, or come back then who left."""

    def work():
        last = assignments.of(person)[-1]
        if last.valid_to is None:
            last.valid_to = LATER
        held = {field: getattr(last, field) for field in assignments.HELD} | values
        db.session.flush()
        db.session.add(Assignment(employee_id=person, valid_from=LATER, **held))

    write(work)


def planned(person, field):
    """Return where somebody will be."""
    db.session.rollback()
    return getattr(assignments.of(person)[-1], field)


def refused(work, *arguments, **values):
    """Return what is wrong, by field, in words."""
    with pytest.raises(Invalid) as error:
        work(*arguments, **values)
    return {field: " ".join(str(s) for s in sentences) for field, sentences in error.value.errors.items()}


@pytest.fixture
def ids(sample):
    """Return the sample's departments and roles."""
    return {"department": sample.departments, "role": sample.roles}


# Merged


@pytest.mark.parametrize("kind", KINDS)
def test_people_of_a_merged_one_go_to_the_target_from_today(ids, kind):
    name, target = (ids[kind][one_of] for one_of in FULL[kind])
    here, there = inside(kind, name), inside(kind, target)
    assert end("merge", kind, name, target) is True
    assert inside(kind, target) == here | there
    for person in here:
        stretches = [(s.valid_from, s.valid_to, getattr(s, f"{kind}_id")) for s in assignments.of(person)]
        assert [stretch[1:] for stretch in stretches] == [(today(), name), (None, target)]
    assert one(KINDS[kind][0], name).closed_on == today()


def test_departments_below_a_merged_one_go_below_the_target_and_its_lead_ends(sample):
    engineering, platform = sample.departments["Engineering"], sample.departments["Platform"]
    sales = make("department", "Sales")
    end("merge", "department", engineering, sales)
    assert one(Department, platform).parent_id == sales
    assert one(Department, engineering).lead_id is None
    assert one(Department, sales).lead_id is None


@pytest.mark.parametrize("kind", KINDS)
def test_never_used_one_is_gone_after_merging(kind):
    empty, target = make(kind, "Empty"), make(kind, "Target")
    assert end("merge", kind, empty, target) is False
    assert one(KINDS[kind][0], empty) is None


@pytest.mark.parametrize("kind", KINDS)
def test_merging_takes_another_open_one(ids, kind):
    name = ids[kind][FULL[kind][0]]
    closed = make(kind, "Old", closed_on="2020-01-01")
    for target in (None, "", name, closed, 10**6):
        assert refused(end, "merge", kind, name, target) == {"target_id": f"Choose an open {kind} to merge it into."}
    assert refused(end, "merge", kind, name, "x").keys() == {"target_id"}
    assert one(KINDS[kind][0], name).closed_on is None


def test_department_is_not_merged_into_one_below_it(sample):
    for below in ("Engineering", "Platform"):
        words = refused(end, "merge", "department", sample.departments["Board"], sample.departments[below])
        assert words == {"target_id": "This department is below the one that is merged. Choose another."}


@pytest.mark.parametrize("verb", ["merge", "close", "delete"])
@pytest.mark.parametrize("kind", KINDS)
def test_stale_version_is_a_conflict(ids, kind, verb):
    name, target = (ids[kind][one_of] for one_of in FULL[kind])
    with pytest.raises(Conflict):
        end(verb, kind, name, target, version=99)
    assert one(KINDS[kind][0], name).closed_on is None


# Closed, and opened again


@pytest.mark.parametrize("kind", KINDS)
def test_closing_keeps_what_was_never_used(kind):
    empty = make(kind, "Empty")
    end("close", kind, empty)
    assert one(KINDS[kind][0], empty).closed_on == today()


@pytest.mark.parametrize("verb", ["merge", "close", "delete"])
@pytest.mark.parametrize("kind", KINDS)
def test_plans_lead_to_the_target_instead(ids, sample, kind, verb):
    field = f"{kind}_id"
    name, target = (ids[kind][one_of] for one_of in FULL[kind])
    comes, stays, returns = (sample.people[person] for person in ("Ada", "Eli", "Flo"))
    plan(comes, **{field: name})
    plan(stays, manager_id=sample.people["Ada"])
    plan(returns, **{field: name})
    now = {person: getattr(one(Employee, person), field) for person in (comes, returns)}
    end(verb, kind, name, target)
    assert {person: planned(person, field) for person in (comes, stays, returns)} == dict.fromkeys(
        (comes, stays, returns), target
    )
    assert {person: getattr(one(Employee, person), field) for person in now} == now
    write(lambda: assignments.check(comes, stays, returns))


@pytest.mark.parametrize("kind", KINDS)
def test_who_left_today_needs_nowhere_to_go(kind):
    place = make(kind, "Place")
    person = hire(1, **{f"{kind}_id": place})
    act("leave", employee_ids=[person], left_on=today())
    end("delete", kind, place)
    assert one(KINDS[kind][0], place).closed_on == today()
    assert getattr(one(Employee, person), f"{kind}_id") == place


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_only_planned_to_come_needs_somewhere_to_go(kind):
    empty, elsewhere = make(kind, "Empty"), make(kind, "Elsewhere")
    person = hire(1, **{f"{kind}_id": elsewhere})
    plan(person, **{f"{kind}_id": empty})
    assert refused(end, "delete", kind, empty)["target_id"].startswith("Choose where the 1 person ")
    version = one(KINDS[kind][0], empty).version
    closed = {f"{kind}_id": empty, "version": version, "values": {"closed_on": today()}}
    assert refused(act, f"change_{kind}", **closed)["closed_on"].startswith("Somebody ")


def test_department_with_others_below_is_not_closed_by_the_form(sample):
    top = make("department", "Top")
    make("department", "Below", parent_id=top)
    words = refused(act, "change_department", department_id=top, version=1, values={"closed_on": today()})
    assert words == {"closed_on": "There are departments below it. “Close or delete” moves them up."}


@pytest.mark.parametrize("kind", KINDS)
def test_closed_one_is_opened_again_for_new_people(ids, kind):
    name, target = (ids[kind][one_of] for one_of in FULL[kind])
    end("close", kind, name, target)
    assert refused(hire, 1, **{f"{kind}_id": name}).keys() == {f"{kind}_id"}
    act(f"reopen_{kind}", **{f"{kind}_id": name})
    assert one(KINDS[kind][0], name).closed_on is None
    assert inside(kind, name) == set()
    assert inside(kind, name) | {hire(1, **{f"{kind}_id": name})} == inside(kind, name)


def test_department_in_a_closed_one_stays_closed(sample):
    top = make("department", "Top", closed_on="2020-01-01")
    below = make("department", "Below", closed_on="2020-01-01")
    write(lambda: setattr(db.session.get_one(Department, below), "parent_id", top))
    words = {"closed_on": "It is part of Top, which is closed. Reopen that first."}
    assert refused(act, "reopen_department", department_id=below) == words
    version = one(Department, below).version
    opened = {"department_id": below, "version": version, "values": {"closed_on": None}}
    assert refused(act, "change_department", **opened) == words
    act("reopen_department", department_id=top)
    act("reopen_department", department_id=below)
    assert one(Department, below).closed_on is None


# Moved in the tree


def test_several_departments_move_with_all_below_them(sample):
    board, engineering, platform = (sample.departments[name] for name in ("Board", "Engineering", "Platform"))
    sales, top = make("department", "Sales"), make("department", "Top")
    assert act("move_departments", department_ids=[engineering, sales, board], parent_id=top) == 3
    assert [one(Department, d).parent_id for d in (engineering, sales, board, platform)] == [top, top, top, engineering]
    assert act("move_departments", department_ids=[engineering, sales], parent_id=None) == 2
    assert [one(Department, d).parent_id for d in (engineering, sales, platform)] == [None, None, engineering]
    assert act("move_departments", department_ids=[engineering], parent_id=None) == 0


def test_departments_never_move_into_themselves_nor_into_a_closed_one(sample):
    board, engineering, platform = (sample.departments[name] for name in ("Board", "Engineering", "Platform"))
    closed = make("department", "Old", closed_on="2020-01-01")
    circle = {"department_ids": [engineering, board, make("department", "Sales")], "parent_id": platform}
    assert refused(act, "move_departments", **circle) == {
        "parent_id": "Board, Engineering can’t be inside itself. Choose another department."
    }
    for parent in (platform, closed, 10**6, "x"):
        assert refused(act, "move_departments", department_ids=[platform], parent_id=parent).keys() == {"parent_id"}
    assert one(Department, platform).parent_id == engineering


# Large ones


@pytest.fixture
def few(monkeypatch):
    """Let two people be the most that move in one transaction."""
    monkeypatch.setattr(closing, "MOST", 2)
    monkeypatch.setattr(work, "STEP_ROWS", 2)


@pytest.mark.parametrize("verb", ["merge", "close", "delete"])
@pytest.mark.parametrize("kind", KINDS)
def test_large_one_is_emptied_by_a_job_in_steps_of_one_change_set(app, few, kind, verb):
    full, target = make(kind, "Full"), make(kind, "Target")
    people = {hire(number, **{f"{kind}_id": full}) for number in range(4)}
    coming = hire(9)
    plan(coming, **{f"{kind}_id": full})
    job = start(verb, kind, full, target, version=1)
    assert isinstance(job, int)
    assert inside(kind, full) == people
    work.do_jobs(app, threading.Event(), is_once=True)
    assert (inside(kind, full), inside(kind, target), planned(coming, f"{kind}_id")) == (set(), people, target)
    assert one(KINDS[kind][0], full).closed_on == today()
    segments = db.select(db.func.count()).where(Segment.change_set_id == one(Job, job).change_set_id)
    assert db.session.scalar(segments) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_with_a_large_one_is_told_before_a_job_begins(few, kind):
    full, other = make(kind, "Full"), make(kind, "Other")
    for number in range(3):
        hire(number, **{f"{kind}_id": full})
    assert refused(start, "delete", kind, full, None).keys() == {"target_id"}
    assert refused(start, "merge", kind, full, full).keys() == {"target_id"}
    with pytest.raises(Conflict):
        start("merge", kind, full, other, version=99)
    assert refused(end, "merge", kind, full, other) == {"": "More than 2 people are too many to move at once."}
    if kind == "department":
        below = make(kind, "Below", parent_id=full)
        assert refused(start, "merge", kind, full, below).keys() == {"target_id"}


@pytest.mark.parametrize("kind", KINDS)
def test_who_came_between_the_steps_moves_with_the_last_and_who_went_stays_away(few, kind):
    full, target, elsewhere = (make(kind, name) for name in ("Full", "Target", "Elsewhere"))
    people = [hire(number, **{f"{kind}_id": full}) for number in range(3)]
    arguments = {f"{kind}_id": full, "target_id": target, "version": 1}
    steps = ACTIONS[f"merge_{kind}"].steps(operator(), **arguments)
    people.append(hire("late", **{f"{kind}_id": full}))
    gone = {"values": {f"{kind}_id": elsewhere}, "valid_from": today()}
    act("change_employee", employee_id=people[0], version=one(Employee, people[0]).version, **gone)
    for name, more in steps:
        act(name, **more)
    assert (inside(kind, full), inside(kind, target)) == (set(), set(people[1:]))
    assert inside(kind, elsewhere) == {people[0]}


def start(verb, kind, row_id, target, **more):
    """Merge, close or delete one as a page does, at once or by a job."""
    arguments = {f"{kind}_id": row_id, "target_id": target, **more}
    return work.run_or_start(f"{verb}_{kind}", actor=operator(), source=actions.Source.CLI, **arguments)


# At once


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_left_in_one_that_is_closed_while_they_come(app, kind):
    target = make(kind, "Target")
    for turn in range(6):
        place = make(kind, f"Place {turn}")
        there = hire(f"there {turn}", **{f"{kind}_id": target})
        version = one(Employee, there).version
        moved = {"employee_id": there, "version": version, "values": {f"{kind}_id": place}, "valid_from": today()}
        results = at_once(
            app,
            lambda place=place, turn=turn: hire(f"new {turn}", **{f"{kind}_id": place}),
            lambda moved=moved: act("change_employee", **moved),
            lambda place=place: end("close", kind, place, target),
        )
        assert one(KINDS[kind][0], place).closed_on == today(), results
        assert inside(kind, place) == set()
        assert all(isinstance(result, int | Invalid | None) for result in results)


@pytest.mark.servers  # on SQLite a writer is alone from its first statement
@pytest.mark.parametrize("verb", ["close", "merge", "change"])
@pytest.mark.parametrize("kind", KINDS)
def test_who_came_after_the_snapshot_and_before_the_lock_is_not_left_behind(app, sample, monkeypatch, kind, verb):
    """The moment that a lock alone does not cover: the transaction that closes can't see them, and must not go on."""
    place, target = make(kind, "Place"), make(kind, "Target")
    lock, came = places.closing, []

    def come_first(*arguments):
        if not came:
            came.extend(at_once(app, lambda: hire(1, **{f"{kind}_id": place})))
        return lock(*arguments)

    monkeypatch.setattr(places, "closing", come_first)
    arguments = {f"{kind}_id": place, "version": 1}
    arguments |= {"values": {"closed_on": today()}} if verb == "change" else {"target_id": target}
    actor = by_user(sample.users["hr"])  # whose rights are read first, which is when the snapshot begins
    with pytest.raises(Invalid) if verb == "change" else nullcontext():
        actions.run(f"{verb}_{kind}", actor=actor, source=actions.Source.PANEL, **arguments)
    assert inside(kind, target if verb != "change" else place) == set(came)
    is_closed = one(KINDS[kind][0], place).closed_on is not None
    assert is_closed == (verb != "change")


def test_department_moved_below_one_that_is_closed_at_once_stays_below_an_open_one(app):
    for turn in range(6):
        place, moved = make("department", f"Place {turn}"), make("department", f"Moved {turn}")
        at_once(
            app,
            lambda place=place, moved=moved: act("move_departments", department_ids=[moved], parent_id=place),
            lambda place=place: end("close", "department", place),
        )
        assert one(Department, place).closed_on == today()
        assert one(Department, moved).parent_id is None


@pytest.mark.parametrize("kind", KINDS)
def test_two_that_are_merged_into_each_other_at_once_leave_one_open(app, kind):
    for turn in range(4):
        pair = [make(kind, f"{name} {turn}") for name in ("One", "Other")]
        people = {hire(f"{turn} {place}", **{f"{kind}_id": place}) for place in pair}
        at_once(app, *(lambda a=a, b=b: end("merge", kind, a, b) for a, b in (pair, pair[::-1])))
        left = [place for place in pair if (row := one(KINDS[kind][0], place)) and row.closed_on is None]
        assert len(left) == 1
        assert inside(kind, left[0]) == people
