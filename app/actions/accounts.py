"""What happens to accounts: made, changed, ended; passwords and sign-in links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, or_, select, update

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts import passwords, sessions
from app.accounts.administrators import active_administrators, refuse_last_administrator
from app.accounts.models import AccessRole, ApiToken, Credential, Session, User
from app.accounts.sign_in import new_link
from app.actions.four_eyes.rules import is_in_force
from app.actions.guard import loaded, merged, refuse_stale
from app.actions.notices import Notice, notify
from app.actions.registry import action
from app.changes.tracking import KNOWINGLY
from app.core.clock import now
from app.core.problems import Forbidden, Invalid, NotFound, Sentence
from app.core.values import clean
from app.extensions import db
from app.people.employee import Employee, Status

FIELDS = ("email", "access_role_id", "employee_id", "is_active")


@action("create_user", needs=(Action.CREATE, Subject.ACCOUNTS))
def create_user(actor: Actor, values: Mapping[str, Any], password: str | None = None) -> int:
    """Add an account, without a password unless one is given; return its id."""
    cleaned = clean(
        User, {"email": None, "access_role_id": None, **values}, FIELDS, required=("email", "access_role_id")
    )
    _check(actor, cleaned)
    if password is not None:
        _check_password(password, cleaned["email"], "password")
    user = User(**{"is_active": True, **cleaned}, created_at=now())
    user.password_hash = passwords.hashed(password) if password is not None else None
    db.session.add(user)
    db.session.flush()
    return user.id


@action("change_user", needs=(Action.EDIT, Subject.ACCOUNTS))
def change_user(
    actor: Actor,
    user_id: int,
    version: int,
    values: Mapping[str, Any],
    original: Mapping[str, Any] | None = None,
) -> int:
    """Change an account; return its id.

    A new access role, address or employee, or the end of the account, ends its sessions: all of them, one's own as
    well, because copies of its cookie have to end with what it could do.
    """
    user = loaded(User, user_id)
    cleaned = clean(User, values, FIELDS, required=("email", "access_role_id"))
    wanted = merged(user, version, cleaned, original)
    changed = {field: value for field, value in wanted.items() if getattr(user, field) != value}
    _check(actor, changed, user)
    if user.is_active and ("access_role_id" in changed or changed.get("is_active") is False):
        _refuse_loss_of_last(user, changed)
    for field, value in changed.items():
        setattr(user, field, value)
    if changed.keys() & {"access_role_id", "is_active", "email", "employee_id"}:
        sessions.end_all(user.id)
    if changed.keys() & {"access_role_id", "is_active", "email"}:  # a link handed out for less opens no more
        db.session.execute(delete(Credential).where(Credential.user_id == user.id))
    if "access_role_id" in changed:
        notify(Notice.ACCESS_CHANGED, user.id)
    return user.id


@action("delete_user", needs=(Action.DELETE, Subject.ACCOUNTS))
def delete_user(actor: Actor, user_id: int, version: int) -> bool:
    """Delete an account that never signed in, end any other; return whether it was ended rather than deleted."""
    user = loaded(User, user_id)
    refuse_stale(user, version, {})
    if user.id == actor.user_id:
        raise Invalid({"": _l("This is your own account. Ask another administrator.")})
    refuse_last_administrator(user)
    sessions.end_all(user.id)
    db.session.execute(delete(Credential).where(Credential.user_id == user.id))
    if user.last_signed_in_at is None:
        db.session.execute(delete(ApiToken).where(ApiToken.user_id == user.id))
        db.session.delete(user)
        return False
    user.is_active = False
    return True


@action("make_sign_in_link", needs=(Action.ADMINISTER, Subject.ACCOUNTS), is_always_told=True)
def make_sign_in_link(actor: Actor, user_id: int) -> str:
    """Return the token of a one-time sign-in link for somebody without a password, or who forgot it."""
    user = loaded(User, user_id)
    if not user.is_active:
        raise Invalid({"": _l("This account is switched off. Switch it on first.")})
    if actor.user_id not in (None, user.id) and user.id in active_administrators() and is_in_force():
        # Whoever has the link is that administrator, and would be both of the four eyes.
        words = _l(
            "No link is made here for another administrator: they choose “Forgot your password?” on the sign-in page, "
            "or whoever runs this installation makes one with “flask --app run sign-in-link”."
        )
        raise Invalid({"": words})
    notify(Notice.SIGN_IN_LINK_MADE, user.id)
    return new_link(user)


@action("change_password", needs=None, is_always_told=True)
def change_password(actor: Actor, current_password: str | None, new_password: str) -> str | None:
    """Set one's own password and end one's other sessions; where there is a password, the present one is asked.

    Returns the new token of the present session, so that copies of its cookie end too; None where there is none.
    """
    if actor.user_id is None:
        raise Forbidden()
    user = loaded(User, actor.user_id)
    if user.password_hash is not None and not passwords.matches(user.password_hash, current_password or ""):
        raise Invalid({"current_password": _l("This is not your present password.")})
    _check_password(new_password, user.email, "new_password")
    user.password_hash = passwords.hashed(new_password)
    db.session.execute(delete(Credential).where(Credential.user_id == user.id))
    sessions.end_all(user.id, but=actor.session_id)
    notify(Notice.PASSWORD_CHANGED, user.id)
    return sessions.renew(actor.session_id) if actor.session_id is not None else None


@action("end_session", needs=None, is_always_told=True, goes_on=True)
def end_session(actor: Actor, session_id: int) -> None:
    """Sign out one of one's own sessions."""
    owner = db.session.execute(select(Session.user_id).where(Session.id == session_id)).scalar()
    if owner is None or owner != actor.user_id:
        raise NotFound()
    sessions.end(session_id)


