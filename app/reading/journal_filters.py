"""What a list of change sets can be narrowed by; a value that makes no sense raises ValueError."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, exists, select, true

from app.access.actor import Actor
from app.access.visible import visible
from app.accounts.models import User
from app.changes.journal import ChangeRow, ChangeSet
from app.core import text
from app.core.columns import KEY_LENGTH
from app.core.values import row_id
from app.people.employee import Employee
from app.reading.differences import sees_everybody
from app.reading.journal_rights import Entity

Condition = Callable[[Actor, str], ColumnElement[bool]]


def _id(value: str) -> int:
    found = row_id(value)
    if found is None:
        raise ValueError(value)
    return found


def _record(entity: str, record_id: int) -> ColumnElement[bool]:
    return and_(ChangeRow.entity == entity, ChangeRow.row_id == record_id)


def _account(email: str) -> ColumnElement[bool]:
    user_id = select(User.id).where(User.email_key == text.key(email)[:KEY_LENGTH])
    return and_(ChangeRow.entity == "users", ChangeRow.row_id.in_(user_id))


def _nameable(actor: Actor, person_id: int) -> ColumnElement[bool]:
    """Return the condition that the actor may know of this person, who may be gone."""
    if sees_everybody(actor):
        return true()
    return exists(select(Employee.id).where(Employee.id == person_id, visible(actor)))


def moment(value: str, *, end_of_day: bool = False) -> datetime:
    """Return the moment that a filter names, or the beginning or end of the day; raise ValueError."""
    if len(value) > len("2026-01-31"):
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    day = date.fromisoformat(value) + timedelta(days=1 if end_of_day else 0)
    return datetime.combine(day, time(), UTC)


OF_SETS: dict[str, Condition] = {
    "from": lambda _actor, v: ChangeSet.at >= moment(v),
    "until": lambda _actor, v: ChangeSet.at < moment(v, end_of_day=True),
    "source": lambda _actor, v: ChangeSet.source == v,
    "action": lambda _actor, v: ChangeSet.action == v,
    "by": lambda actor, v: ChangeSet.actor_id.in_(
        select(User.id).join(Employee, Employee.id == User.employee_id).where(Employee.id == _id(v), visible(actor))
    ),
}
"""The filters on change sets."""

OF_RECORDS: dict[str, Condition] = {
    "person": lambda actor, v: and_(ChangeRow.person_id == _id(v), _nameable(actor, _id(v))),
    "department": lambda _actor, v: _record("departments", _id(v)),
    "role": lambda _actor, v: _record("roles", _id(v)),
    "user": lambda _actor, v: _account(v) if "@" in v else _record("users", _id(v)),
}
"""The filters on the changes of one record, which are few."""

OF_CHANGES: dict[str, Condition] = {
    "entity": lambda _actor, v: Entity == v,
    "field": lambda _actor, v: ChangeRow.fields.contains(f" {v} ", autoescape=True),
}
"""The other filters on changes, which may meet many."""
