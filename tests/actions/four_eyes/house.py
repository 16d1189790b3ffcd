"""A house with exactly two administrators, Ana and Ben, and somebody of HR, whose accounts nobody used before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from app import actions
from app.access.actor import Actor, by_user
from app.accounts.models import AccessRole, User
from app.actions.four_eyes.rules import Rule
from app.actions.registry import Source
from app.changes.approvals import Approval, Verdict
from app.changes.journal import ChangeSet
from app.core.problems import HeldBack
from app.extensions import db
from app.people.role import Role
from tests.sample import Sample, account, act


@dataclass(frozen=True, slots=True)
class House:
    """The ids of the accounts; what accounts did in other tests of the last hour is not counted to these."""

    sample: Sample
    ana: int
    ben: int
    hr: int


def build(sample: Sample) -> House:
    """Make the accounts, and end that of the sample's administrator."""
    ana, ben = (account("administrator", f"{name}@house.example") for name in ("ana", "ben"))
    house = House(sample, ana, ben, account("hr", "hr@house.example"))
    act("change_user", user_id=sample.users["administrator"], version=1, values={"is_active": False})
    return house


def who(user_id: int) -> Actor:
    """Return the actor of an account."""
    found = by_user(user_id)
    assert found is not None
    return found


def do(user_id: int, name: str, /, **arguments: Any) -> Any:
    """Do an action for an account, as a panel does; return the outcome."""
    return actions.run(name, actor=who(user_id), source=Source.PANEL, **arguments)


def held(user_id: int, name: str, /, **arguments: Any) -> int:
    """Do an action that has to be held back; return the id of what waits."""
    with pytest.raises(HeldBack) as waits:
        do(user_id, name, **arguments)
    return waits.value.approval_id


def waiting(approval_id: int) -> Approval:
    """Return an approval as it stands in the database."""
    db.session.rollback()
    return db.session.get_one(Approval, approval_id)


def rules_of(approval_id: int) -> list[str]:
    """Return by which rules it waits."""
    return waiting(approval_id).rules.split()


def verdict(approval_id: int) -> Verdict:
    """Return what became of it."""
    return waiting(approval_id).verdict


def would_wait(user_id: int, name: str, /, **arguments: Any) -> tuple[Rule, ...]:
    """Return for which rules an action would wait, by its preview."""
    found: tuple[Rule, ...] = do(user_id, name, preview=True, **arguments).waits_for
    return found


def user(user_id: int) -> User:
    """Return an account, fresh from the database."""
    db.session.rollback()
    return db.session.get_one(User, user_id)


def change(user_id: int, **values: Any) -> dict[str, Any]:
    """Return the arguments that change an account."""
    return {"user_id": user_id, "version": user(user_id).version, "values": values}


def role(name: str) -> int:
    """Return the id of an access role."""
    return db.session.execute(select(AccessRole.id).where(AccessRole.name == name)).scalar_one()


def sets() -> list[ChangeSet]:
    """Return the change sets, the newest first."""
    db.session.rollback()
    return list(db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(10)))


def touch(actor: Actor, role_ids: list[int], word: str = "x") -> int:
    """Change so many rows: write something at the end of job titles' descriptions."""
    for one in db.session.scalars(select(Role).where(Role.id.in_(role_ids))):
        one.description = f"{one.description or ''}{word}"[-150:]
    return len(role_ids)