@action("note_looked", needs=None)
def note_looked(actor: Actor, moment: datetime) -> None:
    """Note until when one has seen what others changed; it only ever moves on, and never into the future."""
    if actor.user_id is None:
        raise Forbidden()
    until = min(moment, now())
    # Not through the session, whose UPDATE would move the version under whoever edits the account just now.
    seen = update(User).where(User.id == actor.user_id, or_(User.looked_at.is_(None), User.looked_at < until))
    db.session.execute(seen.values(looked_at=until), execution_options={KNOWINGLY: True})


def _check(actor: Actor, changed: Mapping[str, Any], user: User | None = None) -> None:
    """Raise `Invalid` for what can't be, and `Forbidden` where somebody would hand out access without that right.

    Whose employee an account is says whose record it sees, so it counts as access like the access role.
    """
    errors: dict[str, Sentence] = {}
    if changed.keys() & {"access_role_id", "employee_id"}:
        actor.require(Action.ADMINISTER, Subject.ACCOUNTS)
    if "access_role_id" in changed and db.session.get(AccessRole, changed["access_role_id"]) is None:
        errors["access_role_id"] = _l("Choose an access role from the list.")
    if changed.get("employee_id") is not None:
        employee = db.session.get(Employee, changed["employee_id"])
        if employee is None or employee.status is Status.LEFT:
            errors["employee_id"] = _l("Choose somebody who works here.")
    elif user is not None and changed.get("is_active") and "employee_id" not in changed and _has_left(user.employee_id):
        errors["is_active"] = _l("Whose account this is has left. Record first that they are back.")
    if errors:
        raise Invalid(errors)


def _has_left(employee_id: int | None) -> bool:
    employee = db.session.get(Employee, employee_id) if employee_id is not None else None
    return employee is not None and employee.status is Status.LEFT


def _check_password(password: str, email: str, field: str) -> None:
    fault = passwords.fault(password, email)
    if fault:
        raise Invalid({field: fault})


def _refuse_loss_of_last(user: User, changed: Mapping[str, Any]) -> None:
    refuse_last_administrator(user, "is_active" if "is_active" in changed else "access_role_id")
