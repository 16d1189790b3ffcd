"""One record by the name that somebody types at the command line."""

from __future__ import annotations

from sqlalchemy import Select, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import visible
from app.accounts.models import AccessRole, User
from app.core import text
from app.core.columns import KEY_LENGTH
from app.extensions import db
from app.people.employee import Employee


def access_role_id(actor: Actor, name: str) -> int | None:
    """Return the id of an access role; None where no role is called so."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    return _one(select(AccessRole.id).where(AccessRole.name == name.strip().casefold()))


def user_id(actor: Actor, email: str) -> int | None:
    """Return the id of the account with this address, however it is capitalised; None without one."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    return _one(select(User.id).where(User.email_key == text.key(email)[:KEY_LENGTH]))


def employee_id(actor: Actor, number: str) -> int | None:
    """Return the id of the employee with this number; None where nobody has it, or nobody the actor may see."""
    return _one(select(Employee.id).where(Employee.number_key == text.key(number)[:KEY_LENGTH], visible(actor)))


def is_any_user(actor: Actor) -> bool:
    """Say whether there is any account yet."""
    actor.require(Action.VIEW, Subject.ACCOUNTS)
    return _one(select(User.id).limit(1)) is not None


def is_any_employee_besides(actor: Actor, prefix: str) -> bool:
    """Say whether there is anybody whose number does not begin with `prefix`."""
    numbers = ~Employee.number_key.startswith(text.key(prefix), autoescape=True)
    return _one(select(Employee.id).where(numbers, visible(actor)).limit(1)) is not None


def _one(query: Select[int]) -> int | None:
    return db.session.execute(query).scalar()
