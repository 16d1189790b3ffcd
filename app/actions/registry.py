"""Named actions, and `run`, the only door through which anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask import has_request_context, request
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from app.access.actor import Actor, refreshed
from app.access.grants import Action, Subject
from app.actions.constraints import as_problem
from app.changes.journal import Origin, record
from app.changes.tracking import Change, recording
from app.changes.transaction import write
from app.core.logs import current_request_id
from app.core.problems import TooMany
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


Function = Callable[..., Any]
Steps = Callable[..., list[tuple[str, dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Named:
    """An action: what it is called, the right it takes at the least, and the function that does it.

    Large work is a list of smaller actions, each a transaction of its own: slices of the list of ids that the argument
    `over` holds, or what `steps(actor, **arguments)` returns. `is_always_told` leaves a trace even without a change.
    """

    name: str
    needs: tuple[Action, Subject] | None
    function: Function
    over: str | None = None
    steps: Steps | None = None
    is_always_told: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action gave back, the changes it made (or, as a preview, would make), and the set they stand in."""

    value: Any
    changes: list[Change] = field(default_factory=list)
    change_set_id: int | None = None


ACTIONS: dict[str, Named] = {}


def action(
    name: str,
    needs: tuple[Action, Subject] | None,
    *,
    over: str | None = None,
    steps: Steps | None = None,
    is_always_told: bool = False,
) -> Callable[[Function], Function]:
    """Register a function as an action.

    It takes the actor and plain values, loads what it needs afresh, checks the rights that depend on the row, flushes
    where it has to, and never commits. `needs=None` is for what everybody may do with their own account.
    """

    def register(function: Function) -> Function:
        if name in ACTIONS:
            raise ValueError(f"there are two actions called {name}")
        ACTIONS[name] = Named(name, needs, function, over, steps, is_always_told)
        return function

    return register


def run(
    name: str,
    *,
    actor: Actor,
    source: Source,
    reason: str | None = None,
    preview: bool = False,
    within: int | None = None,
    part_of: str | None = None,
    undoes: int | None = None,
    also: Callable[[int | None], None] | None = None,
    **arguments: Any,
) -> Outcome:
    """Do the named action for `actor` in one transaction, or with `preview` do it and take everything back.

    What it changed is a change set of its own (called `part_of` where it is a step of larger work), or a further
    segment of the one `within` names. `also` runs last in the same transaction and gets the set's id. The rights are
    those of this moment, read inside the transaction. Raises `Forbidden`, `Invalid`, `NotFound`, `Conflict`, or what
    `write` raises; nothing was saved then, but for `OutcomeUnknown`.
    """
    named = ACTIONS[name]
    origin = _origin(part_of or name, actor, Source(source), reason, undoes, arguments)

    def work() -> Outcome:
        fresh = refreshed(actor)
        if named.needs:
            fresh.require(*named.needs)
        with recording() as changes:
            value = named.function(fresh, **arguments)
            db.session.flush()
        set_id = within
        if preview and len({change.person_id or (change.entity, change.id) for change in changes}) > PREVIEW_ROWS:
            words = _l(
                "This would change more than %(count)s records, too many to show beforehand.", count=PREVIEW_ROWS
            )
            raise TooMany({"": words})
        if not preview:
            if changes or named.is_always_told:
                set_id = record(origin, changes, within)
            if also:
                also(set_id)
        return Outcome(value, changes, set_id)

    try:
        return write(work, keep=not preview)
    except IntegrityError as error:
        raise as_problem(error) from error


def _origin(
    name: str, actor: Actor, source: Source, reason: str | None, undoes: int | None, arguments: dict[str, Any]
) -> Origin:
    return Origin(
        action=name,
        source=source,
        actor_id=actor.user_id,
        session_id=actor.session_id,
        arguments=arguments,
        reason=reason,
        request_id=current_request_id(),
        address=request.remote_addr if has_request_context() else None,
        undoes_id=undoes,
    )
