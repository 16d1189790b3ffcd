"""The journal's rows as they lie in the database, for whoever doesn't trust them.

What the models read would end at the first byte that makes no sense. Here each value is taken apart by itself, and one
that is not as it was written is named: also a JSON text that says the same with a blank more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Enum,
    Integer,
    LargeBinary,
    String,
    Text,
    case,
    cast,
    func,
    select,
    type_coerce,
)

from app.changes.journal import ChangeRow, ChangeSet, Segment, Unsealed
from app.changes.seals import Seal
from app.core.columns import UtcDateTime
from app.extensions import Base, db

PAGE = 100
CHANGES = 5000
"""So many seals, and about so many changes, are held at once."""
SPAN = 50_000
MOMENT = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLite, which has no type for it, holds a moment."""


@dataclass(slots=True)
class Row:
    """A row by the names of its columns; `spoiled` are those that do not hold what anybody wrote, None in `values`."""

    values: dict[str, Any]
    spoiled: list[str]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment with its seal, its set and its changes in order; None is what is not there."""

    seal: Row | None
    segment: Row | None
    head: Row | None
    changes: list[Row]
    is_queued: bool = False


def sealed() -> Iterator[Sealed]:
    """Yield what has a seal, by position."""
    for seals in _pages(Seal.position):
        segments = _by_id(Segment.id, [seal["segment_id"] for seal in seals])
        heads = _by_id(ChangeSet.id, [segment["change_set_id"] for segment in segments.values()])
        for some in _batches(seals, segments):
            changes = _changes([seal["segment_id"] for seal in some])
            for seal in some:
                segment = segments.get(seal["segment_id"])
                head = heads.get(segment["change_set_id"]) if segment is not None else None
                yield Sealed(seal, segment, head, changes.get(seal["segment_id"], []))


def unsealed() -> Iterator[Sealed]:
    """Yield the segments that have no seal, by id."""
    no_seal = ~select(1).where(Seal.segment_id == Segment.id).exists()
    for row in (row for span in _spans(Segment.id) for row in _read(Segment, *span, no_seal, order=[Segment.id])):
        segment_id = row["id"]
        head = _by_id(ChangeSet.id, [row["change_set_id"]]).get(row["change_set_id"])
        is_queued = db.session.get(Unsealed, segment_id) is not None
        yield Sealed(None, row, head, _changes([segment_id]).get(segment_id, []), is_queued)


def orphans() -> Iterator[tuple[str, int]]:
    """Yield tables and ids of the rows that belong to nothing: sets without a segment, and changes of none.

    The changes of a segment that was sealed and is gone are not among them: its seal tells.
    """
    no_segment = ~select(1).where(Segment.change_set_id == ChangeSet.id).exists()
    nowhere = ~select(1).where(Segment.id == ChangeRow.segment_id).exists()
    no_seal = ~select(1).where(Seal.segment_id == ChangeRow.segment_id).exists()
    for key, conditions in ((ChangeSet.id, [no_segment]), (ChangeRow.id, [nowhere, no_seal])):
        for span in _spans(key):
            for row_id in db.session.scalars(select(key).where(*span, *conditions).order_by(key)):
                yield key.class_.__tablename__, row_id


def number(column: Any) -> Any:
    """Return a column of numbers; null where SQLite, which takes anything, holds something else in it."""
    if db.engine.dialect.name != "sqlite":
        return column
    return type_coerce(case((func.typeof(column) == "integer", column)), Integer)


def _spans(key: Any) -> Iterator[list[Any]]:
    """Yield conditions that part a table by key, so that no statement takes long."""
    last: int | None = None
    while True:
        after = [key > last] if last is not None else []
        last = db.session.scalar(select(key).where(*after).order_by(key).offset(SPAN).limit(1))
        yield [*after, *([key <= last] if last is not None else [])]
        if last is None:
            return


def _pages(key: Any) -> Iterator[list[Row]]:
    """Yield a table's rows in pages by key, however far apart the keys are."""
    last: int | None = None
    while rows := list(_read(key.class_, *([key > last] if last is not None else []), order=[key], limit=PAGE)):
        yield rows
        last = rows[-1][key.key]


