"""The journal replayed from empty gives today's tables.

Values are as the journal keeps them, see `journal.plain`. A table is gone through in windows of ids, so that its size
doesn't matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.changes.journal import ChangeRow, plain
from app.changes.tracking import TRACKED, Operation, told_fields
from app.extensions import db

WINDOW = 5000
Rows = dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A field that the journal and the table tell differently; without `field`, a row that only one of them has."""

    entity: str
    id: int
    field: str = ""
    journal: Any = None
    table: Any = None


def replay() -> dict[str, Rows]:
    """Return what the tracked tables hold by the journal: rows by id, each with the fields that hold something."""
    return {entity: replayed(entity, 1, _last_id(entity)) for entity in TRACKED}


def replayed(entity: str, first: int, last: int) -> Rows:
    """Return the rows of a table with ids from `first` to `last` by the journal."""
    query = (
        select(ChangeRow.row_id, ChangeRow.operation, ChangeRow.after)
        .where(ChangeRow.entity == entity, ChangeRow.row_id.between(first, last))
        # Two transactions that change one row take their segments in the order in which they commit.
        .order_by(ChangeRow.segment_id, ChangeRow.id)
    )
    rows: Rows = {}
    for row_id, operation, after in db.session.execute(query):
        if operation is Operation.DELETE:
            rows.pop(row_id, None)
        elif operation in (Operation.CREATE, Operation.ERASE):
            rows[row_id] = _filled(after or {})  # of what was emptied, the erasure tells what is left
        else:
            rows[row_id] = _filled(rows.get(row_id, {}) | (after or {}))
    return rows


def compare() -> Iterator[Gap]:
    """Yield where the journal replayed from empty and today's tables differ."""
    for entity in TRACKED:
        last = _last_id(entity)
        for first in range(1, last + 1, WINDOW):
            until = min(first + WINDOW - 1, last)
            yield from _gaps(entity, replayed(entity, first, until), _stored(entity, first, until))


def _gaps(entity: str, told: Rows, stored: Rows) -> Iterator[Gap]:
    for row_id in sorted(told.keys() | stored.keys()):
        journal, table = told.get(row_id), stored.get(row_id)
        if journal is None or table is None:
            yield Gap(entity, row_id, journal=journal, table=table)
            continue
        for field in sorted(journal.keys() | table.keys()):
            if journal.get(field) != table.get(field):
                yield Gap(entity, row_id, field, journal.get(field), table.get(field))


def _stored(entity: str, first: int, last: int) -> Rows:
    table = db.metadata.tables[entity]
    names = told_fields(TRACKED[entity])
    query = select(table).where(table.c.id.between(first, last))
    return {
        row["id"]: _filled({name: plain(row[name]) for name in names}) for row in db.session.execute(query).mappings()
    }


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _last_id(entity: str) -> int:
    """Return the highest id that the table or the journal knows."""
    of_journal = select(func.max(ChangeRow.row_id)).where(ChangeRow.entity == entity)
    return max(_highest(db.metadata.tables[entity].c.id), int(db.session.execute(of_journal).scalar() or 0))


def _highest(column: Any) -> int:
    return int(db.session.execute(select(func.max(column))).scalar() or 0)
