"""What undoing a change set would do, unit by unit, and how it stands with each of them now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import reach
from app.actions.people import by_id
from app.actions.undo import net
from app.actions.undo.inverses import INVERSES, Need
from app.actions.undo.net import Net
from app.actions.undo.parts import CHANGED, ERASED, GONE, NO_RIGHT, UNKNOWN, Kind, State, Step, Unit
from app.changes import opening
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.changes.tracking import TRACKED, Operation, Tracked, told_fields
from app.core.chunks import chunks
from app.core.jobs.job import Job
from app.core.jobs.job import State as JobState
from app.core.problems import Invalid, NotFound
from app.extensions import db
from app.people.employee import Employee

MOST = 4000
"""So many rows, of about a thousand people, are undone at once; those of a larger set segment by segment."""
TAKING_EFFECT = "take_effect"
JOB, PAY = "job", "pay"
JOB_FIELDS = ("status", "department_id", "role_id", "manager_id", "hired_on", "left_on", "leaving_reason")
"""The columns of an employee that their job history tells as well."""
STRETCHES = {"assignments": JOB, "pay": PAY}
"""The tables whose rows are part of a person's record, and the unit that those of one person are."""


@dataclass(slots=True)
class Plan:
    """A change set, taken apart into units."""

    change_set_id: int
    segment_id: int | None
    units: list[Unit] = field(default_factory=list)

    def of(self, *states: State) -> list[Unit]:
        """Return the units with which it stands like this."""
        return [unit for unit in self.units if unit.state in states]

    def chosen(self, only: Collection[str] | None, despite: Collection[str] | bool) -> list[Unit]:
        """Return the units to undo: without `only` all that can be, with it those; what changed since by `despite`."""
        wanted = None if only is None else set(only)
        found = self.units if wanted is None else [unit for unit in self.units if unit.is_named_by(wanted)]
        return [unit for unit in found if unit.state is State.CLEAN or _is_despite(unit, despite)]


