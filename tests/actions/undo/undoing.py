"""Doing things to undo them, and what the tables hold before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from app import actions
from app.access.actor import Actor, by_user, operator
from app.actions.registry import ACTIONS
from app.changes.journal import plain
from app.changes.tracking import TRACKED, told_fields
from app.extensions import db
from tests.career import refused

Table = dict[int, dict[str, Any]]


def do(name: str, /, actor: Actor | None = None, **arguments: Any) -> int:
    """Do an action; return the id of its change set."""
    done = actions.run(name, actor=actor or operator(), source=actions.Source.CLI, **arguments)
    assert done.change_set_id is not None, f"{name} changed nothing"
    return done.change_set_id


def do_once(work: Callable[[Actor], Any]) -> int:
    """Do, as an action, what no action of ours does; return the id of its change set."""
    actions.action("once", needs=None)(work)
    try:
        return do("once")
    finally:
        del ACTIONS["once"]


def undo(change_set_id: int, /, actor: Actor | None = None, **arguments: Any) -> int:
    """Undo a change set; return the id of the set that did."""
    return do("undo", actor, undoes=change_set_id, change_set_id=change_set_id, **arguments)


def left_out(change_set_id: int, **arguments: Any) -> dict[str, str]:
    """Undo what can be undone of a set; return what was left out, with why, by key."""
    done = actions.run(
        "undo",
        actor=operator(),
        source=actions.Source.CLI,
        undoes=change_set_id,
        change_set_id=change_set_id,
        leave_out=True,
        **arguments,
    )
    return {unit.key: str(why) for unit, why in done.value.left_out}


def refusal(change_set_id: int, actor: Actor | None = None, **arguments: Any) -> str:
    """Return the words with which the undo of a change set is refused."""
    return " ".join(refused(undo, change_set_id, actor, **arguments).values())


def user(user_id: int) -> Actor:
    """Return the actor of an account."""
    db.session.rollback()
    found = by_user(user_id)
    assert found is not None
    return found


def told() -> dict[str, Table]:
    """Return what the journal tells of all tracked tables, as they are now."""
    db.session.rollback()
    return {
        name: {
            row["id"]: {field: plain(row[field]) for field in told_fields(model)}
            for row in db.session.execute(select(db.metadata.tables[name])).mappings()
        }
        for name, model in TRACKED.items()
    }


def differences(before: dict[str, Table], after: dict[str, Table]) -> dict[str, Any]:
    """Return where two states of the tables differ: both values, by table, row and field."""
    found: dict[str, Any] = {}
    for name in before:
        for row_id in sorted(before[name].keys() | after[name].keys()):
            old, new = before[name].get(row_id), after[name].get(row_id)
            if old is None or new is None:
                if old is not new:
                    found[f"{name}:{row_id}"] = ("there" if old else "gone", "there" if new else "gone")
                continue
            for field, value in old.items():
                if value != new[field]:
                    found[f"{name}:{row_id}:{field}"] = (value, new[field])
    return found
