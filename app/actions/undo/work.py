"""The rows of one undo as they are now and as they will be, and what of it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app.access.actor import Actor
from app.actions.undo.inverses import INVERSES, Inverse
from app.actions.undo.parts import Kind, Refused, Step, Unit
from app.changes.tracking import Tracked, told_fields
from app.core.problems import Sentence


@dataclass(slots=True)
class Row:
    """All that is to be done to one row, for whichever units: `values` are the fields that change."""

    kind: Kind
    entity: str
    id: int
    person_id: int | None
    row: Tracked | None
    final: Any = None
    """A copy of the row as it will be, in no session; None where it goes."""
    values: dict[str, Any] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    """By the field that each is about; "" where the row comes or goes."""

    @property
    def how(self) -> Inverse:
        """How its room takes back changes."""
        return INVERSES[self.entity]

    def becomes(self, name: str) -> bool:
        """Say whether a field will have another value than now, or a value at all."""
        return name in self.values

    def now(self, name: str) -> Any:
        """Return what a field holds; None where the row is not there."""
        return getattr(self.row, name) if self.row is not None else None


class Work:
    """What is undone at once."""

    def __init__(self, actor: Actor, units: Iterable[Unit]) -> None:
        self.actor = actor
        self.units = {unit.key: unit for unit in units}
        self._rows: dict[tuple[str, int], Row] = {}
        self._reasons: dict[str, Sentence] = {}
        self.administrators: set[int] = set()
        """Who could administer accounts before, where that may change."""
        for unit in self.units.values():
            for step in unit.open_steps:
                self._add(unit, step)
        for row in self._rows.values():
            if row.kind is not Kind.REMOVE:
                row.final = _copy(row)

    def _add(self, unit: Unit, step: Step) -> None:
        fresh = Row(step.kind, step.entity, step.id, step.person_id, step.row)
        row = self._rows.setdefault((step.entity, step.id), fresh)
        row.values |= step.wanted
        row.units |= dict.fromkeys(step.wanted, unit) | ({"": unit} if step.is_whole else {})

    @property
    def rows(self) -> Sequence[Row]:
        """All rows."""
        return list(self._rows.values())

    @cached_property
    def doomed(self) -> set[tuple[str, int]]:
        """The rows that go."""
        return {key for key, row in self._rows.items() if row.kind is Kind.REMOVE}

    @cached_property
    def coming(self) -> set[tuple[str, int]]:
        """The rows that come back."""
        return {key for key, row in self._rows.items() if row.kind is Kind.BRING_BACK}

    def of(self, entity: str, *kinds: Kind) -> list[Row]:
        """Return the rows of a table, by id; only these kinds, where some are given."""
        found = [row for row in self._rows.values() if row.entity == entity and (not kinds or row.kind in kinds)]
        return sorted(found, key=lambda row: row.id)

    def entities(self) -> list[str]:
        """Return the tables that have rows here."""
        return sorted({row.entity for row in self._rows.values()})

    def get(self, entity: str, row_id: int) -> Row | None:
        """Return a row, if something is done to it."""
        return self._rows.get((entity, row_id))

    def refuse(self, row: Row, sentence: Sentence, name: str = "") -> None:
        """Refuse the unit that a field of a row is undone for, or all that touch the row."""
        units = [row.units[name]] if name in row.units else list(row.units.values())
        for unit in units:
            self._reasons.setdefault(unit.key, sentence)

    def refuse_part(self, record: tuple[str, int], part: str, sentence: Sentence) -> None:
        """Refuse a part of a record, or the whole where that is what is undone."""
        for key in (f"{record[0]}:{record[1]}:{part}", f"{record[0]}:{record[1]}"):
            if key in self.units:
                self._reasons.setdefault(key, sentence)
                return

    def refuse_fields(self, row: Row, errors: Mapping[str, Sentence]) -> None:
        """Refuse what has errors, by field."""
        for name, sentence in errors.items():
            self.refuse(row, sentence, name)

    def stop_if_refused(self) -> None:
        """Raise `Refused` with all that was refused so far."""
        if self._reasons:
            raise Refused(self.units, self._reasons)


def _copy(row: Row) -> Any:
    model: Any = row.how.model
    names = told_fields(model)
    values = {name: row.now(name) for name in names} | {name: row.values[name] for name in names if name in row.values}
    # The columns that only follow from others follow in the copy as well.
    return model(**values, id=row.id)
