"""Named actions, and `run`, the only door through which anything changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from flask import has_request_context, request
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from app.access.actor import Actor, refreshed, refreshed_for_change
from app.access.grants import Action, Subject
from app.actions.constraints import as_problem
from app.actions.four_eyes import digest
from app.actions.four_eyes.asking import Held, hold_back
from app.actions.four_eyes.rules import Rule, rules_for
from app.changes.journal import Origin, plain, record
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
    `after` is called once it is committed, for what can't be done inside the transaction. `goes_on` is for the few that
    change nothing people look at, and are needed just while nothing else may be changed.
    """

    name: str
    needs: tuple[Action, Subject] | None
    function: Function
    over: str | None = None
    steps: Steps | None = None
    is_always_told: bool = False
    after: Callable[[], Any] | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action gave back, the changes it made (or, as a preview, would make), and the set they stand in.

    `waits_for` are the rules for which it would wait for a second administrator; `afterwards` is what `after` returned.
    """

    value: Any
    changes: list[Change] = field(default_factory=list)
    change_set_id: int | None = None
    waits_for: tuple[Rule, ...] = ()
    afterwards: Any = None


class _Waits(Exception):
    """What was done has to be taken back, because somebody else has to agree first."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__()


ACTIONS: dict[str, Named] = {}


def action(
    name: str,
    needs: tuple[Action, Subject] | None,
    *,
    over: str | None = None,
    steps: Steps | None = None,
    is_always_told: bool = False,
    after: Callable[[], Any] | None = None,
    goes_on: bool = False,
) -> Callable[[Function], Function]:
    """Register a function as an action.

    It takes the actor and plain values, loads what it needs afresh, checks the rights that depend on the row, flushes
    where it has to, and never commits. `needs=None` is for what everybody may do with their own account.
    """

    def register(function: Function) -> Function:
        if name in ACTIONS:
            raise ValueError(f"there are two actions called {name}")
        ACTIONS[name] = Named(name, needs, function, over, steps, is_always_told, after, goes_on)
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
    is_weighed: bool = False,
    **arguments: Any,
) -> Outcome:
    """Do the named action for `actor` in one transaction, or with `preview` do it and take everything back.

    What it changed is a change set of its own (called `part_of` where it is a step of larger work), or a further
    segment of the one `within` names. `also` runs last in the same transaction and gets the set's id. The rights are
    those of this moment, read inside the transaction. Raises `Forbidden`, `Invalid`, `NotFound`, `Conflict`,
    `ReadOnly`, or what `write` raises; nothing was saved then, but for `OutcomeUnknown`.

    What a rule of four eyes meets is not saved either: it raises `HeldBack`, unless `is_weighed` says that the larger
    work it is a step of was looked at as a whole.
    """
    named = ACTIONS[name]
    origin = origin_of(part_of or name, actor, source, reason, undoes, arguments)

    def work() -> Outcome:
        outcome = perform(named, actor, origin, arguments, preview=preview, within=within, is_weighed=is_weighed)
        if outcome.waits_for and not preview:
            raise _Waits(outcome)
        if also:
            also(outcome.change_set_id)
        return outcome

    try:
        outcome = write(work, keep=not preview)
    except IntegrityError as error:
        raise as_problem(error) from error
    except _Waits as waits:
        changes = waits.outcome.changes
        held = Held(waits.outcome.waits_for, records(changes), digest.of_changes(changes))
        raise hold_back(origin, as_json(arguments), held) from None
    return outcome if preview else finished(named, outcome)


def perform(
    named: Named,
    actor: Actor,
    origin: Origin,
    arguments: Mapping[str, Any],
    *,
    preview: bool = False,
    within: int | None = None,
    is_weighed: bool = False,
) -> Outcome:
    """Do an action inside a write and record what it changed, unless it is a preview, or a rule makes it wait."""
    fresh = refreshed(actor) if preview or named.goes_on else refreshed_for_change(actor)
    if named.needs:
        fresh.require(*named.needs)
    with recording() as changes:
        value = named.function(fresh, **arguments)
        db.session.flush()
    if preview and records(changes) > PREVIEW_ROWS:
        words = _l("This would change more than %(count)s records, too many to show beforehand.", count=PREVIEW_ROWS)
        raise TooMany({"": words})
    waits_for = () if is_weighed else rules_for(fresh, named, changes)
    if preview or waits_for:
        return Outcome(value, changes, within, waits_for)
    is_told = bool(changes) or named.is_always_told
    return Outcome(value, changes, record(origin, changes, within) if is_told else within)


def finished(named: Named, outcome: Outcome) -> Outcome:
    """Do what comes after an action's COMMIT."""
    return replace(outcome, afterwards=named.after()) if named.after else outcome


def records(changes: list[Change]) -> int:
    """Return how many people, or other records, are changed."""
    return len({change.person_id or (change.entity, change.id) for change in changes})


def origin_of(
    name: str, actor: Actor, source: Source, reason: str | None, undoes: int | None, arguments: dict[str, Any]
) -> Origin:
    """Return what the journal tells about an action of this request."""
    return Origin(
        action=name,
        source=Source(source),
        actor_id=actor.user_id,
        session_id=actor.session_id,
        arguments=arguments,
        reason=reason,
        request_id=current_request_id(),
        address=request.remote_addr if has_request_context() else None,
        undoes_id=undoes,
    )


def as_json(value: Any) -> Any:
    """Return arguments as JSON has them, which an action takes as well."""
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(one) for one in value]
    return plain(value)
