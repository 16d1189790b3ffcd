"""Values of columns as a backup holds them: the same on every engine, and back again exactly."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Text,
    cast,
)
from sqlalchemy.dialects.mysql import TINYINT
from sqlalchemy.types import TypeDecorator, TypeEngine


class Kind(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    MOMENT = "moment"
    JSON = "json"
    """The text of it as it is stored: the journal's hashes are over every letter."""
    BYTES = "bytes"


class UnknownKind(ValueError):
    """A column of a type that backups don't know."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, its kind, and of a decimal how many digits it has in all and after the point."""

    name: str
    kind: Kind
    digits: tuple[int, int] | None = None


class _JsonText(TypeDecorator[str]):
    """PostgreSQL's JSON, written and read as the text that it keeps."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:
        return cast(bindparam, JSON)

    def column_expression(self, column: Any) -> Any:
        return cast(column, Text)


# In this order: a float is a number with decimals, too, and a moment could be taken for a day.
KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (JSON, Kind.JSON),
    (Boolean, Kind.BOOLEAN),
    (Integer, Kind.INTEGER),
    (Float, Kind.FLOAT),
    (Numeric, Kind.DECIMAL),
    (DateTime, Kind.MOMENT),
    (Date, Kind.DATE),
    (LargeBinary, Kind.BYTES),
    (String, Kind.TEXT),
)


def field_of(name: str, found: TypeEngine[Any], is_json: bool = False) -> Field:
    """Return what a column of a reflected type holds, JSON where `is_json` says so; raises UnknownKind."""
    if is_json:
        return Field(name, Kind.JSON)
    if isinstance(found, TINYINT) and found.display_width == 1:  # MySQL has no other for yes and no
        return Field(name, Kind.BOOLEAN)
    for known, kind in KINDS:
        if isinstance(found, known):
            return Field(name, kind, _digits(found) if kind is Kind.DECIMAL else None)
    raise UnknownKind(f"{name} is {found!r}")


def _digits(found: Any) -> tuple[int, int] | None:
    return (found.precision, found.scale or 0) if found.precision is not None else None


def type_of(field: Field, dialect: Dialect) -> TypeEngine[Any]:
    """Return the type by which a column is read and written here."""
    if field.kind is Kind.JSON:
        return _JsonText() if dialect.name == "postgresql" else Text()
    if field.kind is Kind.DECIMAL:
        precision, scale = field.digits or (None, None)
        return Numeric(precision, scale)
    others: dict[Kind, TypeEngine[Any]] = {
        Kind.INTEGER: BigInteger(),
        Kind.TEXT: Text(),
        Kind.BOOLEAN: Boolean(create_constraint=False),
        Kind.FLOAT: Float(),
        Kind.DATE: Date(),
        Kind.MOMENT: DateTime(),
        Kind.BYTES: LargeBinary(),
    }
    return others[field.kind]


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


WRITE: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: str,
    Kind.DATE: date.isoformat,
    Kind.MOMENT: _moment,
    Kind.BYTES: _bytes,
}
READ: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: Decimal,
    Kind.DATE: date.fromisoformat,
    Kind.MOMENT: datetime.fromisoformat,
    Kind.BYTES: base64.b64decode,
}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def writer(fields: Sequence[Field]) -> Callable[[Iterable[Sequence[Any]]], bytes]:
    """Return what makes rows into lines of JSON, a list of values each, in UTF-8."""
    changed = _changed(fields, WRITE)

    def lines(rows: Iterable[Sequence[Any]]) -> bytes:
        return "".join([f"{_encode(_with(row, changed))}\n" for row in rows]).encode()

    return lines


def reader(fields: Sequence[Field], skipped: Collection[int] = ()) -> Callable[[bytes], dict[str, Any]]:
    """Return what makes a line into a row by the names of its columns; it raises ValueError for what is none.

    The values at the places `skipped` are of other columns, and left out.
    """
    changed = _changed(fields, READ)
    names = [field.name for field in fields]

    def row(line: bytes) -> dict[str, Any]:
        values = json.loads(line)
        if not isinstance(values, list) or len(values) != len(names) + len(skipped):
            raise ValueError("this is no row of the table")
        if skipped:
            values = [value for place, value in enumerate(values) if place not in skipped]
        return dict(zip(names, _with(values, changed), strict=True))

    return row


def _changed(
    fields: Sequence[Field], change: dict[Kind, Callable[[Any], Any]]
) -> list[tuple[int, Callable[[Any], Any]]]:
    return [(place, change[field.kind]) for place, field in enumerate(fields) if field.kind in change]


def _with(row: Sequence[Any], changed: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for place, change in changed:
        if values[place] is not None:
            values[place] = change(values[place])
    return values
