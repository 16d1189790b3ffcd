"""Somebody always has to be left who can hand out access."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, Select, select

from app.accounts.models import GrantRow, User
from app.core.clock import today
from app.core.problems import Invalid
from app.extensions import db
from app.people.employee import Status
from app.people.history import Assignment

FEWEST = 2
"""With fewer administrators there is nobody to ask before something happens."""


def administrators() -> list[int]:
    """Return the ids of active users who may administer accounts, locked until the transaction ends.

    Locked, because two administrators who disable each other at once would each see the other one left.
    """
    return list(db.session.scalars(_query().with_for_update()))


def active_administrators(connection: Connection | None = None) -> list[int]:
    """Return the same without a lock, as the transaction of a connection sees them; else that of the session."""
    return list((connection or db.session).scalars(_query()))


def staying_administrators(connection: Connection | None = None) -> list[int]:
    """Return those of them for whom no leaving is planned, which would end their account on its day."""
    leavers = select(Assignment.employee_id).where(Assignment.status == Status.LEFT, Assignment.valid_from > today())
    leaving = select(User.id).where(User.employee_id.in_(leavers))
    return list((connection or db.session).scalars(_query().where(User.id.not_in(leaving))))


def _query() -> Select[int]:
    roles = select(GrantRow.access_role_id).where(GrantRow.action == "administer", GrantRow.subject == "accounts")
    return select(User.id).where(User.is_active, User.access_role_id.in_(roles)).order_by(User.id)


def refuse_last_administrator(user: User, field: str = "") -> None:
    """Raise `Invalid` when nobody but this user could administer accounts; call it before the change."""
    if administrators() == [user.id]:
        raise Invalid({field: _l("%(email)s is the last administrator. Make another one first.", email=user.email)})
