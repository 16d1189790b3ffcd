"""Running migrations: two servers that start at once must not migrate at once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import Connection, Engine, text

from app.extensions import db, migrate

log = logging.getLogger(__name__)
LOCK_NAME = "rollcall_migration"
LOCK_NUMBER = 7310468112  # PostgreSQL's advisory locks have numbers for names; any constant of our own will do
LOCK_SECONDS = 300


def configuration(configured: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Alembic's `configure` that printing and running share."""
    dialect = db.engine.dialect.name
    return {
        **configured,
        "target_metadata": db.metadata,
        "render_as_batch": dialect == "sqlite",
        "transaction_per_migration": True,
        "compare_type": _compare_type,
    }


def _compare_type(
    _context: MigrationContext, _inspected: Any, _metadata: Any, inspected_type: Any, metadata_type: Any
) -> bool | None:
    """Tell Alembic that MariaDB's LONGTEXT is what it made of JSON; None leaves the question to Alembic."""
    if type(metadata_type).__name__ == "JSON" and type(inspected_type).__name__ == "LONGTEXT":
        return False
    return None


@contextmanager
def only_one_at_a_time(engine: Engine) -> Iterator[Connection]:
    """Give a connection while no other process migrates the same database; the others wait, then find nothing to do."""
    backend = engine.dialect.name
    if backend == "sqlite":
        with _file_lock(engine), _foreign_keys_off(engine) as connection:
            yield connection
        return
    # A connection of its own holds the lock: the migrations commit on theirs.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        if backend == "postgresql":
            guard.execute(text("SET statement_timeout = 0"))
            guard.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            guard.execute(text("SELECT pg_advisory_lock(:number)"), {"number": LOCK_NUMBER})
        else:
            _mysql_lock(guard)
        try:
            with engine.connect() as connection:
                if backend == "postgresql":  # rewriting a large table takes longer than a page may
                    connection.execute(text("SET statement_timeout = 0"))
                    connection.commit()
                yield connection
        finally:
            if backend == "postgresql":
                guard.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": LOCK_NUMBER})
            else:
                guard.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK_NAME})


def _mysql_lock(guard: Connection) -> None:
    """Take the named lock, asked for in short waits because the driver gives up on long silence."""
    for _ in range(LOCK_SECONDS // 10):
        if guard.execute(text("SELECT GET_LOCK(:name, 10)"), {"name": LOCK_NAME}).scalar() == 1:
            return
    raise SystemExit(
        "Another server has been migrating this database for five minutes: look there before you try again."
    )


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    """Hold a lock file beside the database; SQLite is for one machine, so a file is enough."""
    database = engine.url.database
    if database in (None, "", ":memory:"):
        yield
        return
    with open(f"{database}.migrating", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _foreign_keys_off(engine: Engine) -> Iterator[Connection]:
    """Give a connection that may rebuild tables which others refer to, and check the references afterwards."""
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            yield connection
            if raw.execute("PRAGMA foreign_key_check").fetchone():
                raise SystemExit(
                    "The migration left a reference to a row that is not there; restore the copy and report it."
                )
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


def head() -> str | None:
    """Return the newest revision that this code knows."""
    config: Any = migrate.get_config()
    return ScriptDirectory.from_config(config).get_current_head()


def current() -> str | None:
    """Return the revision that the database is at; None when nothing was ever migrated."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def bring_up_to_date(now: datetime) -> Path | None:
    """Migrate to the newest revision; return the copy made first of a SQLite database that had an older one."""
    before = current()
    if before == head():
        return None
    copy = None
    if before is not None and db.engine.dialect.name == "sqlite":
        copy = _copy_of_sqlite(now)
    upgrade()
    return copy


def _copy_of_sqlite(now: datetime) -> Path:
    """Copy the database through SQLite itself, so that a copy taken while somebody writes is whole."""
    database = Path(str(db.engine.url.database))
    copy = database.with_name(f"{database.stem}-before-{now:%Y%m%d-%H%M%S}{database.suffix}")
    log.info("keeping a copy of the database before migrating", extra={"copy": str(copy)})
    # Past the engine, whose every connection begins with BEGIN: a copy can't be made inside a transaction.
    raw = db.engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(copy),))
    finally:
        raw.close()
    return copy
