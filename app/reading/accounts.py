"""Users and access roles, for those who may see accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, or_, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts.models import AccessRole, Session, User
from app.accounts.sessions import is_live
from app.core import text
from app.core.clock import now
from app.core.problems import NotFound
from app.extensions import db
from app.people.employee import Employee
from app.reading.paging import Order, Page, Place, listed
from app.reading.search import LAST_CHARACTER, found_by


@dataclass(frozen=True, slots=True)
class UserRow:
    """An account of a list."""

    user: User
    access_role: str
    employee_number: str | None
    employee: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of accounts is asked for."""

    search: str = ""
    access_role_id: int | None = None
    is_active: bool | None = None
    is_descending: bool = False
    place: Place = field(default_factory=Place)
    size: int = 50


def users(actor: Actor, wanted: Wanted) -> Page[UserRow]:
    """Return one page of accounts, by e-mail address."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    order = Order(User.email_key, User.id, wanted.is_descending)
    ids = select(User.id, User.email_key).where(*_conditions(wanted))

    def read(chosen: Subquery, is_backwards: bool) -> list[UserRow]:
        query = _users().join(chosen, chosen.c.id == User.id)
        return [_row(row) for row in db.session.execute(query.order_by(*order.clauses(is_backwards)))]

    return listed(ids, order, wanted.place, wanted.size, read, lambda r: (r.user.email_key, r.user.id))


def user(actor: Actor, user_id: int) -> UserRow:
    """Return one account; raise `NotFound`."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    row = db.session.execute(_users().where(User.id == user_id)).first()
    if row is None:
        raise NotFound()
    return _row(row)


def access_roles(actor: Actor) -> list[AccessRole]:
    """Return the access roles, by name."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    return list(db.session.scalars(select(AccessRole).order_by(AccessRole.name)))


def own_sessions(actor: Actor) -> list[Session]:
    """Return the actor's live sessions, the latest first."""
    query = select(Session).where(Session.user_id == actor.user_id, is_live(now()))
    return list(db.session.scalars(query.order_by(Session.last_seen_at.desc())))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search.strip():
        prefix = text.key(wanted.search)
        by_name = select(Employee.id).where(*found_by(wanted.search))
        conditions.append(
            or_(
                and_(User.email_key >= prefix, User.email_key < prefix + LAST_CHARACTER),
                User.employee_id.in_(by_name),
            )
        )
    if wanted.access_role_id is not None:
        conditions.append(User.access_role_id == wanted.access_role_id)
    if wanted.is_active is not None:
        conditions.append(User.is_active == wanted.is_active)
    return conditions


def _users() -> Select[*tuple[Any, ...]]:
    return (
        select(User, AccessRole.name, Employee.number, Employee.first_name, Employee.last_name)
        .join(AccessRole, AccessRole.id == User.access_role_id)
        .outerjoin(Employee, Employee.id == User.employee_id)
    )


def _row(row: Any) -> UserRow:
    account, access_role, number, first, last = row
    return UserRow(account, access_role, number, f"{first} {last}".strip() if number else None)
