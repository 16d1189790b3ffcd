"""The people that an action is about: named by ids, loaded afresh, each within reach of the actor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import require_all
from app.actions.guard import chosen
from app.core.chunks import chunks
from app.core.problems import Invalid, NotFound
from app.core.values import clean
from app.extensions import db
from app.people.employee import Employee
from app.people.erased import refuse_erased
from app.people.history import Assignment

MOST = 1000
"""So many people in one transaction; who has more goes on with the next ones."""
Right = tuple[Action, Subject]


def loaded_people(actor: Actor, employee_ids: Sequence[Any], *rights: Right) -> list[Employee]:
    """Return people in the order they are named in, each once; raise `Forbidden` unless all rights hold on each.

    Raises `Invalid` where one of them was erased.
    """
    ids = list(dict.fromkeys(chosen(employee_id, "") for employee_id in employee_ids))
    if None in ids or not ids:
        raise Invalid({"": _l("Choose at least one person.")})
    if len(ids) > MOST:
        raise Invalid({"": _l("Choose at most %(most)s people at a time.", most=MOST)})
    wanted = [employee_id for employee_id in ids if employee_id is not None]
    for action, subject in rights:
        require_all(actor, action, subject, wanted)
    found = by_id(wanted)
    if len(found) < len(wanted):
        raise NotFound()
    for person in found.values():
        refuse_erased(person)
    return [found[employee_id] for employee_id in wanted]


def by_id(employee_ids: Iterable[int | None]) -> dict[int, Employee]:
    """Return those people of the ids who are there."""
    ids = sorted({employee_id for employee_id in employee_ids if employee_id is not None})
    found: dict[int, Employee] = {}
    for some in chunks(ids):
        query = select(Employee).where(Employee.id.in_(some)).order_by(Employee.id)
        found |= {person.id: person for person in db.session.scalars(query)}
    return found


def as_day(value: Any, field: str = "valid_from") -> date | None:
    """Return a day given as a date or as text; raise `Invalid` at `field` for what is none."""
    try:
        day: date | None = clean(Assignment, {"valid_from": value}, ("valid_from",))["valid_from"]
    except Invalid as invalid:
        raise Invalid({field: invalid.errors["valid_from"]}) from None
    return day
