"""The inverses of the rooms: what it takes to undo a change of their records, and the rules that hold afterwards.

Rows are written back by one piece of code for all. What only the room of a table knows stands in its `Inverse`; a table
without one can't be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.undo.parts import Step
from app.changes.tracking import Tracked
from app.core.problems import Sentence

if TYPE_CHECKING:
    from app.actions.undo.work import Row, Work

Need: TypeAlias = tuple[Action, Subject, int | None]
"""A right that it takes, on which person; None where it is about nobody's record."""


def _nothing(_work: Work) -> None:
    return None


def _no_faults(_row: Row) -> Mapping[str, Sentence]:
    return {}


@dataclass(frozen=True, slots=True)
class Inverse:
    """How a room takes back a change of its records.

    `needs` are the rights that the opposite change takes, `name` what a record with these values is called, `faults`
    what is wrong, by field, with a row by itself. `before` runs before the first row of any table is written, `after`
    when all are: they refuse what breaks a rule, and end what has to end with it.
    """

    model: type[Tracked]
    needs: Callable[[Actor, Step], Iterable[Need]]
    name: Callable[[Mapping[str, Any]], str]
    faults: Callable[[Row], Mapping[str, Sentence]] = _no_faults
    before: Callable[[Work], None] = _nothing
    after: Callable[[Work], None] = _nothing


INVERSES: dict[str, Inverse] = {}


def inverse(entity: str, how: Inverse) -> None:
    """Register how changes of a table are undone."""
    if entity in INVERSES:
        raise ValueError(f"there are two inverses of {entity}")
    INVERSES[entity] = how
