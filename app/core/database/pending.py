"""Migrations that the database lacks, and the statements that each would run, told without running them.

On servers Alembic prints them. SQLite has to look at a table before it can rebuild one, so there they are run: in
memory, on the tables as they are without any rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from app.core.database import migration
from app.extensions import db

# Not what a migration does, but how it finds out what is there.
LOOKING = ("SELECT", "PRAGMA")
OFFLINE = {"as_sql": True, "literal_binds": True, "transactional_ddl": False}


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration that was not run yet: what it says of itself, and what it would run.

    `oldest_code` is the number of the oldest code that may run after it; None where it does not tell. `trouble` is why
    its statements can't be told.
    """

    revision: str
    title: str
    oldest_code: int | None
    is_read_only: bool
    statements: tuple[str, ...]
    trouble: str = ""


def is_known(revision: str) -> bool:
    """Say whether this code has a migration of that name; a newer one may have others."""
    try:
        return migration.scripts().get_revision(revision) is not None
    except CommandError:
        return False


def pending(current: str | None) -> list[Pending]:
    """Return the migrations after `current`, oldest first."""
    if not (scripts := _after(current)):
        return []
    with _in_memory() if db.engine.dialect.name == "sqlite" else _printing() as context_of:
        return [_tell(script, context_of) for script in scripts]


def asking_for_read_only(current: str | None) -> list[str]:
    """Return name and title of the migrations after `current` during which nothing may be changed.

    None after one that this code does not have: Alembic refuses those by itself.
    """
    if current and not is_known(current):
        return []
    return [f"{script.revision} {_title(script)}" for script in _after(current) if _is_read_only(script)]


ContextOf = Callable[[list[str]], MigrationContext]


def _after(current: str | None) -> list[Script]:
    return list(migration.scripts().iterate_revisions("head", current or "base"))[::-1]


def _title(script: Script) -> str:
    return str(script.doc).strip().rstrip(".")


def _is_read_only(script: Script) -> bool:
    return bool(getattr(script.module, "read_only", False))


def _tell(script: Script, context_of: ContextOf) -> Pending:
    """Have a migration say what it would do; whatever goes wrong in it is the migration's fault, and said so."""
    statements: list[str] = []
    trouble = ""
    with migration.noting() as noted, Operations.context(context_of(statements)):
        try:
            script.module.upgrade()
        except (Exception, SystemExit) as error:
            trouble = f"{type(error).__name__}: {error}"
    return Pending(
        revision=script.revision,
        title=_title(script),
        oldest_code=noted[-1] if noted else None,
        is_read_only=_is_read_only(script),
        statements=tuple(statements),
        trouble=trouble,
    )


class _Lines:
    """Takes the statements that Alembic prints, one at a time."""

    def __init__(self, statements: list[str]) -> None:
        self.statements = statements

    def write(self, text: str) -> None:
        """Keep a statement, without the semicolon after it."""
        if statement := text.strip().removesuffix(";").strip():
            self.statements.append(statement)

    def flush(self) -> None:
        """Do nothing: it is kept already."""


def _configured() -> dict[str, Any]:
    return migration.configuration(current_app.extensions["migrate"].configure_args)


@contextmanager
def _printing() -> Iterator[ContextOf]:
    """Give a maker of contexts that print into a list; nothing is connected to."""

    def make(statements: list[str]) -> MigrationContext:
        options = {**_configured(), **OFFLINE, "output_buffer": _Lines(statements)}
        return MigrationContext.configure(url=db.engine.url, dialect_opts={"paramstyle": "named"}, opts=options)

    yield make


@contextmanager
def _in_memory() -> Iterator[ContextOf]:
    """Give a maker of contexts that run in memory, on empty tables like those of the database."""
    scratch = create_engine("sqlite://", poolclass=StaticPool)
    with scratch.connect() as connection:
        _copy_tables(connection)
        kept: list[list[str]] = [[]]
        event.listen(connection, "before_cursor_execute", lambda *call: _keep(kept[-1], call[2]))

        def make(statements: list[str]) -> MigrationContext:
            kept.append(statements)
            return MigrationContext.configure(connection, opts=_configured())

        yield make
        connection.rollback()
    scratch.dispose()


def _copy_tables(connection: Connection) -> None:
    order = "CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END"
    query = f"SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_' ORDER BY {order}"  # noqa: S608
    with db.engine.connect() as own:
        found = [str(row[0]) for row in own.exec_driver_sql(query)]
    for statement in found:
        connection.exec_driver_sql(statement)


def _keep(statements: list[str], statement: str) -> None:
    if not statement.lstrip().upper().startswith(LOOKING):
        statements.append(" ".join(statement.split()) if statement.startswith("\n") else statement.strip())