def mark(units: Iterable[Unit]) -> str:
    """Return what tells how it stands with these units from any later state; made of no values."""
    told = [
        [unit.key, unit.state, [getattr(step.row, "version", 0) for step in unit.steps if step.moved]] for unit in units
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _is_despite(unit: Unit, despite: Collection[str] | bool) -> bool:
    return unit.state is State.CHANGED and (despite if isinstance(despite, bool) else unit.is_named_by(set(despite)))


def is_large(change_set_id: int) -> bool:
    """Say whether a set is undone segment by segment."""
    return net.size(change_set_id) > MOST


def check_set(actor: Actor, change_set_id: int) -> None:
    """Raise unless a change set can be undone at all, and the actor may try.

    `NotFound` without it, `Forbidden` for a set of somebody else without the journal, `Invalid` for one that can't be.
    """
    found = db.session.get(ChangeSet, change_set_id)
    if found is None:
        raise NotFound()
    if not _is_own(actor, found):
        actor.require(Action.VIEW, Subject.JOURNAL)
    if found.action == opening.ACTION:
        raise Invalid({"": _l("This is what was there when the journal began. It can’t be undone.")})
    if found.action == TAKING_EFFECT:
        raise Invalid({"": _l("These changes were planned, and took effect on their day. Undo what planned them.")})
    of_set = select(ChangeRow.id).join(Segment, Segment.id == ChangeRow.segment_id)
    erased = of_set.where(Segment.change_set_id == change_set_id, ChangeRow.operation == Operation.ERASE)
    if db.session.execute(erased.limit(1)).first():
        raise Invalid({"": _l("An erasure can’t be undone: what it wiped is kept nowhere.")})
    unfinished = (JobState.WAITING, JobState.RUNNING)
    jobs = select(Job.id).where(Job.change_set_id == change_set_id, Job.state.in_(unfinished))
    if db.session.execute(jobs.limit(1)).first():
        raise Invalid({"": _l("This is still being done. Wait until its job is over, or end the job.")})


def plan(actor: Actor, change_set_id: int, segment_id: int | None = None) -> Plan:
    """Return what undoing a set, or one segment of it, would do for this actor, in a fixed number of statements.

    Raises what `check_set` does.
    """
    check_set(actor, change_set_id)
    found = net.nets(change_set_id, segment_id)
    present = _present(found)
    whole = {net.id for net in found if net.entity == "employees" and (net.before is None or net.after is None)}
    units: dict[str, Unit] = {}
    for one in found:
        for unit, step in _parts(one, present.get((one.entity, one.id)), whole):
            units.setdefault(unit.key, unit).steps.append(step)
            if one.is_erased:
                units[unit.key].reason = ERASED
    is_own = _is_own(actor, db.session.get_one(ChangeSet, change_set_id))
    _settle(actor, list(units.values()), is_own)
    return Plan(change_set_id, segment_id, list(units.values()))


def _is_own(actor: Actor, found: ChangeSet) -> bool:
    return actor.user_id is not None and found.actor_id == actor.user_id


def _present(found: Iterable[Net]) -> dict[tuple[str, int], Tracked]:
    """Return the rows of today, a statement a table and 500 rows."""
    ids: dict[str, list[int]] = {}
    for one in found:
        if one.entity in TRACKED:
            ids.setdefault(one.entity, []).append(one.id)
    return {
        (entity, row.id): row
        for entity, wanted in ids.items()
        for some in chunks(wanted)
        for row in _rows(TRACKED[entity], some)
    }


def _rows(model: Any, ids: Sequence[int]) -> Iterable[Any]:
    # What an earlier try left in the session is read again.
    query = select(model).where(model.id.in_(ids)).execution_options(populate_existing=True)
    return db.session.scalars(query)


def _parts(one: Net, row: Tracked | None, whole: set[int]) -> Iterator[tuple[Unit, Step]]:
    """Yield a row's part of each unit that it has a part in; `whole` are the people who come or go."""
    names = told_fields(TRACKED[one.entity]) if one.entity in TRACKED else ()
    now = {name: getattr(row, name) for name in names} if row is not None else None
    record, part = (one.entity, one.id), ""
    if one.entity in STRETCHES and one.person_id is not None:
        record = ("employees", one.person_id)
        part = "" if one.person_id in whole or one.is_erased else STRETCHES[one.entity]
    if one.before is None or one.after is None:
        kind = Kind.REMOVE if one.before is None else Kind.BRING_BACK
        step = Step(kind, one.entity, one.id, one.person_id, one.after or {}, one.before or {}, now, row)
        yield Unit(record, part), step
        return
    fields = [name for name in {**one.before, **one.after} if one.before.get(name) != one.after.get(name)]
    fields = [name for name in fields if name in names]  # a column may be gone by now
    parts = {part: fields} if record != (one.entity, one.id) else _by_unit(one.entity, fields)
    for name, together in parts.items() or [("", [])]:  # of what was erased nobody knows the fields
        yield (
            Unit(record, name),
            Step(
                Kind.SET_BACK,
                one.entity,
                one.id,
                one.person_id,
                {field: one.after.get(field) for field in together},
                {field: one.before.get(field) for field in together},
                None if now is None else {field: now.get(field) for field in together},
                row,
            ),
        )


def _by_unit(entity: str, fields: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in fields:
        unit = JOB if entity == "employees" and name in JOB_FIELDS else name
        found.setdefault(unit, []).append(name)
    return found


def _settle(actor: Actor, units: list[Unit], is_own: bool) -> None:
    """Find out how it stands with each unit, and what it is called."""
    people = _people(units)
    for unit in units:
        unit.name = _name(unit, people)
        for step in unit.steps:
            step.person = people.get(step.person_id or 0)
    needs = {unit.key: set(_needs(actor, unit, is_own)) for unit in units}
    granted = _granted(actor, {need for wanted in needs.values() for need in wanted})
    for unit in units:
        states = {step.state for step in unit.steps}
        if unit.reason is None and any(step.entity not in INVERSES for step in unit.steps):
            unit.reason = UNKNOWN
        if unit.reason is None and State.REFUSED in states:
            unit.reason = GONE
        if unit.reason is not None:
            unit.state = State.REFUSED
        elif states == {State.DONE}:
            unit.state = State.DONE
        elif not needs[unit.key] <= granted:
            unit.state, unit.reason = State.REFUSED, NO_RIGHT
        elif State.CHANGED in states:
            unit.state, unit.reason = State.CHANGED, CHANGED


def _needs(actor: Actor, unit: Unit, is_own: bool) -> Iterator[Need]:
    """Yield the rights that undoing a unit takes: those of the opposite change, and to see what was changed."""
    main = [step for step in unit.open_steps if step.is_whole and (step.entity, step.id) == unit.record]
    is_removed = any(step.kind is Kind.REMOVE for step in main)
    # What hangs on a record goes with it by the right to remove the record.
    for step in main if is_removed else unit.open_steps:
        if step.entity in INVERSES:
            yield from INVERSES[step.entity].needs(actor, step)
        if not is_own:
            yield Action.VIEW, Subject.JOURNAL, step.person_id if unit.record[0] == "employees" else None


def _granted(actor: Actor, needs: Iterable[Need]) -> set[Need]:
    """Return those of the rights that the actor has; one statement at most for each kind of right."""
    found: set[Need] = set()
    people: dict[tuple[Action, Subject], set[int]] = {}
    for action, subject, person_id in needs:
        if person_id is None and (subject is not Subject.JOURNAL or actor.can_everywhere(action, subject)):
            if actor.can(action, subject):
                found.add((action, subject, None))
        elif person_id is not None and actor.can_everywhere(action, subject):
            found.add((action, subject, person_id))
        elif person_id is not None and actor.can(action, subject):
            people.setdefault((action, subject), set()).add(person_id)
    for (action, subject), ids in people.items():
        query = select(Employee.id).where(Employee.id.in_(ids), reach(actor, action, subject))
        found |= {(action, subject, person_id) for person_id in db.session.scalars(query)}
    return found


def _people(units: Iterable[Unit]) -> dict[int, Employee]:
    """Return the people whose records these are parts of, as far as they are there."""
    return by_id(step.person_id for unit in units for step in unit.steps)


def _name(unit: Unit, people: Mapping[int, Employee]) -> str:
    """Return what a record is called: as today, or as it was called last; "" where nobody knows any more."""
    entity, record_id = unit.record
    if entity == "employees" and record_id in people:
        return people[record_id].name
    for step in unit.steps:
        if (step.entity, step.id) == unit.record and entity in INVERSES:
            row = step.row
            values = step.would if row is None else {name: getattr(row, name) for name in told_fields(type(row))}
            return INVERSES[entity].name(values) if values else ""
    return ""
