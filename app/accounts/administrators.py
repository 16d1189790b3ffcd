"""Somebody always has to be left who can hand out access."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.accounts.models import GrantRow, User
from app.core.problems import Invalid
from app.extensions import db


def administrators() -> list[int]:
    """Return the ids of active users who may administer accounts, locked until the transaction ends.

    Locked, because two administrators who disable each other at once would each see the other one left.
    """
    roles = select(GrantRow.access_role_id).where(GrantRow.action == "administer", GrantRow.subject == "accounts")
    query = select(User.id).where(User.is_active, User.access_role_id.in_(roles)).order_by(User.id)
    return list(db.session.scalars(query.with_for_update()))


def refuse_last_administrator(user: User, field: str = "") -> None:
    """Raise `Invalid` when nobody but this user could administer accounts; call it before the change."""
    if administrators() == [user.id]:
        raise Invalid({field: _l("%(email)s is the last administrator. Make another one first.", email=user.email)})
