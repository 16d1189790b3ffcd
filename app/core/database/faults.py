"""Which database error means what, for all three engines."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from sqlalchemy import Index, UniqueConstraint
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
# Not reached, or hung up; too many connections, shutting down, starting up.
MYSQL_LOST = {2002, 2003, 2006, 2013, 2055, 1927, 1053, 1040}
POSTGRESQL_LOST = {"57P01", "57P02", "57P03", "53300"}
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
    return error.connection_invalidated or mysql_code(cause) in MYSQL_LOST or _is_lost_postgresql(cause)


def _is_lost_postgresql(cause: Any) -> bool:
    """Say so for the driver's own errors, which have no code, and for what the server says when it hangs up."""
    if not type(cause).__module__.startswith("psycopg"):
        return False
    is_operational = any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__)
    code = cause.sqlstate
    return is_operational and (code is None or code.startswith("08") or code in POSTGRESQL_LOST)


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
    uniques: list[UniqueConstraint | Index] = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    uniques += [index for index in table.indexes if index.unique]
    return next((str(one.name) for one in uniques if one.columns.keys() == names), "")
