"""Named actions, and `run`, the only door through which anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from app.access.actor import Actor, refreshed
from app.access.grants import Action, Subject
from app.actions.constraints import as_problem
from app.changes.tracking import Change, recording
from app.changes.transaction import write
from app.core.problems import Invalid
from app.extensions import db

PREVIEW_ROWS = 1000


class Source(StrEnum):
    """Where a change came from."""

    PANEL = "panel"
    WEB = "web"
    API = "api"
    IMPORT = "import"
    CLI = "cli"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Named:
    """An action: what it is called, the right it takes at the least, and the function that does it."""

    name: str
    needs: tuple[Action, Subject] | None
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action gave back, and the changes it made (or, as a preview, would make)."""

    value: Any
    changes: list[Change]


ACTIONS: dict[str, Named] = {}
Function = Callable[..., Any]


def action(name: str, needs: tuple[Action, Subject] | None) -> Callable[[Function], Function]:
    """Register a function as an action.

    It takes the actor and plain values, loads what it needs afresh, checks the rights that depend on the row, flushes
    where it has to, and never commits. `needs=None` is for what everybody may do with their own account.
    """

    def register(function: Function) -> Function:
        if name in ACTIONS:
            raise ValueError(f"there are two actions called {name}")
        ACTIONS[name] = Named(name, needs, function)
        return function

    return register


def run(
    name: str,
    *,
    actor: Actor,
    source: Source,
    reason: str | None = None,
    preview: bool = False,
    **arguments: Any,
) -> Outcome:
    """Do the named action for `actor` in one transaction, or with `preview` do it and take everything back.

    The rights are those of this moment, read inside the transaction. Raises `Forbidden`, `Invalid`, `NotFound`,
    `Conflict`, or what `write` raises; nothing was saved then, but for `OutcomeUnknown`.
    """
    named = ACTIONS[name]
    source = Source(source)

    def work() -> Outcome:
        fresh = refreshed(actor)
        if named.needs:
            fresh.require(*named.needs)
        with recording() as changes:
            value = named.function(fresh, **arguments)
            db.session.flush()
        if preview and len({(change.entity, change.id) for change in changes}) > PREVIEW_ROWS:
            words = _l(
                "This would change more than %(count)s records, too many to show beforehand.", count=PREVIEW_ROWS
            )
            raise Invalid({"": words})
        return Outcome(value, changes)

    try:
        return write(work, keep=not preview)
    except IntegrityError as error:
        raise as_problem(error) from error
