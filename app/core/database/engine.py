"""Engines set up so that a cut connection heals, nothing waits for ever, and a request reads one snapshot."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flask import Flask, g, has_app_context
from sqlalchemy import URL, Connection, Engine, ExceptionContext, event, make_url

from app.core.database.faults import mysql_code
from app.extensions import db

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
BUSY_SECONDS = 10
# Under the shortest idle limit that servers and proxies in front of them usually have (300 s).
RECYCLE_SECONDS = 280
STRICT = (
    "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION')"
)
# A node without quorum, a read-only node and a read-only server: the connection is of no use, another may be.
USELESS_NODE = {1047, 1290, 1836}


def init_database(app: Flask, config: Mapping[str, Any]) -> None:
    """Bind the extension to `app` with an engine for `DATABASE_URL`."""
    url = database_url(config["DATABASE_URL"])
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    with app.app_context():
        listen(db.engine)


def database_url(text: str) -> URL:
    """Return the URL as the driver wants it: one spelling of TLS, `ssl_ca`, works for both servers."""
    url = make_url(text)
    if url.get_backend_name() == "postgresql" and "ssl_ca" in url.query:
        tls = {"sslrootcert": url.query["ssl_ca"], "sslmode": "verify-full"}
        url = url.difference_update_query(["ssl_ca"]).update_query_dict(tls)
    return url


def engine_options(url: URL) -> dict[str, Any]:
    """Return the arguments of `create_engine` for this database."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        # The driver's own transaction handling is off: BEGIN is ours, see `_begin`.
        return {"connect_args": {"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False}}
    options: dict[str, Any] = {
        "pool_pre_ping": True,
        "pool_recycle": RECYCLE_SECONDS,
        "pool_size": 8,
        "max_overflow": 8,
        "pool_timeout": 10,
        "isolation_level": "REPEATABLE READ",
    }
    if backend == "mysql":
        options["connect_args"] = {
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": STATEMENT_SECONDS,
            "write_timeout": STATEMENT_SECONDS,
            "init_command": f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {BUSY_SECONDS}, {STRICT}",
        }
    else:
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={BUSY_SECONDS}s"
            " -c idle_in_transaction_session_timeout=60s",
        }
    return options


def listen(engine: Engine) -> None:
    """Attach what an engine needs beside its options."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "handle_error", _useless_node)
    event.listen(engine, "before_cursor_execute", _start_clock)
    event.listen(engine, "after_cursor_execute", _count)


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", f"busy_timeout = {BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Open SQLite's transaction: a writer takes the lock at once, because a later upgrade fails without waiting."""
    is_writing = connection.get_execution_options().get("is_writing", False)
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _useless_node(context: ExceptionContext) -> None:
    if mysql_code(context.original_exception) in USELESS_NODE:
        context.is_disconnect = True


def _start_clock(_connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    context.started_at = time.perf_counter()


def _count(_connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    """Note number and time of statements for this request's `Server-Timing`."""
    if has_app_context():
        g.sql_statements = g.get("sql_statements", 0) + 1
        g.sql_seconds = g.get("sql_seconds", 0.0) + time.perf_counter() - context.started_at
