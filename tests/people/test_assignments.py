"""Job history kept in step with the employee row."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.clock import today
from app.core.problems import Invalid
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from tests.sample import act

pytestmark = pytest.mark.usefixtures("context")

FIRST = date(2020, 1, 1)


def hired(**values):
    """Return somebody hired on the first day."""
    row_id = act("hire", values={"number": "1", "first_name": "X", "hired_on": FIRST, **values})
    return db.session.get_one(Employee, row_id)


def spans(person):
    """Return the first days and ends of a job history."""
    db.session.flush()
    return [(row.valid_from, row.valid_to) for row in assignments.of(person.id)]


def check(person):
    """Hold a history to what is always so: no overlap, one open end for who works here, none for who left."""
    found = spans(person)
    assert all(end is not None and end <= begin for (_, end), (begin, _) in pairwise(found))
    assert found[0][0] == person.hired_on
    assert found[-1][1] == (person.left_on + timedelta(days=1) if person.left_on else None)
    last = assignments.of(person.id)[-1]
    for field in ("department_id", "role_id", "manager_id"):
        assert getattr(last, field) == getattr(person, field)


DAYS = st.dates(FIRST, date(2024, 12, 31))
STEPS = st.one_of(
    st.tuples(st.just("status"), st.sampled_from(["active", "on_leave"]), st.none() | DAYS),
    st.tuples(st.just("leave"), DAYS, st.none()),
    st.tuples(st.just("return"), st.none(), st.none() | DAYS),
    st.tuples(st.just("hired_on"), DAYS, st.none()),
    st.tuples(st.just("left_on"), DAYS, st.none()),
)


@given(st.lists(STEPS, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_changes_breaks_the_history(steps):
    for table in (Assignment, Pay, Employee):
        for row in db.session.scalars(db.select(table)):
            db.session.delete(row)
        db.session.commit()
    person = hired()
    for what, value, day in steps:
        values = {
            "status": {"status": value},
            "leave": {"status": "left", "left_on": value},
            "return": {"status": "active", "left_on": None},
            "hired_on": {"hired_on": value},
            "left_on": {"left_on": value},
        }[what]
        version = db.session.get_one(Employee, person.id).version
        with suppress(Invalid):
            act("change_employee", employee_id=person.id, version=version, values=values, valid_from=day)
        db.session.expire_all()
        check(db.session.get_one(Employee, person.id))


def test_many_change_over_at_once_each_by_their_own_history():
    day = date(2023, 1, 1)
    people = [hired(number=str(i), hired_on=FIRST + timedelta(days=600 * i)) for i in range(3)]
    for person in people:
        person.status = Status.ON_LEAVE
    db.session.flush()
    assignments.change_all(people, day)
    assert [spans(person) for person in people] == [
        [(FIRST, day), (day, None)],
        [(FIRST + timedelta(days=600), day), (day, None)],
        [(FIRST + timedelta(days=1200), None)],
    ]


def test_change_ahead_is_refused():
    person = hired()
    with pytest.raises(Invalid) as refused:
        assignments.change(person, today() + timedelta(days=1))
    assert refused.value.errors.keys() == {"valid_from"}
