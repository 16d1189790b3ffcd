"""How changes of accounts and access roles are undone; passwords, sessions and links never come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts import sessions
from app.accounts.administrators import administrators
from app.accounts.models import AccessRole, Credential, GrantRow, User
from app.actions.notices import Notice, notify
from app.actions.undo.inverses import Inverse, Need, inverse
from app.actions.undo.parts import Kind, Step
from app.actions.undo.work import Row, Work
from app.extensions import db
from app.people.employee import Employee, Status

RIGHTS = {Kind.REMOVE: Action.DELETE, Kind.BRING_BACK: Action.CREATE, Kind.SET_BACK: Action.EDIT}
HANDED_OUT = {"access_role_id", "employee_id"}
"""What an account may do, and whose record it sees."""


def _needs(_actor: Actor, step: Step) -> Iterator[Need]:
    yield RIGHTS[step.kind], Subject.ACCOUNTS, None
    if step.kind is Kind.BRING_BACK or not step.wanted.keys().isdisjoint(HANDED_OUT):
        yield Action.ADMINISTER, Subject.ACCOUNTS, None


def _needs_of_role(_actor: Actor, _step: Step) -> Iterator[Need]:
    yield Action.ADMINISTER, Subject.ACCOUNTS, None


def _before(work: Work) -> None:
    """Note who can administer accounts; refuse to remove an account that was used, or one's own."""
    work.administrators = set(administrators())
    for row in work.of("users", Kind.REMOVE):
        user: Any = row.row
        if user.id == work.actor.user_id:
            work.refuse(row, _l("This is your own account. Ask another administrator."))
        elif user.last_signed_in_at is not None:
            work.refuse(row, _l("Somebody has signed in with it since. Switch it off instead."))


def _after(work: Work) -> None:
    """End the sessions of accounts that are not what they were; refuse to leave nobody who can administer accounts."""
    for row in work.of("users", Kind.SET_BACK):
        sessions.end_all(row.id)
        if row.becomes("access_role_id"):
            notify(Notice.ACCESS_CHANGED, row.id)
        if any(row.becomes(field) for field in ("access_role_id", "is_active", "email")):
            db.session.execute(delete(Credential).where(Credential.user_id == row.id))
    for user_id in _holders(work):
        sessions.end_all(user_id)
    _check_employees(work, [row for row in work.of("users") if row.final is not None and _is_linked(row)])
    if work.administrators and not administrators():
        for row in [*work.of("users"), *work.of("grants"), *work.of("access_roles")]:
            work.refuse(row, _l("Nobody could administer accounts any more. Make another administrator first."))


def _is_linked(row: Row) -> bool:
    """Say whether an account becomes one that somebody can use as this person."""
    is_new = row.values.get("employee_id") is not None or row.values.get("is_active") is True
    return bool(is_new and row.final.is_active and row.final.employee_id is not None)


def _holders(work: Work) -> Iterable[int]:
    """Return the accounts of access roles that grant something else than before."""
    roles = {row.now("access_role_id") or row.values.get("access_role_id") for row in work.of("grants")}
    if not roles:
        return []
    return db.session.scalars(select(User.id).where(User.access_role_id.in_(roles)))


def _check_employees(work: Work, rows: Iterable[Row]) -> None:
    """Refuse accounts that are switched on for who doesn't work here."""
    for row in rows:
        employee = db.session.get(Employee, row.final.employee_id)
        if employee is None or employee.status is Status.LEFT:
            work.refuse(row, _l("Whose account it is doesn’t work here any more."))


inverse("users", Inverse(User, _needs, lambda values: str(values.get("email") or ""), before=_before, after=_after))
inverse(
    "access_roles",
    Inverse(AccessRole, _needs_of_role, lambda values: str(values.get("name") or ""), before=_before, after=_after),
)
inverse("grants", Inverse(GrantRow, _needs_of_role, lambda _values: "", before=_before, after=_after))
