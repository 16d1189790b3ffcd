"""What is wrong with the database, in one sentence that says what to do about it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import DBAPIError

from app.core.database.faults import is_lost_connection, is_worth_repeating, mysql_code
from app.extensions import db


class Fault(StrEnum):
    """Why the database does not do as asked."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_CREATED = "not created"
    NOT_MIGRATED = "not migrated"
    NOT_ALLOWED = "not allowed"
    NOT_WRITABLE = "not writable"
    NO_DATABASE = "no database"
    FULL = "full"
    BUSY = "busy"
    OTHER = "other"


MYSQL = {
    # No connection, unknown host, hung up, too many connections.
    **dict.fromkeys((2002, 2003, 2005, 2006, 2013, 1040, 1053, 1927), Fault.UNREACHABLE),
    # Wrong password, wrong address of the client, an account for the local socket only, locked or expired accounts.
    **dict.fromkeys((1045, 1130, 1698, 1862, 1820, 3118, 4151, 1044), Fault.REFUSED),
    1049: Fault.NOT_CREATED,
    **dict.fromkeys((1146, 1054), Fault.NOT_MIGRATED),
    **dict.fromkeys((1142, 1143, 1227, 1370), Fault.NOT_ALLOWED),
    **dict.fromkeys((1290, 1836), Fault.NOT_WRITABLE),
    **dict.fromkeys((1021, 1114), Fault.FULL),
}
POSTGRESQL = {
    "3D000": Fault.NOT_CREATED,
    **dict.fromkeys(("28000", "28P01"), Fault.REFUSED),
    **dict.fromkeys(("42P01", "42703", "3F000"), Fault.NOT_MIGRATED),
    "42501": Fault.NOT_ALLOWED,
    "25006": Fault.NOT_WRITABLE,
    "53100": Fault.FULL,
    **dict.fromkeys(("57P01", "57P03", "53300"), Fault.UNREACHABLE),
}
# What the server says before a connection stands reaches us as words only; and SQLite has nothing else.
WORDS = (
    (re.compile(r'database "[^"]*" does not exist'), Fault.NOT_CREATED),
    (re.compile(r"authentication failed|no pg_hba\.conf entry|no password supplied"), Fault.REFUSED),
    (re.compile(r'role "[^"]*" does not exist'), Fault.REFUSED),
    (re.compile(r"no such (table|column)"), Fault.NOT_MIGRATED),
    (re.compile(r"unable to open database file|readonly database"), Fault.NOT_WRITABLE),
    (re.compile(r"file is not a database|malformed"), Fault.NO_DATABASE),
    (re.compile(r"database or disk is full"), Fault.FULL),
)


def fault(error: BaseException) -> Fault:
    """Return what an error of the database is about."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    found = MYSQL.get(mysql_code(cause) or 0) or POSTGRESQL.get(getattr(cause, "sqlstate", None) or "")
    if found:
        return found
    for pattern, meaning in WORDS:
        if pattern.search(str(cause)):
            return meaning
    if is_worth_repeating(error):
        return Fault.BUSY
    return Fault.UNREACHABLE if is_lost_connection(error) else Fault.OTHER


def diagnose(error: BaseException) -> str:
    """Return one sentence for the operator on what is wrong and what to do; never a password. Needs an app context."""
    url = db.engine.url
    is_file = url.get_backend_name() == "sqlite"
    where = f"The database {url.database}" if is_file else f"The database server at {_address(url)}"
    script = "bootstrap-postgresql.sql" if url.get_backend_name() == "postgresql" else "bootstrap-mariadb.sql"
    sentences = {
        Fault.UNREACHABLE: f"{where} can't be reached: is it running, and are host and port in DATABASE_URL right? "
        f"(The driver says: {_first_line(error)})",
        Fault.REFUSED: f"{where} refuses the user “{url.username}”: check user, password (an “@” is written %40) and "
        "database in DATABASE_URL, and whether that user may sign in from here.",
        Fault.NOT_CREATED: f"{where} has no database “{url.database}”: make it with scripts/{script}, or name another "
        "in DATABASE_URL.",
        Fault.NOT_MIGRATED: f"{where} does not have this version's tables yet: run `flask --app run db upgrade`.",
        Fault.NOT_ALLOWED: f"{where} does not let the user “{url.username}” do this: tables are changed by the "
        "migrator account, so run `flask --app run db upgrade` with that account in DATABASE_URL.",
        Fault.NOT_WRITABLE: f"{where} can't be written: is its folder there, and may this user write to it?"
        if is_file
        else f"{where} is read-only at the moment: name the server that takes writes in DATABASE_URL.",
        Fault.NO_DATABASE: f"{where} is no SQLite database, or it is damaged: name another in DATABASE_URL, or put a "
        "copy in its place.",
        Fault.FULL: f"{where} has no space left on its disk: make room there and try again.",
        Fault.BUSY: f"{where} is busy with somebody else's change: try again in a moment.",
    }
    return sentences.get(fault(error)) or f"{where} answered with an error that we don't know: {_first_line(error)}"


def _address(url: Any) -> str:
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or "localhost"
    return f"{host}:{url.port}" if url.port else str(host)


def _first_line(error: BaseException) -> str:
    """Return what the driver said, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = cause.args[1] if mysql_code(cause) and cause is not None and len(cause.args) > 1 else cause
    return (str(words).strip().splitlines() or [type(cause).__name__])[0]
