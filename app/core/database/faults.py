"""Which database error means what, for all three engines."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from app.extensions import db

# Lock wait timeout, deadlock or certification conflict, record changed since the snapshot was taken; a statement that
# took too long.
MYSQL_AGAIN = {1205, 1213, 1020, 1969, 3024}
# Serialization failure, deadlock, lock not available; a statement that took too long.
POSTGRESQL_AGAIN = {"40001", "40P01", "55P03", "57014"}
SQLITE_AGAIN = re.compile(r"database (schema |table )?is locked|database is busy", re.IGNORECASE)
# A node without quorum, a read-only node, a read-only server, PostgreSQL's standby: this connection is of no use,
# another may be.
USELESS_NODE = {1047, 1290, 1836, "25006"}
# MariaDB's and MySQL's numbers for a broken check, which PyMySQL doesn't count among the integrity errors.
MYSQL_BROKEN_CHECK = {4025, 3819}
MYSQL_DUPLICATE = re.compile(r"for key '(?:[^'.]*\.)?([^']+)'$")  # the end, for what was entered stands before it
MYSQL_CONSTRAINT = re.compile(r"CONSTRAINT `([^`]+)`|^Check constraint '([^']+)'")
SQLITE_CONSTRAINT = re.compile(r"(UNIQUE|CHECK|NOT NULL) constraint failed: (.+)")


def mysql_code(error: BaseException | None) -> int | None:
    """Return the number of a MySQL error; None for any other error."""
    if type(error).__module__.partition(".")[0] != "pymysql" or not error or not error.args:
        return None
    return error.args[0] if isinstance(error.args[0], int) else None


def is_worth_repeating(error: BaseException) -> bool:
    """Say whether the same transaction, run whole again, may succeed."""
    if isinstance(error, StaleDataError | PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause: Any = error.orig
    return (
        mysql_code(cause) in MYSQL_AGAIN
        or getattr(cause, "sqlstate", None) in POSTGRESQL_AGAIN
        or (isinstance(cause, sqlite3.Error) and SQLITE_AGAIN.search(str(cause)) is not None)
    )


def is_lost_connection(error: BaseException) -> bool:
    """Say whether the server can't be reached or hung up."""
    if not isinstance(error, DBAPIError):
        return False
    cause: Any = error.orig
    unreachable = mysql_code(cause) in {2002, 2003, 2006, 2013, 2055, 1927, 1053, 1040}
    refused = type(cause).__module__.startswith("psycopg") and getattr(cause, "sqlstate", None) in (
        None,
        "57P01",
        "57P03",
    )
    return error.connection_invalidated or unreachable or (refused and type(cause).__name__ == "OperationalError")


def broken_constraint(error: IntegrityError) -> str:
    """Return the name of the constraint that an IntegrityError is about; "" when the engine doesn't say.

    SQLite names the columns of a unique constraint instead of the constraint, and says nothing about foreign keys.
    """
    cause: Any = error.orig
    name = getattr(getattr(cause, "diag", None), "constraint_name", None)
    if name:
        return str(name)
    if mysql_code(cause):
        words = str(cause.args[1])
        found = MYSQL_DUPLICATE.search(words) or MYSQL_CONSTRAINT.search(words)
        return next(filter(None, found.groups())) if found else ""
    if found := SQLITE_CONSTRAINT.search(str(cause)):
        kind, what = found.groups()
        return _unique_by_columns(what) if kind == "UNIQUE" else what
    return ""


def _unique_by_columns(columns: str) -> str:
    """Return the unique constraint or index over `table.a, table.b`."""
    names = [part.strip().partition(".")[2] for part in columns.split(",")]
    table = db.metadata.tables.get(columns.partition(".")[0])
    if table is None:
        return ""
    uniques: tuple[Any, ...] = (*table.constraints, *table.indexes)
    for unique in uniques:
        if [column.name for column in getattr(unique, "columns", ())] == names and unique.name:
            return str(unique.name)
    return ""
