"""Undo as actions: a change set or a part of it at once, a large one segment by segment."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.actions.registry import action
from app.actions.undo import fit, net
from app.actions.undo.inverses import INVERSES
from app.actions.undo.parts import AlreadyUndone, Refused, State, Unit
from app.actions.undo.planning import Plan, check_set, plan
from app.actions.undo.work import Work
from app.actions.undo.writing import write_back
from app.changes.journal import Segment
from app.changes.tracking import RECORDING
from app.core.problems import Invalid, NotFound, Sentence
from app.extensions import db
from app.people.places import ENTERED


@dataclass(slots=True)
class Undone:
    """The units that were undone, and those that were left out, with why."""

    done: list[Unit] = field(default_factory=list)
    left_out: list[tuple[Unit, Sentence]] = field(default_factory=list)


def steps(actor: Actor, change_set_id: int, despite: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """Return what the undo of a large set consists of: one action for each of its segments, the last first."""
    check_set(actor, change_set_id)
    found = net.segments(change_set_id)
    return [("undo_segment", {"segment_id": segment_id, "despite": despite}) for segment_id in found]


@action("undo", needs=None, steps=steps)
def undo(
    actor: Actor,
    change_set_id: int,
    only: Collection[str] | None = None,
    despite: Collection[str] | bool = False,
    leave_out: bool = False,
) -> Undone:
    """Undo a change set, or with `only` these units of it; what changed again since only with `despite`.

    Each unit takes the rights that the opposite change takes, and the rules for that change hold. Raises `Refused`
    where one breaks a rule, or with `leave_out` undoes the others.
    """
    found = plan(actor, change_set_id)
    if not found.of(State.CLEAN, State.CHANGED, State.REFUSED):
        raise AlreadyUndone()
    if only is not None and not leave_out:
        _refuse_others(found, set(only), despite)
    result = _undone(actor, found, only, despite, leave_out)
    if not result.done and not result.left_out:
        raise AlreadyUndone()
    if not result.done:
        raise Refused({unit.key: unit for unit in found.units}, {unit.key: why for unit, why in result.left_out})
    return result


@action("undo_segment", needs=None)
def undo_segment(actor: Actor, segment_id: int, despite: bool = False) -> Undone:
    """Undo what one segment of a change set did, as far as it can be; the later ones go first."""
    change_set_id = db.session.scalar(select(Segment.change_set_id).where(Segment.id == segment_id))
    if change_set_id is None:
        raise NotFound()
    return _undone(actor, plan(actor, change_set_id, segment_id), None, despite, leave_out=True)


def _refuse_others(found: Plan, only: set[str], despite: Collection[str] | bool) -> None:
    """Raise `Refused` where something chosen can't be undone as it stands now, or is no part of the set."""
    units = {unit.key: unit for unit in found.units}
    chosen = {unit.key for unit in found.chosen(only, despite)}
    reasons = {
        unit.key: unit.reason
        for unit in found.of(State.CHANGED, State.REFUSED)
        if unit.is_named_by(only) and unit.key not in chosen and unit.reason is not None
    }
    if reasons:
        raise Refused(units, reasons)
    if not any(unit.is_named_by(only) for unit in found.units):
        raise Invalid({"": _l("Choose what to undo.")})


def _undone(
    actor: Actor, found: Plan, only: Collection[str] | None, despite: Collection[str] | bool, leave_out: bool
) -> Undone:
    """Undo the chosen units of a plan; with `leave_out` without those that break a rule."""
    refused: dict[str, Sentence] = {}
    chosen = found.chosen(only, despite)
    while chosen:
        try:
            _attempt(actor, chosen)
            break
        except Refused as problem:
            if not leave_out:
                raise
            refused |= problem.reasons
        # What the session held of these rows went with the attempt, so that they are read again.
        found = plan(actor, found.change_set_id, found.segment_id)
        chosen = [unit for unit in found.chosen(only, despite) if unit.key not in refused]
    done = {unit.key for unit in chosen}
    left = [
        (unit, refused.get(unit.key) or unit.reason)
        for unit in found.units
        if unit.key not in done and unit.state is not State.DONE and (only is None or unit.is_named_by(set(only)))
    ]
    return Undone(chosen, [(unit, why) for unit, why in left if why is not None])


def _attempt(actor: Actor, units: Iterable[Unit]) -> None:
    """Write units back, all of them or none; raise `Refused` with what breaks a rule."""
    told = db.session().info[RECORDING]
    before = copy.deepcopy(told)
    try:
        with db.session.begin_nested():
            _write(Work(actor, units))
    except Refused:
        told.clear()
        told.update(before)
        db.session().info.pop(ENTERED, None)  # the locks may have gone with the rows
        raise


def _write(work: Work) -> None:
    rooms = [INVERSES[entity] for entity in work.entities()]
    fit.check(work)
    for before in dict.fromkeys(room.before for room in rooms):
        before(work)
    work.stop_if_refused()
    write_back(work)
    for after in dict.fromkeys(room.after for room in rooms):
        after(work)
    work.stop_if_refused()
    db.session.flush()