def _by_id(key: Any, ids: Iterable[int | None]) -> dict[int, Row]:
    wanted = sorted({one for one in ids if one is not None})
    return {row[key.key]: row for row in _read(key.class_, key.in_(wanted))}


def _changes(segment_ids: Iterable[int | None]) -> dict[int, list[Row]]:
    wanted = sorted({one for one in segment_ids if one is not None})
    rows = _read(ChangeRow, ChangeRow.segment_id.in_(wanted), order=[ChangeRow.segment_id, ChangeRow.id])
    return {one: list(rows) for one, rows in groupby(rows, lambda row: int(row["segment_id"]))}


def _batches(seals: Sequence[Row], segments: dict[int, Row]) -> Iterator[list[Row]]:
    """Yield seals whose segments have few enough changes to be held together."""
    batch: list[Row] = []
    total = 0
    for seal in seals:
        segment = segments.get(seal["segment_id"])
        total += (segment["count"] or 0) if segment is not None else 0
        if batch and total > CHANGES:
            yield batch
            batch, total = [], 0
        batch.append(seal)
    if batch:
        yield batch


def _read(model: type[Base], *conditions: Any, order: Sequence[Any] = (), limit: int | None = None) -> Iterator[Row]:
    columns = list(db.metadata.tables[model.__tablename__].columns)
    query = select(*(_as_it_is(column).label(column.name) for column in columns))
    for found in db.session.execute(query.where(*conditions).order_by(*order).limit(limit)):
        row = Row({}, [])
        for column, value in zip(columns, found, strict=True):
            try:
                row.values[column.name] = None if value is None else _value(column, value)
            except (ValueError, RecursionError):
                row.values[column.name] = None
                row.spoiled.append(column.name)
        yield row


def _as_it_is(column: Column[Any]) -> Any:
    """Return a column past what its type makes of values; of SQLite's the bytes, which may be no text any more."""
    kind = db.engine.dialect.name
    if kind == "sqlite":
        return cast(column, LargeBinary)
    if isinstance(column.type, JSON):
        return cast(column, Text) if kind == "postgresql" else type_coerce(column, Text)
    if isinstance(column.type, Enum):
        return type_coerce(column, String)
    return type_coerce(column, DateTime) if isinstance(column.type, UtcDateTime) else column


def _value(column: Column[Any], found: Any) -> Any:
    """Return what a column holds; raise ValueError where it isn't written as it would have been."""
    kind = column.type
    if isinstance(found, bytes):
        found = found.decode()
    if isinstance(kind, Integer | Boolean):
        return _same(int(found), found)
    if isinstance(kind, UtcDateTime):
        return _moment(found).replace(tzinfo=UTC)
    if isinstance(kind, JSON):
        return _json(found)
    return kind.enum_class(found) if isinstance(kind, Enum) and kind.enum_class else found


def _same(number: int, found: Any) -> int:
    if str(number) != str(found):
        raise ValueError(found)
    return number


def _moment(found: Any) -> datetime:
    if isinstance(found, datetime):
        return found
    value = datetime.strptime(found, MOMENT)  # noqa: DTZ007 which is in UTC
    if value.strftime(MOMENT) != found:
        raise ValueError(found)
    return value


def _json(found: str) -> dict[str, Any]:
    value = json.loads(found)
    if not isinstance(value, dict) or (json.dumps(value) != found and not keeps_no_json_text()):
        raise ValueError(found)
    if "\\u" in found:  # half of a character is JSON, but no text
        json.dumps(value, ensure_ascii=False).encode()
    return value


def keeps_no_json_text() -> bool:
    """Say whether the database keeps of JSON only what it says, as MySQL does."""
    dialect: Any = db.engine.dialect
    return dialect.name == "mysql" and not dialect.is_mariadb
