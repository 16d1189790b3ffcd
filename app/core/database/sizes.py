"""How large each table is, as the database knows it without counting."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

# A row takes more than this even where it holds two numbers only.
SMALLEST_ROW = 40
MYSQL = """
    SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
"""
POSTGRESQL = """
    SELECT relname, CASE WHEN reltuples < 0 THEN pg_relation_size(oid) / :smallest ELSE reltuples END,
           pg_total_relation_size(oid)
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
"""


@dataclass(frozen=True, slots=True)
class Size:
    """About how many rows and bytes a table has; None where that can't be told."""

    rows: int | None
    size: int | None


def sizes(connection: Connection) -> dict[str, Size]:
    """Return the tables that are there with their sizes."""
    if connection.dialect.name == "sqlite":
        return {name: Size(_newest_row(connection, name), None) for name in inspect(connection).get_table_names()}
    is_mysql = connection.dialect.name == "mysql"
    found = connection.execute(text(MYSQL)) if is_mysql else connection.execute(text(POSTGRESQL), _smallest())
    return {str(name).lower(): Size(_whole(rows), _whole(size)) for name, rows, size in found}


def _smallest() -> dict[str, int]:
    return {"smallest": SMALLEST_ROW}


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _newest_row(connection: Connection, table: str) -> int | None:
    """Return the number of the newest row, which is the most that there can be and is found at once."""
    quoted = connection.dialect.identifier_preparer.quote(table)
    try:
        found = connection.exec_driver_sql(f"SELECT MAX(rowid) FROM {quoted}").scalar()  # noqa: S608 a name from the schema
    except OperationalError:  # a table without such numbers
        return None
    return int(found or 0)
