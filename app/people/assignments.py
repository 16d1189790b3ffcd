"""Job history kept in step with the employee row, which is today's view of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.core.clock import today
from app.core.problems import Invalid
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay

HELD = ("status", "department_id", "role_id", "manager_id")
"""What an assignment says about a person."""
CHUNK = 500


def of(employee_id: int) -> list[Assignment]:
    """Return a person's job history, oldest first."""
    return list(
        db.session.scalars(
            select(Assignment).where(Assignment.employee_id == employee_id).order_by(Assignment.valid_from)
        )
    )


def _pay_of(employee_id: int, before: date = date.max) -> list[Pay]:
    """Return a person's pay that began by a day, oldest first."""
    query = select(Pay).where(Pay.employee_id == employee_id, Pay.valid_from <= before)
    return list(db.session.scalars(query.order_by(Pay.valid_from)))


def begin(person: Employee, valid_from: date) -> None:
    """Open an assignment with what the employee row says; of somebody who left it tells how they worked."""
    held = {field: getattr(person, field) for field in HELD}
    if person.status is Status.LEFT:
        held["status"] = Status.ACTIVE
    db.session.add(Assignment(employee_id=person.id, valid_from=valid_from, valid_to=None, **held))


def correct(person: Employee) -> None:
    """Make the present assignment say what the employee row says: it was wrong from its beginning."""
    history = of(person.id)
    if history:
        for field in HELD:
            setattr(history[-1], field, getattr(person, field))
    else:
        begin(person, person.hired_on)


def change(person: Employee, valid_from: date) -> None:
    """End the present assignment and begin the next on `valid_from`; raise `Invalid` for a day that can't be."""
    history = of(person.id)
    if valid_from > today():
        raise Invalid({"valid_from": _l("Enter today or an earlier day.")})
    if valid_from < person.hired_on:
        raise Invalid({"valid_from": _l("This is before the first day of work.")})
    if not history:
        begin(person, valid_from)
        return
    present = history[-1]
    if valid_from < present.valid_from:
        raise Invalid(
            {
                "valid_from": _l(
                    "There is a later change, from %(day)s. Enter that day or a later one.", day=present.valid_from
                )
            }
        )
    if valid_from == present.valid_from:
        correct(person)
        present.valid_to = None  # it had an end where somebody comes back who left
        return
    if present.valid_to is None or present.valid_to > valid_from:
        present.valid_to = valid_from
    db.session.flush()  # the end of the one is written before the beginning of the next
    begin(person, valid_from)


def end(person: Employee, last_day: date) -> None:
    """End the job history, and pay with it, after `last_day`, also when that corrects an earlier end.

    Raises `Invalid` when the job history has something that begins later.
    """
    history = of(person.id)
    for assignment in history:
        if assignment.valid_from > last_day:
            raise Invalid(
                {"left_on": _l("The job history has a change after this day, from %(day)s.", day=assignment.valid_from)}
            )
    last: list[Assignment | Pay] = [*history[-1:], *_pay_of(person.id, before=last_day)[-1:]]
    for stretch in last:
        stretch.valid_to = last_day + timedelta(days=1)


def move_start(person: Employee, was: date) -> None:
    """Let the history begin on the corrected first day; raise `Invalid` when that is after its first change."""
    history = of(person.id)
    if not history or history[0].valid_from != was:
        return
    first = history[0]
    if first.valid_to is not None and first.valid_to <= person.hired_on:
        raise Invalid({"hired_on": _l("The job history has a change on %(day)s, before this day.", day=first.valid_to)})
    first.valid_from = person.hired_on


def reopen(person: Employee) -> None:
    """Take back the end of job history and pay, entered by mistake."""
    last: list[Assignment | Pay] = [*of(person.id)[-1:], *_pay_of(person.id)[-1:]]
    for stretch in last:
        stretch.valid_to = None


def change_all(people: Sequence[Employee], day: date) -> None:
    """Begin a new stretch on `day` for each of them, or correct the present one where it began that day or later."""
    ids = [person.id for person in people]
    present: dict[int, Assignment] = {}
    for start in range(0, len(ids), CHUNK):
        query = select(Assignment).where(Assignment.employee_id.in_(ids[start : start + CHUNK]))
        for assignment in db.session.scalars(query.order_by(Assignment.valid_from)):
            present[assignment.employee_id] = assignment
    for person in people:
        last = present.get(person.id)
        if last is None:
            begin(person, max(day, person.hired_on))
        elif last.valid_from >= day:
            for field in HELD:
                setattr(last, field, getattr(person, field))
        elif last.valid_to is None or last.valid_to > day:
            last.valid_to = day
    db.session.flush()
    for person in people:
        last = present.get(person.id)
        if last is not None and last.valid_from < day:
            begin(person, day)
