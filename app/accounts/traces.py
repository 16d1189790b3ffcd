"""What leads to a person: which accounts are theirs, and what they are called."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from app.accounts.models import User
from app.changes import emptying
from app.changes.emptying import Traces
from app.extensions import db
from app.people.employee import Employee


def account_of(employee_id: int) -> User | None:
    """Return somebody's account, switched on or off."""
    return db.session.scalars(select(User).where(User.employee_id == employee_id)).first()


def traces_of(person: Employee) -> Traces:
    """Return what leads to a person in the journal and the queue."""
    told = set(emptying.accounts_told(person.id))
    rows = db.session.execute(select(User.id, User.email, User.employee_id).where(_is_or_was(person.id, told))).all()
    own = {user_id: email for user_id, email, employee_id in rows if employee_id == person.id}
    others = {user_id for user_id, *_ in rows} - own.keys()
    names = (person.name, person.email, person.personal_email, *own.values())
    return Traces(
        person_id=person.id,
        account_ids=frozenset(told - others | own.keys()),
        number=person.number,
        names=frozenset(name for name in names if name),
    )


def once_theirs(person: Employee) -> list[str]:
    """Return the addresses of accounts that were linked with somebody, and are no longer."""
    told = set(emptying.accounts_told(person.id))
    query = select(User.email).where(User.id.in_(told), User.employee_id.is_distinct_from(person.id))
    return list(db.session.scalars(query.order_by(User.email_key)))


def _is_or_was(employee_id: int, told: set[int]) -> ColumnElement[bool]:
    return or_(User.employee_id == employee_id, User.id.in_(told))
