"""Engines set up so that a cut connection heals, nothing waits for ever, and a request reads one snapshot."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, has_app_context
from sqlalchemy import URL, Connection, Engine, ExceptionContext, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from app.core.database.drivers import give_up_on_silence
from app.core.database.faults import MYSQL_BROKEN_CHECK, USELESS_NODE, mysql_code
from app.extensions import db


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds we wait: for a connection, for a statement (None: for ever), for somebody else's lock."""

    connect: int = 5
    statement: int | None = 30
    lock: int = 10


WRITING = "is_writing"
"""Set in the session's `info`, and as an option of its connection, while it is in a write transaction."""
MIGRATING = "is_migrating"
"""An option of a connection on which migrations run; they say themselves which versions they make."""
REQUEST = Limits()
# Changing a large table takes longer than a page may.
MIGRATION = Limits(statement=None)
# Under the shortest idle limit that servers and proxies in front of them usually have (300 s).
RECYCLE_SECONDS = 280
IDLE_TRANSACTION_SECONDS = 60
POOL = {"pool_pre_ping": True, "pool_recycle": RECYCLE_SECONDS, "pool_size": 8, "max_overflow": 8, "pool_timeout": 10}
# Values are somebody's data: they belong in no log.
PRIVATE = {"hide_parameters": True}
STRICT = (
    "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION')"
)


def init_database(app: Flask, config: Mapping[str, Any]) -> None:
    """Bind the extension to `app` with an engine for `DATABASE_URL`."""
    url = database_url(config["DATABASE_URL"])
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, REQUEST)
    db.init_app(app)
    # After the extension's own, so run before it, which would fail on a connection that was cut meanwhile.
    app.teardown_appcontext(lambda _error: end_transaction())
    with app.app_context():
        listen(db.engine, REQUEST)


def database_url(text: str) -> URL:
    """Return the URL as the driver wants it: one spelling of TLS, `ssl_ca`, works for both servers."""
    url = make_url(text)
    if url.get_backend_name() == "postgresql" and "ssl_ca" in url.query:
        tls = {"sslrootcert": url.query["ssl_ca"], "sslmode": "verify-full"}
        url = url.difference_update_query(["ssl_ca"]).update_query_dict(tls)
    return url


def engine_options(url: URL, limits: Limits) -> dict[str, Any]:
    """Return the arguments of `create_engine` for this database."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        # The driver's own transaction handling is off: BEGIN is ours, see `_begin`.
        lite: dict[str, Any] = {"timeout": limits.lock, "isolation_level": None, "check_same_thread": False}
        return {**PRIVATE, "connect_args": lite}
    arguments = _mysql_arguments(limits) if backend == "mysql" else _postgresql_arguments(limits)
    return {**PRIVATE, **POOL, "isolation_level": "REPEATABLE READ", "connect_args": arguments}


def _mysql_arguments(limits: Limits) -> dict[str, Any]:
    return {
        "charset": "utf8mb4",
        "connect_timeout": limits.connect,
        "read_timeout": limits.statement,
        "write_timeout": limits.statement,
        "init_command": f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {limits.lock},"
        f" lock_wait_timeout = {limits.lock}, {STRICT}",
    }


def _postgresql_arguments(limits: Limits) -> dict[str, Any]:
    settings = {
        "timezone": "UTC",
        "statement_timeout": f"{limits.statement or 0}s",
        "lock_timeout": f"{limits.lock}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
    }
    return {
        "connect_timeout": limits.connect,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def listen(engine: Engine, limits: Limits) -> None:
    """Attach what an engine needs beside its options."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _private_file)
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _begin)
    else:
        give_up_on_silence(engine, limits.connect, limits.statement)
        event.listen(engine, "handle_error", _useless_node)
        event.listen(engine, "handle_error", _broken_check, retval=True)
    event.listen(engine, "before_cursor_execute", _start_clock)
    event.listen(engine, "after_cursor_execute", _count)


def end_transaction() -> None:
    """Roll back what this context's session began; where the connection is gone, the server has done so already."""
    if not db.session.registry.has():
        return
    try:
        db.session.rollback()
    except DBAPIError:
        db.session().invalidate()


def _private_file(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
    """Make a new database file that only its owner may read; SQLite gives the files beside it the same mode.

    One that is there is not opened: closing it again would let go of this process's locks on it, and another process
    that ends would take itself for the last and remove the write-ahead log, with what we write from then on.
    """
    path = str(arguments[0])
    if path and not path.startswith((":memory:", "file:")):
        with suppress(OSError):  # SQLite itself says what is wrong with the place
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # How long to wait for a lock is the driver's `timeout`. What is deleted is overwritten: an erasure counts on it.
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "secure_delete = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Open SQLite's transaction: a writer takes the lock at once, because a later upgrade fails without waiting."""
    is_writing = connection.get_execution_options().get(WRITING, False)
    statement = "BEGIN IMMEDIATE" if is_writing else "BEGIN"
    raw = connection.connection.dbapi_connection
    assert raw is not None
    try:
        raw.execute(statement)
    except sqlite3.OperationalError as error:  # SQLAlchemy wraps what its own statements raise only
        raise OperationalError(statement, None, error) from error


def _useless_node(context: ExceptionContext) -> None:
    cause = context.original_exception
    if (mysql_code(cause) or getattr(cause, "sqlstate", None)) in USELESS_NODE:
        context.is_disconnect = True


def _broken_check(context: ExceptionContext) -> BaseException | None:
    """Turn the driver's general error for a broken check into the one that the other engines give."""
    cause = context.original_exception
    if mysql_code(cause) in MYSQL_BROKEN_CHECK:
        return IntegrityError(context.statement, context.parameters, cause, hide_parameters=True)
    return None


def _start_clock(_connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    context.started_at = time.perf_counter()


def _count(_connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    """Note number and time of statements for this request's `Server-Timing`."""
    if has_app_context():
        g.sql_statements = g.get("sql_statements", 0) + 1
        g.sql_seconds = g.get("sql_seconds", 0.0) + time.perf_counter() - context.started_at
