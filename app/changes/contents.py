"""What segments hold, as rows by the names of their columns: for whoever seals them, and whoever archives them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any

from sqlalchemy import select

from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.extensions import db

Row = dict[str, Any]


def contents(segment_ids: Collection[int], columns: Iterable[str] | None = None) -> list[tuple[Row, Row, list[Row]]]:
    """Return segments in order of their ids, each with the head of its set and its changes, in three statements.

    Of the changes all columns, or `columns` and the segment's id.
    """
    segments = rows(select(*Segment.__table__.c).where(Segment.id.in_(segment_ids)).order_by(Segment.id))
    set_ids = sorted({row["change_set_id"] for row in segments})
    heads = {row["id"]: row for row in rows(select(*ChangeSet.__table__.c).where(ChangeSet.id.in_(set_ids)))}
    of_change = ChangeRow.__table__.c
    wanted = of_change if columns is None else [of_change[name] for name in ("segment_id", *columns)]
    changes = select(*wanted).where(ChangeRow.segment_id.in_(segment_ids))
    found = rows(changes.order_by(ChangeRow.segment_id, ChangeRow.id))
    by_segment = {one: list(some) for one, some in groupby(found, lambda row: int(row["segment_id"]))}
    return [(row, heads[row["change_set_id"]], by_segment.get(row["id"], [])) for row in segments]


def rows(query: Any) -> list[Row]:
    """Return what a query of columns finds."""
    return [dict(row) for row in db.session.execute(query).mappings()]
