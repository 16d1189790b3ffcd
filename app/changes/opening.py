"""What was there before the journal, so that the journal replayed from empty gives today's tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import func, select

from app.changes.journal import ChangeRow, ChangeSet, Origin, Segment, record
from app.changes.tracking import TRACKED, Change, Tracked, created
from app.changes.transaction import write
from app.extensions import db

ACTION = "opening"
CHUNK = 1000


def open_journal() -> None:
    """Write the rows that no change set tells of into an opening one, a thousand a transaction.

    Cut short, it goes on where it ended; complete (its last segment is empty), it does nothing. Nothing else may
    write meanwhile: it belongs to the end of a migration.
    """
    set_id = db.session.scalar(select(ChangeSet.id).where(ChangeSet.action == ACTION).limit(1))
    is_complete = False
    while not is_complete:
        set_id, is_complete = write(partial(_continue, set_id))


def _continue(set_id: int | None) -> tuple[int, bool]:
    """Write the next segment; return the set, and whether it is complete."""
    if set_id is not None:
        last = select(Segment.count).where(Segment.change_set_id == set_id).order_by(Segment.number.desc()).limit(1)
        if db.session.scalar(last) == 0:
            return set_id, True
    changes = next((found for name in _tables() if (found := list(_untold(TRACKED[name], set_id)))), [])
    return record(Origin(action=ACTION, source="system"), changes, set_id), not changes


def _tables() -> Iterator[str]:
    """Yield the tracked tables, each after those that it refers to."""
    return (table.name for table in db.metadata.sorted_tables if table.name in TRACKED)


def _untold(model: type[Tracked], set_id: int | None) -> Iterator[Change]:
    """Yield the next rows of a table, by id, beyond those that the opening holds."""
    table = model.__table__  # type: ignore[attr-defined]
    told = (
        select(func.max(ChangeRow.row_id))
        .join(Segment, Segment.id == ChangeRow.segment_id)
        .where(Segment.change_set_id == set_id, ChangeRow.entity == table.name)
    )
    beyond = (db.session.scalar(told) if set_id is not None else None) or 0
    query = select(model).where(table.c.id > beyond).order_by(table.c.id).limit(CHUNK)
    return (created(row) for row in db.session.scalars(query))
