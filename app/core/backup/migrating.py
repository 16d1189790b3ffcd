"""Running migrations for a backup: where it is put back, and in memory, to find out what a migration makes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from flask import current_app
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

from app.core.backup import tables
from app.core.backup.tables import STATE, VERSIONS, Stored
from app.core.database import migration
from app.extensions import migrate

NEVER = 2**31 - 1
"""No code is so new: what `oldest_code` says while a database is not whole."""


@cache
def made_by(revision: str) -> tuple[Stored, ...]:
    """Return the tables that migrations make up to this one, found out in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            with quietly():
                run(connection, revision)
            return tuple(tables.stored(connection, tables.candidates(connection)))
    finally:
        engine.dispose()


def run(connection: Connection, target: str, versions: str = VERSIONS) -> None:
    """Run migrations up to `target` here; what only a finished database needs (its opened journal) is not done."""
    scripts = migration.scripts()

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(target, revision)

    options = migration.configuration(current_app.extensions["migrate"].configure_args)
    options["render_as_batch"] = connection.dialect.name == "sqlite"
    if versions != VERSIONS:
        options["on_version_apply"] = _close_to_all
    config: Any = migrate.get_config()
    with EnvironmentContext(config, scripts, fn=steps, destination_rev=target) as environment:
        environment.configure(connection=connection, version_table=versions, **options)
        with environment.begin_transaction():
            environment.run_migrations()


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Alembic from telling of each migration of tables that nobody has yet."""
    log = logging.getLogger("alembic.runtime.migration")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def _close_to_all(*, ctx: Any, **_step: Any) -> None:
    """Have each migration leave tables that no code takes for its own: they are empty, and others may look."""
    ctx.connection.execute(text(f"UPDATE {STATE} SET oldest_code = {NEVER}"))  # noqa: S608 numbers of ours
