"""Running migrations: two servers that start at once must not migrate at once."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import op
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import Connection, DateTime, Engine, String, create_engine, text
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.core.database import engine as engines
from app.extensions import db, migrate

log = logging.getLogger(__name__)
# Both servers keep such a lock for as long as the connection lives, whatever is committed on it. MySQL's are for all
# databases of the server, PostgreSQL's have numbers for names; any constant of our own will do.
TRY_LOCK = {
    "mysql": "SELECT GET_LOCK(CONCAT('rollcall.', MD5(DATABASE())), 0)",
    "postgresql": "SELECT CASE WHEN pg_try_advisory_lock(7310468112) THEN 1 ELSE 0 END",
}
LOCK_SECONDS = 300
FIRST_WITH_TOKENS = 6
ASK_EVERY_SECONDS = 0.5
# The moment in UTC, whatever time zone the session that runs printed SQL is in.
NOW = {"mysql": "UTC_TIMESTAMP(6)", "postgresql": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"}
# What the tables of all migrations have in common. Apart from the models, whose types may change under migrations that
# have long been run; these may not.
TABLE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4"}
WRITING = {engines.WRITING: True, engines.MIGRATING: True}
HOLDS_FILE: ContextVar[bool] = ContextVar("holds_file", default=False)
HELD: ContextVar[Connection | None] = ContextVar("held", default=None)
"""The connection of whoever holds the lock over more than an upgrade."""
NOTED: ContextVar[list[int] | None] = ContextVar("noted", default=None)


def configuration(configured: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Alembic's `configure` that printing and running share."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    return {
        **configured,
        "target_metadata": db.metadata,
        "render_as_batch": is_sqlite,
        "transaction_per_migration": True,
        "compare_type": _compare_type,
        "process_revision_directives": _number,
        "on_version_apply": _check_references if is_sqlite else None,
    }


def key_string(length: int) -> Any:
    """Return a text type that compares code point by code point on every engine."""
    binary = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return (
        String(length)
        .with_variant(binary, "mysql", "mariadb")
        .with_variant(String(length, collation="C"), "postgresql")
    )


def moment() -> Any:
    """Return a date and time with microseconds."""
    return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def note_revision(number: int, oldest_code: int) -> None:
    """Write into `schema_state`, from inside a migration, that it was applied and which code may run on it.

    What it changed in the tables is another version for the query cache, whether it did or not.
    """
    if (noted := NOTED.get()) is not None:
        noted.append(oldest_code)
    now = NOW.get(op.get_context().dialect.name, "CURRENT_TIMESTAMP")
    if number > FIRST_WITH_TOKENS:
        op.execute(
            "INSERT INTO cache_versions (name, high, low) "  # noqa: S608 words of ours
            f"SELECT name, {random_half()}, {random_half()} FROM cache_versions GROUP BY name"
        )
    op.execute(
        "INSERT INTO schema_state (number, revision, oldest_code, applied_at) "  # noqa: S608 numbers of ours
        f"VALUES ({number}, '{number:04d}', {oldest_code}, {now})"
    )


def random_half() -> str:
    """Return the SQL of a random number of 31 bits: the database draws it, so no two databases have the same."""
    return {
        "mysql": "FLOOR(RAND() * 2147483648)",
        "postgresql": "FLOOR(RANDOM() * 2147483648)::bigint",
        "sqlite": "ABS(RANDOM()) % 2147483648",
    }[op.get_context().dialect.name]


def forget_revision(number: int) -> None:
    """Take back `note_revision`."""
    op.execute(f"DELETE FROM schema_state WHERE number = {int(number)}")  # noqa: S608


def _compare_type(
    _context: MigrationContext, _inspected: Any, _metadata: Any, inspected_type: Any, metadata_type: Any
) -> bool | None:
    """Tell Alembic that MariaDB's LONGTEXT is what it made of JSON; None leaves the question to Alembic."""
    if type(metadata_type).__name__ == "JSON" and type(inspected_type).__name__ == "LONGTEXT":
        return False
    return None


