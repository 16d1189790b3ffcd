"""Column types that behave alike on SQLite, MySQL/MariaDB and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import DateTime, Dialect, Enum, String
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

KEY_LENGTH = 255
CACHED = "cached"
"""The key of `Table.info` that says a table may be read through the query cache, and which group of tables it is of."""
UNCACHED = {"is_uncached": True}
"""The `info` of a column that keeps it out of the query cache, whatever is asked of its table."""


def key_string(length: int = KEY_LENGTH) -> TypeEngine[str]:
    """Return a text type compared code point by code point, so that order and equality are the same everywhere."""
    return (
        String(length)
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
        .with_variant(String(length, collation="C"), "postgresql")
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC with microseconds: aware in Python, naive in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def choice(options: type[StrEnum], name: str, length: int = 20) -> Enum:
    """Return a text type that holds only the values of `options`, enforced by a check in the database."""
    return Enum(
        options,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )


Id = Annotated[int, mapped_column(primary_key=True)]
