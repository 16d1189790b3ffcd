"""Who is acting, with all their rights, loaded by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from flask import g
from sqlalchemy import CompoundSelect, Row, Select, bindparam, null, select, union_all

from app.access.grants import Action, Scope, Subject
from app.accounts.models import AccessRole, GrantRow, Session, User
from app.accounts.sessions import IS_LIVE, live_at, token_hash
from app.changes import read_only
from app.changes.read_only import ReadOnlyState
from app.core.problems import Forbidden
from app.core.querycache import versions
from app.extensions import db
from app.people.employee import Employee

ACTIONS, SUBJECTS, SCOPES = set(Action), set(Subject), set(Scope)


@dataclass(frozen=True, slots=True)
class Actor:
    """An account (or the operator at the command line) and what it may do, as of one moment."""

    user_id: int | None
    name: str
    email: str
    access_role: str
    grants: Mapping[tuple[Action, Subject], Scope]
    employee_id: int | None = None
    employee_number: str | None = None
    department_id: int | None = None
    has_password: bool = True
    session_id: int | None = None
    last_seen_at: datetime | None = field(default=None, compare=False)

    def scope(self, action: Action, subject: Subject) -> Scope | None:
        """Return how far the right reaches; None without it."""
        return self.grants.get((action, subject))

    def can(self, action: Action, subject: Subject) -> bool:
        """Say whether the right is there for at least somebody."""
        return (action, subject) in self.grants

    def can_beyond_self(self, action: Action, subject: Subject) -> bool:
        """Say whether the right reaches further than one's own record."""
        return self.scope(action, subject) not in (None, Scope.SELF)

    def can_everywhere(self, action: Action, subject: Subject) -> bool:
        """Say whether the right covers everybody."""
        return self.scope(action, subject) is Scope.ALL

    def require(self, action: Action, subject: Subject) -> None:
        """Raise `Forbidden` without the right."""
        if not self.can(action, subject):
            raise Forbidden()


def operator() -> Actor:
    """Return the actor of the command line: whoever can run it owns the machine, so may do everything."""
    everything = {(action, subject): Scope.ALL for action in Action for subject in Subject}
    return Actor(user_id=None, name="operator", email="", access_role="administrator", grants=everything)


def by_session_token(token: str, now: datetime) -> Actor | None:
    """Return who is signed in with this token: session, user, access role, employee and grants in one statement.

    It also brings the versions of what the cache may answer for, from the snapshot that everything else is read in, and
    whether anything may be changed at the moment, for `is_read_only`.
    """
    query, width = _by_session()
    rows = db.session.execute(query, {"token_hash": token_hash(token), **live_at(now)}).all()
    versions.take(row[width:] for row in rows if row[width] is not None)
    found = [row for row in rows if row[width] is None]
    g.read_only = read_only.state_of(*found[0][width - 2 : width]) if found else None
    return _actor(found)


def is_read_only() -> ReadOnlyState | None:
    """Return that nothing can be changed and why, as it was when who is asking was found out; None where it can."""
    refused: ReadOnlyState | None = g.get("refused_as_read_only")
    return refused or g.get("read_only")


@cache
def _by_session() -> tuple[CompoundSelect[*tuple[Any, ...]], int]:
    """Return the statement of `by_session_token`, and how many of its columns are the actor's; the rest are tokens'.

    Each request runs it, and making it anew would take longer than running it.
    """
    query = _actors().add_columns(Session.id, Session.last_seen_at).join(Session, Session.user_id == User.id)
    query = query.add_columns(read_only.read(read_only.until()), read_only.read(read_only.why()))
    query = query.where(Session.token_hash == bindparam("token_hash"), IS_LIVE)
    width, told = len(query.selected_columns), versions.sums()
    blank = [null().label(f"no_{number}") for number in range(width)]
    both: CompoundSelect[*tuple[Any, ...]] = union_all(
        query.add_columns(*(null().label(column.key) for column in told.selected_columns)),
        told.with_only_columns(*blank, *told.selected_columns),
    )
    return both, width


def by_user(user_id: int) -> Actor | None:
    """Return the actor of an active account, fresh from the database."""
    return _actor(db.session.execute(_actors().where(User.id == user_id)).all())


def refreshed(actor: Actor) -> Actor:
    """Return the same actor with the rights of this moment; raise `Forbidden` when the account ended."""
    return actor if actor.user_id is None else _same(actor, by_user(actor.user_id))


def refreshed_for_change(actor: Actor) -> Actor:
    """Do the same inside a write, and raise `ReadOnly` where nothing may be changed, by the same statement."""
    if actor.user_id is None:
        read_only.refuse_change()
        return actor
    query = _actors().add_columns(null(), null(), read_only.read_for_change()).where(User.id == actor.user_id)
    rows = db.session.execute(query).all()
    if rows:
        read_only.refuse(rows[0][-1])
    return _same(actor, _actor(rows))


def _same(actor: Actor, fresh: Actor | None) -> Actor:
    if fresh is None:
        raise Forbidden()
    return replace(fresh, session_id=actor.session_id)


def _actors() -> Select[*tuple[Any, ...]]:
    return (
        select(
            User.id,
            User.email,
            User.password_hash.is_not(None),
            AccessRole.name,
            Employee.id,
            Employee.number,
            Employee.first_name,
            Employee.last_name,
            Employee.department_id,
            GrantRow.action,
            GrantRow.subject,
            GrantRow.scope,
        )
        .select_from(User)
        .join(AccessRole, AccessRole.id == User.access_role_id)
        .outerjoin(Employee, Employee.id == User.employee_id)
        .outerjoin(GrantRow, GrantRow.access_role_id == AccessRole.id)
        .where(User.is_active)
    )


def _actor(rows: Sequence[Row[*tuple[Any, ...]]]) -> Actor | None:
    if not rows:
        return None
    user_id, email, has_password, role, employee_id, number, first, last, department_id = rows[0][:9]
    session_id, last_seen_at = rows[0][12:14] if len(rows[0]) > 12 else (None, None)
    return Actor(
        user_id=user_id,
        name=f"{first} {last}".strip() if employee_id else email,
        email=email,
        access_role=role,
        grants=_grants(row[9:12] for row in rows),
        employee_id=employee_id,
        employee_number=number,
        department_id=department_id,
        has_password=bool(has_password),
        session_id=session_id,
        last_seen_at=last_seen_at,
    )


def _grants(rows: Iterable[tuple[str | None, str | None, str | None]]) -> dict[tuple[Action, Subject], Scope]:
    """Return the grants; what a newer version of the code granted by words not known here is no right here."""
    grants: dict[tuple[Action, Subject], Scope] = {}
    for action, subject, scope in rows:
        if action in ACTIONS and subject in SUBJECTS and scope in SCOPES:
            grants[Action(action), Subject(subject)] = Scope(scope)
    return grants
