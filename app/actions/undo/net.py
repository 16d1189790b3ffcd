"""What a change set did to each row in all, from before its first change to after its last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.changes.journal import ChangeRow, Segment, change_of
from app.changes.tracking import Change, Operation
from app.extensions import db


@dataclass(slots=True)
class Net:
    """A row before and after a change set: None where there was none, else the fields that it changed.

    Of a row made or removed these are all fields that held something. `is_erased` where nobody can tell any more.
    """

    entity: str
    id: int
    person_id: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    is_erased: bool = False


def size(change_set_id: int) -> int:
    """Return how many changes a set holds."""
    query = select(func.sum(Segment.count)).where(Segment.change_set_id == change_set_id)
    return int(db.session.execute(query).scalar() or 0)


def segments(change_set_id: int) -> list[int]:
    """Return the ids of a set's segments that hold something, the last first."""
    query = select(Segment.id).where(Segment.change_set_id == change_set_id, Segment.count > 0)
    return list(db.session.scalars(query.order_by(Segment.number.desc())))


def nets(change_set_id: int, segment_id: int | None = None) -> list[Net]:
    """Return what a set, or one segment of it, did to each row; a row that it made and removed again is left out."""
    query = select(ChangeRow).join(Segment, Segment.id == ChangeRow.segment_id)
    query = query.where(Segment.change_set_id == change_set_id)
    if segment_id is not None:
        query = query.where(Segment.id == segment_id)
    return list(_folded(db.session.scalars(query.order_by(Segment.number, ChangeRow.id))))


def _folded(rows: Iterable[ChangeRow]) -> Iterator[Net]:
    found: dict[tuple[str, int], Net] = {}
    for row in rows:
        change, key = change_of(row), (row.entity, row.row_id)
        if key in found:
            _add(found[key], change)
        else:
            found[key] = _first(change)
        found[key].is_erased |= row.before is None or row.after is None or change.operation is Operation.ERASE
    return (net for net in found.values() if net.is_erased or net.before != net.after)


def _first(change: Change) -> Net:
    before = None if change.operation is Operation.CREATE else change.before
    after = None if change.operation is Operation.DELETE else change.after
    return Net(change.entity, change.id, change.person_id, before, after)


def _add(net: Net, change: Change) -> None:
    net.person_id = change.person_id or net.person_id
    if change.operation is Operation.CREATE:  # after it was removed
        net.after = change.after
    elif change.operation is Operation.DELETE:
        net.after = None
        if net.before is not None:
            net.before = change.before | net.before
    else:
        if net.before is not None:
            net.before = change.before | net.before
        net.after = (net.after or {}) | change.after
