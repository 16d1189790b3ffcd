"""Rows as bytes and back, with the exact types, in a format that can hold values only.

JSON by column: `[[tag, [value, …]], …]`. A column of one type is told once; None is none of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any

Rows = list[tuple[Any, ...]]
PLAIN, MIXED, ENUM = "", "mixed", "enum"
AS_IS = {NoneType, int, str, float, bool}


class Unwritable(ValueError):
    """A value has a type that can't be kept, or can't be told exactly."""


class Unreadable(ValueError):
    """These bytes are not rows, or not of these columns."""


def _isoformat(value: datetime | time) -> str:
    if value.tzinfo not in (None, UTC) or value.fold:  # of which only a part would come back
        raise Unwritable("a moment of another zone")
    return value.isoformat()


WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("decimal", str),
    date: ("date", date.isoformat),
    datetime: ("moment", _isoformat),
    time: ("time", _isoformat),
    bytes: ("bytes", bytes.hex),
}
READ: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "moment": datetime.fromisoformat,
    "time": time.fromisoformat,
    "bytes": bytes.fromhex,
}


def encode(rows: Sequence[Sequence[Any]], enums: Sequence[type[Enum] | None]) -> bytes:
    """Return rows as bytes; `enums` are the classes of the columns that hold choices. Raise `Unwritable`."""
    if rows and not rows[0]:
        raise Unwritable("rows without columns")
    try:
        columns = [_written(column, kind) for column, kind in zip(zip(*rows, strict=True), enums, strict=bool(rows))]
        # Half of a character is no UTF-8, and a number can have too many digits: both raise ValueError.
        return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise Unwritable(str(error)) from error


def decode(data: bytes, enums: Sequence[type[Enum] | None]) -> Rows:
    """Return the rows that `encode` made of the same columns; raise `Unreadable`."""
    try:
        columns = json.loads(data)
        if columns == []:
            return []
        told = zip(columns, enums, strict=True)
        return list(zip(*(_read(tag, values, kind) for (tag, values), kind in told), strict=True))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from error


def _written(column: Sequence[Any], enum: type[Enum] | None) -> list[Any]:
    kinds = set(map(type, column))
    if kinds <= AS_IS:
        return [PLAIN, column]
    kinds.discard(NoneType)
    if len(kinds) > 1:
        return [MIXED, [_written((value,), enum) for value in column]]
    kind = kinds.pop()
    if kind is enum:
        return [ENUM, [None if value is None else value.value for value in column]]
    if kind not in WRITE:
        raise Unwritable(kind.__name__)
    tag, write = WRITE[kind]
    return [tag, [None if value is None else write(value) for value in column]]


def _read(tag: str, values: Any, enum: type[Enum] | None) -> Sequence[Any]:
    if not isinstance(values, list):
        raise ValueError("a column that is no list")
    if tag == PLAIN:
        return values
    if tag == MIXED:
        return [_read(one, value, enum)[0] for one, value in values]
    if tag == ENUM:
        if enum is None:
            raise ValueError("a choice in a column without choices")
        # Each choice is looked up once, not once a row.
        members = {value: enum(value) for value in set(values) - {None}}
        return [None if value is None else members[value] for value in values]
    read = READ[tag]
    return [None if value is None else read(value) for value in values]
