"""Actions of which one can tell how often they happened: each adds one to the number in a role's description."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import select

from app.access.actor import Actor, operator
from app.access.grants import Action, Subject
from app.actions.registry import ACTIONS, Source, action, run
from app.extensions import db
from app.people.role import Role

NEEDS = (Action.EDIT, Subject.ORGANISATION)


def register() -> None:
    """Add the actions to those of this process."""
    action("count_up", needs=NEEDS, over="role_ids")(count_up)
    action("count_each", needs=NEEDS, steps=each)(count_up)


def unregister() -> None:
    """Take them out again."""
    for name in ("count_up", "count_each"):
        ACTIONS.pop(name)


def count_up(actor: Actor, role_ids: list[int], seconds: float = 0) -> int:
    """Count, and let the transaction stay open for a while."""
    for role in db.session.scalars(select(Role).where(Role.id.in_(role_ids))):
        role.description = str(int(role.description or 0) + 1)
    db.session.flush()
    time.sleep(seconds)
    return len(role_ids)


def each(actor: Actor, role_ids: list[int], seconds: float = 0) -> list[tuple[str, dict[str, Any]]]:
    """Return a step for each role."""
    return [("count_up", {"role_ids": [role_id], "seconds": seconds}) for role_id in role_ids]


def make_roles(count: int) -> list[int]:
    """Make roles to count at; return their ids."""
    action("make_roles", needs=NEEDS)(_make_roles)
    try:
        return list(run("make_roles", actor=operator(), source=Source.CLI, count=count).value)
    finally:
        ACTIONS.pop("make_roles")


def _make_roles(actor: Actor, count: int) -> list[int]:
    roles = [Role(title=f"Role {number}") for number in range(count)]
    db.session.add_all(roles)
    db.session.flush()
    return [role.id for role in roles]


def counts() -> dict[int, int]:
    """Return how often it was counted at each role, as others see it."""
    db.session.rollback()
    return {row.id: int(row.description or 0) for row in db.session.execute(select(Role.id, Role.description))}
