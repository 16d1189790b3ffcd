"""The journal: who changed what, when and why, written in the same transaction as the data, and never changed again."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.changes.tracking import Change, Operation
from app.core.clock import now
from app.core.columns import CACHED, UNCACHED, UtcDateTime, choice, key_string
from app.core.querycache import versions
from app.extensions import Base, db

REASON_LENGTH = 500
HASH_LENGTH = 64
SALT_LENGTH = 32
IDS_TOLD = 20
"""So many ids of a list stand in the arguments; of a longer one only how many."""
# A journal outgrows the ids of the tables it tells about; SQLite counts with 64 bits anyway, but only under that name.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class ChangeSet(Base):
    """One action: who did it, through which door, why, and which set it takes back.

    Who it was is an id, not a name, so that an erasure of that person has nothing to do here.
    """

    __tablename__ = "change_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)  # the account; None is the operator, or the system itself
    session_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(key_string(60))
    arguments: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)
    source: Mapped[str] = mapped_column(key_string(20))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    request_id: Mapped[str | None] = mapped_column(key_string(64))
    address: Mapped[str | None] = mapped_column(String(45))
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("change_sets.id", ondelete="RESTRICT"), index=True)

    __table_args__ = ({"sqlite_autoincrement": True, "info": {CACHED: "journal"}},)


class Segment(Base):
    """One transaction of a change set; `content_hash` is over the digests of its changes, in order."""

    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(primary_key=True)
    change_set_id: Mapped[int] = mapped_column(ForeignKey("change_sets.id", ondelete="RESTRICT"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int]
    content_hash: Mapped[str] = mapped_column(key_string(HASH_LENGTH))

    __table_args__ = (
        UniqueConstraint("change_set_id", "number"),
        {"sqlite_autoincrement": True, "info": {CACHED: "journal"}},
    )


class Unsealed(Base):
    """A segment that was committed, or will be, and has no seal yet; its row goes with it into the chain."""

    __tablename__ = "unsealed"

    segment_id: Mapped[int] = mapped_column(
        ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class ChangeRow(Base):
    """What one transaction did to one row, field by field; an erasure empties `before`, `after` and `salt`."""

    __tablename__ = "changes"
    FIELDS_LENGTH = 1000

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="RESTRICT"), index=True)
    entity: Mapped[str] = mapped_column(key_string(40))
    row_id: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(index=True)
    operation: Mapped[Operation] = mapped_column(choice(Operation, "operation"))
    fields: Mapped[str] = mapped_column(String(FIELDS_LENGTH))  # " first_name phone ", to look for one of them
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)
    salt: Mapped[str | None] = mapped_column(key_string(SALT_LENGTH), info=UNCACHED)
    digest: Mapped[str] = mapped_column(key_string(HASH_LENGTH))

    __table_args__ = (
        Index(None, "entity", "row_id"),
        {"sqlite_autoincrement": True, "info": {CACHED: "journal"}},
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an action comes from: what a change set tells beside what was changed."""

    action: str
    source: str
    actor_id: int | None = None
    session_id: int | None = None
    arguments: Mapping[str, Any] | None = None
    reason: str | None = None
    request_id: str | None = None
    address: str | None = None
    undoes_id: int | None = None


def record(origin: Origin, changes: Sequence[Change], within: int | None = None) -> int:
    """Write what this transaction changed as a segment, of a set that is there already or of a new one.

    Runs at the end of the transaction; returns the id of the change set.
    """
    connection = db.session.connection()
    number = 1
    if within is None:
        within = _inserted(ChangeSet, _head(origin))
    else:
        last = select(func.max(Segment.number)).where(Segment.change_set_id == within)
        number = (connection.execute(last).scalar_one_or_none() or 0) + 1
    versions.note_change_set(connection, within)
    rows = [row_of(change) for change in changes]
    segment_id = _inserted(
        Segment,
        {
            "change_set_id": within,
            "number": number,
            "at": now(),
            "count": len(rows),
            "content_hash": content_hash(row["digest"] for row in rows),
        },
    )
    connection.execute(insert(Unsealed), {"segment_id": segment_id})
    if rows:
        connection.execute(insert(ChangeRow), [{**row, "segment_id": segment_id} for row in rows])
    return within


