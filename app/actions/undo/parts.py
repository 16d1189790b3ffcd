"""What undoing a change set consists of: rows, and the units of them that are undone together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l

from app.changes.tracking import Change, Operation, Tracked
from app.core.problems import Invalid, Sentence


class Kind(StrEnum):
    """What undoing does to a row."""

    REMOVE = "remove"
    """The set made it."""
    BRING_BACK = "bring_back"
    """The set removed it."""
    SET_BACK = "set_back"
    """The set changed fields of it."""


class State(StrEnum):
    """How it stands with a unit."""

    CLEAN = "clean"
    """It is as the set left it."""
    CHANGED = "changed"
    """Something of it changed again since."""
    DONE = "done"
    """It is as it was before the set already."""
    REFUSED = "refused"
    """It can't be undone, whatever is chosen."""


CHANGED = _l("It was changed again since.")
GONE = _l("The record is no longer there.")
ERASED = _l("It was erased and can’t be brought back.")
UNKNOWN = _l("Changes of this kind can’t be undone.")
NO_RIGHT = _l("You don’t have the right to change this.")


@dataclass(slots=True)
class Step:
    """A row of a unit: what the set left of its fields, what they hold now, and what they would become.

    `now` is None where the row is not there. Of a row to be set back, these are only the fields of the unit.
    """

    kind: Kind
    entity: str
    id: int
    person_id: int | None
    left: dict[str, Any]
    would: dict[str, Any]
    now: dict[str, Any] | None = None
    row: Tracked | None = None
    person: Any = None
    """Whose record it is part of, as they are now."""

    @property
    def is_whole(self) -> bool:
        """Whether the row comes or goes as a whole."""
        return self.kind is not Kind.SET_BACK

    @property
    def state(self) -> State:
        """How it stands with this row."""
        if self.kind is Kind.BRING_BACK:
            return State.CLEAN if self.now is None else State.DONE
        if self.now is None:
            return State.DONE if self.kind is Kind.REMOVE else State.REFUSED
        if self.moved:
            return State.CHANGED
        return State.CLEAN if self.kind is Kind.REMOVE or self.wanted else State.DONE

    @property
    def moved(self) -> list[str]:
        """The fields that changed again since; one that is back where it was before the set is none."""
        now = self.now or {}
        if self.kind is Kind.REMOVE:
            return [name for name, value in now.items() if value != self.left.get(name)]
        return [name for name in self.wanted if now.get(name) != self.left.get(name)]

    @property
    def wanted(self) -> dict[str, Any]:
        """The fields that have to change, with what they become."""
        if self.kind is not Kind.SET_BACK or self.now is None:
            return self.would
        return {name: value for name, value in self.would.items() if self.now.get(name) != value}

    def change(self) -> Change:
        """Return what undoing would change, as an action tells it."""
        if self.kind is Kind.REMOVE:
            return self._change(Operation.DELETE, _filled(self.now or {}), {})
        if self.kind is Kind.BRING_BACK:
            return self._change(Operation.CREATE, {}, _filled(self.would))
        now = self.now or {}
        return self._change(Operation.UPDATE, {name: now.get(name) for name in self.wanted}, self.wanted)

    def since(self) -> Change:
        """Return what changed since the set, for who has to choose between the two."""
        now = self.now or {}
        before = {name: self.left.get(name) for name in self.moved}
        return self._change(Operation.UPDATE, before, {name: now.get(name) for name in self.moved})

    def _change(self, operation: Operation, before: dict[str, Any], after: dict[str, Any]) -> Change:
        return Change(self.entity, self.id, self.person_id, operation, before, after)


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True)
class Unit:
    """Changes that only make sense together: somebody's job, their pay, a record made or removed, or a single field.

    `record` is table and id of the record it is part of, `part` what of it: a field, “job”, “pay”, or "" for the whole.
    """

    record: tuple[str, int]
    part: str
    steps: list[Step] = field(default_factory=list)
    state: State = State.CLEAN
    reason: Sentence | None = None
    name: str = ""

    @property
    def key(self) -> str:
        """What it is called in arguments and forms."""
        return ":".join([self.record[0], str(self.record[1]), *([self.part] if self.part else [])])

    @property
    def open_steps(self) -> list[Step]:
        """The rows at which something is left to do."""
        return [step for step in self.steps if step.state is not State.DONE]

    def named(self, sentence: Sentence) -> Sentence:
        """Return a sentence with the name of the record, unless it names it itself."""
        if not self.name or self.name in str(sentence):
            return sentence
        return _l("%(name)s: %(sentence)s", name=self.name, sentence=sentence)

    def is_named_by(self, keys: set[str]) -> bool:
        """Say whether it, or the record it is part of, is among these keys."""
        return self.key in keys or f"{self.record[0]}:{self.record[1]}" in keys


class Refused(Invalid):
    """What of an undo can't be: nothing was undone. `reasons` are sentences by the key of a unit."""

    def __init__(self, units: Mapping[str, Unit], reasons: Mapping[str, Sentence]) -> None:
        self.reasons = dict(reasons)
        self.left_out = [(units[key], sentence) for key, sentence in reasons.items()]
        words = [units[key].named(sentence) for key, sentence in reasons.items()]
        super().__init__({"": list(dict.fromkeys(words))})


class AlreadyUndone(Invalid):
    """There is nothing left to undo."""

    def __init__(self) -> None:
        super().__init__({"": _l("This has been undone already: everything is as it was before.")})
