"""Who saved what a record holds now, as far as the journal and the reader's rights tell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import visible
from app.accounts.models import User
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.extensions import db
from app.people.employee import Employee

MOST = 50
"""So many changes of a record are looked at; who saved it before those is not told."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The latest change of some fields: when it was, and who made them; None for several people, or nobody to name."""

    who: str | None
    when: datetime


def last_saved(actor: Actor, entity: str, row_id: int, fields: Collection[str]) -> Saved | None:
    """Return who gave these fields of a record their present values, and when the last of it was.

    For who may see those values anyway: of the rest of the journal it tells nothing.
    """
    if not fields:
        return None
    query = (
        select(ChangeRow.fields, ChangeSet.at, User.id, User.email, Employee.first_name, Employee.last_name)
        .join(Segment, Segment.id == ChangeRow.segment_id)
        .join(ChangeSet, ChangeSet.id == Segment.change_set_id)
        .outerjoin(User, User.id == ChangeSet.actor_id)
        .outerjoin(Employee, and_(Employee.id == User.employee_id, visible(actor)))
        .where(
            ChangeRow.entity == entity,
            ChangeRow.row_id == row_id,
            or_(*(ChangeRow.fields.contains(f" {field} ", autoescape=True) for field in fields)),
        )
        .order_by(ChangeRow.id.desc())
        .limit(MOST)
    )
    left, names, when = set(fields), set(), None
    for told, at, user_id, email, first, last in db.session.execute(query):
        found = left & set(told.split())
        if found:
            left -= found
            when = when or at
            is_known = user_id is not None and actor.can_everywhere(Action.VIEW, Subject.ACCOUNTS)
            names.add(f"{first} {last}".strip() if first else email if is_known else None)
    if when is None:
        return None
    return Saved(names.pop() if len(names) == 1 and not left else None, when)