def _head(origin: Origin) -> dict[str, Any]:
    return {
        "at": now(),
        "actor_id": origin.actor_id,
        "session_id": origin.session_id,
        "action": origin.action,
        "arguments": told_arguments(origin.arguments or {}) or None,
        "source": origin.source,
        "reason": (origin.reason or "").strip()[:REASON_LENGTH] or None,
        "request_id": origin.request_id or None,
        "address": origin.address or None,
        "undoes_id": origin.undoes_id,
    }


def _inserted(model: type[Base], values: dict[str, Any]) -> int:
    done = db.session.connection().execute(insert(model), values)
    assert done.inserted_primary_key is not None
    return int(done.inserted_primary_key[0])


def row_of(change: Change) -> dict[str, Any]:
    """Return a change as the journal keeps it, with a salt of its own and the digest of both."""
    told = {**change.before, **change.after}
    row: dict[str, Any] = {
        "entity": change.entity,
        "row_id": change.id,
        "person_id": change.person_id,
        "operation": change.operation,
        "fields": f" {' '.join(told)} ",
        "before": {field: plain(value) for field, value in change.before.items()},
        "after": {field: plain(value) for field, value in change.after.items()},
        "salt": secrets.token_hex(SALT_LENGTH // 2),
    }
    return {**row, "digest": digest(row)}


def digest(row: Mapping[str, Any]) -> str:
    """Return the digest of a change: it holds the salt, so that it can't be searched back once that is gone."""
    parts = ("salt", "entity", "row_id", "person_id", "operation", "before", "after")
    text = json.dumps([row[part] for part in parts], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(digests: Iterable[str]) -> str:
    """Return the hash over a segment's digests, in the order of its changes."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def told_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an action's arguments what the journal keeps: ids, days, choices; of typed values only the names.

    What they were stands in the changes, where the rights on fields and an erasure reach; a password stands nowhere.
    """
    told = {name: _told(value) for name, value in arguments.items()}
    return {name: value for name, value in told.items() if value is not None}


def _told(value: Any) -> Any:
    if isinstance(value, bool | int | date | StrEnum):
        return plain(value)
    if isinstance(value, Mapping):
        return sorted(map(str, value))
    if isinstance(value, list | tuple | set | frozenset):
        ids = [one for one in value if isinstance(one, int)]
        return ids if ids and len(ids) <= IDS_TOLD else len(value)
    return None


def plain(value: Any) -> Any:
    """Return a column's value as JSON has it: days and moments in ISO 8601, decimals and choices as text."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def value_of(entity: str, field: str, kept: Any) -> Any:
    """Return a value from the journal as its column takes it; what no column is there for any more stays as it is."""
    table = db.metadata.tables.get(entity)
    if kept is None or table is None or field not in table.columns:
        return kept
    kind = table.columns[field].type
    if isinstance(kind, Enum) and kind.enum_class:
        return kind.enum_class(kept)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(kept)
    if isinstance(kind, JSON):
        return kept
    if kind.python_type is date:
        return date.fromisoformat(kept)
    return Decimal(kept) if kind.python_type is Decimal else kept


def change_of(row: ChangeRow) -> Change:
    """Return a row of the journal as it was told; emptied ones have neither before nor after."""
    return Change(
        row.entity,
        row.row_id,
        row.person_id,
        row.operation,
        {field: value_of(row.entity, field, kept) for field, kept in (row.before or {}).items()},
        {field: value_of(row.entity, field, kept) for field, kept in (row.after or {}).items()},
    )