def _number(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Give a new migration the next number for its name."""
    if directives:
        directives[0].rev_id = f"{int(head() or 0) + 1:04d}"


def _check_references(*, ctx: MigrationContext, **_step: Any) -> None:
    """Refuse, before it is committed, a migration that leaves a reference to a row that is not there."""
    assert ctx.connection is not None
    broken = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken:
        raise SystemExit(
            f"This migration would leave {broken[0]} referring to {broken[2]} that are not there: nothing"
            " was changed; please report it."
        )


@contextmanager
def noting() -> Iterator[list[int]]:
    """Give a list of the `oldest_code` of each migration that is run, or printed, inside."""
    found: list[int] = []
    token = NOTED.set(found)
    try:
        yield found
    finally:
        NOTED.reset(token)


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Hold the lock for all that is inside, so that what is looked at first is still so when an upgrade begins."""
    with only_one_at_a_time(engine) as connection:
        token = HELD.set(connection)
        try:
            yield
        finally:
            HELD.reset(token)


@contextmanager
def only_one_at_a_time(engine: Engine) -> Iterator[Connection]:
    """Give a connection while no other process migrates the same database; the others wait, then find nothing to do."""
    if (held := HELD.get()) is not None:
        yield held
        return
    if engine.dialect.name == "sqlite":
        with _file_lock(engine), _foreign_keys_off(engine) as connection:
            yield connection
        return
    options = engines.engine_options(engine.url, engines.MIGRATION)
    options = {name: value for name, value in options.items() if name not in engines.POOL}
    patient = create_engine(engine.url, poolclass=NullPool, **options)
    engines.listen(patient, engines.MIGRATION)
    with patient.connect() as connection:  # which gives back the lock when it is closed
        _wait_for_lock(connection)
        yield connection


def _wait_for_lock(connection: Connection) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while connection.execute(text(TRY_LOCK[connection.dialect.name])).scalar() != 1:
        connection.rollback()
        if time.monotonic() > deadline:
            raise SystemExit(
                "Another server has been migrating this database for five minutes: look there before you try again."
            )
        time.sleep(ASK_EVERY_SECONDS)
    connection.rollback()  # what comes next sees what the one before committed


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    """Hold a lock file beside the database; SQLite is for one machine, so a file is enough."""
    database = engine.url.database
    if database in (None, "", ":memory:") or HOLDS_FILE.get():
        yield
        return
    with open(f"{database}.migrating", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        token = HOLDS_FILE.set(True)
        try:
            yield
        finally:
            HOLDS_FILE.reset(token)


@contextmanager
def _foreign_keys_off(engine: Engine) -> Iterator[Connection]:
    """Give a connection that may rebuild tables which others refer to, in transactions that write from the start."""
    with engine.connect().execution_options(**WRITING) as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            yield connection
        finally:
            connection.rollback()  # inside a transaction the next line would do nothing
            raw.execute("PRAGMA foreign_keys = ON")


def scripts() -> ScriptDirectory:
    """Return the migrations that this code has."""
    config: Any = migrate.get_config()
    return ScriptDirectory.from_config(config)


def head() -> str | None:
    """Return the newest revision that this code knows."""
    return scripts().get_current_head()


def current() -> str | None:
    """Return the revision that the database is at; None when nothing was ever migrated."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def bring_up_to_date(now: datetime) -> Path | None:
    """Migrate to the newest revision; return the copy made first of a SQLite database that had an older one."""
    if current() == head():
        return None
    if db.engine.dialect.name != "sqlite":
        upgrade()
        return None
    with _file_lock(db.engine):  # held while copying too, so that the copy is of the older database
        before = current()
        copy = _copy_of_sqlite(now) if before not in (None, head()) else None
        upgrade()
    return copy


def _copy_of_sqlite(now: datetime) -> Path:
    """Copy the database through SQLite itself, so that a copy taken while somebody writes is whole."""
    database = Path(str(db.engine.url.database))
    copy = database.with_name(f"{database.stem}-before-{now:%Y%m%d-%H%M%S}{database.suffix}")
    log.info("keeping a copy of the database before migrating", extra={"copy": str(copy)})
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    # As readable as the database itself, from the first byte on; SQLite fills an empty file.
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, database.stat().st_mode & 0o777))
    # Not through SQLAlchemy, which would begin a transaction, where SQLite refuses it.
    with closing(db.engine.raw_connection()) as connection:
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(unfinished),))
        except sqlite3.Error as error:
            unfinished.unlink(missing_ok=True)
            raise OperationalError("VACUUM INTO", None, error) from error
    unfinished.rename(copy)
    return copy
