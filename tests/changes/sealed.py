"""A journal of a test's own: emptied, filled by hand or by actions, sealed, and read as it lies there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select

from app.changes import sealing
from app.changes.journal import ChangeSet, Origin, Segment, Unsealed, content_hash, record
from app.changes.seals import Seal
from app.changes.transaction import write
from app.core.clock import now
from app.core.database.engine import end_transaction
from app.extensions import db


def seal_all() -> int:
    """Seal until nothing is left; return in how many turns."""
    turns = 0
    while sealing.seal_next():
        turns += 1
    return turns


def note(reason: str | None = None, **origin: Any) -> int:
    """Commit a segment without changes; return its id."""
    set_id = write(lambda: record(Origin("transfer", "cli", reason=reason, **origin), []))
    found = db.session.scalars(select(Segment.id).where(Segment.change_set_id == set_id)).one()
    end_transaction()
    return found


def put_segment(segment_id: int) -> None:
    """Insert a segment under this id, as another node that counts by itself does; runs inside a transaction."""
    done: Any = db.session.execute(insert(ChangeSet).values(at=now(), action="transfer", source="cli"))
    row = {"id": segment_id, "change_set_id": done.inserted_primary_key[0], "number": 1, "at": now(), "count": 0}
    db.session.execute(insert(Segment), {**row, "content_hash": content_hash([])})
    db.session.execute(insert(Unsealed), {"segment_id": segment_id})


def highest_segment() -> int:
    return db.session.scalar(select(func.max(Segment.id))) or 0


def chain() -> list[tuple[int, int]]:
    """Return positions with the segments that they are of."""
    db.session.rollback()
    rows = db.session.execute(select(Seal.position, Seal.segment_id).order_by(Seal.position)).all()
    db.session.rollback()
    return [(position, segment_id) for position, segment_id in rows]


def counted(model: type[Any]) -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count()).select_from(model)) or 0
    db.session.rollback()
    return found
