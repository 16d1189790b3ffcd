"""Somebody's way through the organisation, for tests: hired, changed, left, each as of now."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.core.clock import today
from app.core.problems import Invalid
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee
from tests.sample import act

TODAY = today()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def one(employee_id):
    """Return somebody, fresh from the database."""
    db.session.rollback()
    return db.session.get_one(Employee, employee_id)


def history(employee_id, *fields):
    """Return the stretches of a job history: first day, day after the last, and what these fields say."""
    db.session.rollback()
    rows = assignments.of(employee_id)
    return [(row.valid_from, row.valid_to, *(getattr(row, field) for field in fields)) for row in rows]


def change(employee_id, valid_from=None, **values):
    """Change somebody as of now."""
    version = one(employee_id).version
    return act("change_employee", employee_id=employee_id, version=version, values=values, valid_from=valid_from)


def leave(employee_id, left_on=TODAY, **more):
    """Record a leaving as of now."""
    return act("leave", employee_ids=[employee_id], version=one(employee_id).version, left_on=left_on, **more)


def hire(number="1", **values):
    """Hire somebody."""
    return act("hire", values={"number": number, "first_name": "X", "hired_on": date(2020, 1, 1), **values})


def refused(work, *arguments, **values):
    """Return what is wrong, by field, in words."""
    with pytest.raises(Invalid) as error:
        work(*arguments, **values)
    return {field: " ".join(str(s) for s in sentences) for field, sentences in error.value.errors.items()}


def planned(employee_id):
    """Return the ids of the stretches that lie ahead."""
    db.session.rollback()
    return [row.id for row in assignments.of(employee_id) if row.valid_from > today()]
