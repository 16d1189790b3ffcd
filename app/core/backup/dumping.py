"""Writing a database into a backup, row by row, from one snapshot; nobody has to wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, Engine, create_engine, select
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.pool import NullPool

from app.core.backup import migrating, tables
from app.core.backup.container import Writer
from app.core.backup.kinds import writer
from app.core.backup.tables import NotReady, State, Stored
from app.core.database import engine as engines
from app.core.database import server
from app.core.database.pending import is_known

ROWS = 1000
"""So many rows are in memory at once."""
PART = "database/{}.jsonl"
# A disk that takes its time may keep us from asking for the next rows; the server must not hang up for that.
PATIENT = {
    "mysql": ("SET SESSION net_write_timeout = 3600", "SET SESSION wait_timeout = 86400"),
    "postgresql": ("SET idle_in_transaction_session_timeout = 0",),
}
# The server hands rows over as they are asked for, instead of all at once.
STREAMING = {"stream_results": True, "yield_per": ROWS}
SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

Progress = Callable[[str, int], None]
"""Takes a table's name and how many of its rows are written so far."""


def engine_for(url_text: str) -> Engine:
    """Return an engine without a pool for work that takes its time."""
    url = engines.database_url(url_text)
    options = engines.engine_options(url, engines.MIGRATION)
    options = {name: value for name, value in options.items() if name not in engines.POOL}
    made = create_engine(url, poolclass=NullPool, **options)
    engines.listen(made, engines.MIGRATION)
    return made


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one state of the database for as long as it is open, and can't write."""
    with engine.connect() as connection:
        kind = connection.dialect.name
        for statement in PATIENT.get(kind, ()):
            connection.exec_driver_sql(statement)
        connection.rollback()
        if kind == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        if kind == "mysql":
            connection.exec_driver_sql(SNAPSHOT)
        try:
            yield connection
        finally:
            connection.rollback()


def dump(connection: Connection, into: Writer, progress: Progress) -> set[str]:
    """Write the tables of a snapshot, and what the manifest tells of them; return the tables and columns not in it.

    Raises NotReady for a database that was never migrated, is half restored, or lacks what its migration makes.
    """
    state = tables.state(connection)
    ours, strangers = _ours(connection, state.revision)
    told: dict[str, Any] = {}
    for one in ours:
        count = _dump(connection, one, into, progress)
        told[one.name] = {
            "rows": count,
            "next_id": one.next_id,
            "columns": [[field.name, str(field.kind), *(field.digits or ())] for field in one.fields],
        }
    into.told |= {
        "schema": state.number,
        "revision": state.revision,
        "engine": server.title(connection),
        "since": _since(state),
        "tables": told,
        "journal": tables.journal_head(connection, told),
    }
    return strangers


def _ours(connection: Connection, revision: str) -> tuple[list[Stored], set[str]]:
    """Return the tables, with their columns, that migrations make up to this one, and the names of all others.

    Of a migration that only a newer version knows nobody here can tell which these are, so all that is there counts as
    Rollcall's; the version that puts it back can tell, and leaves the others out.
    """
    present = tables.candidates(connection)
    if not is_known(revision):
        return tables.stored(connection, present), set()
    made = {one.name: one.shape for one in migrating.made_by(revision)}
    wanted = {name: {column for column, _ in shape} for name, shape in made.items()}
    found = {one.name: one for one in tables.stored(connection, wanted)}
    lacking = [name for name, shape in made.items() if name not in found or found[name].shape != shape]
    if lacking:
        words = _l(
            "The database lacks what migration %(revision)s makes (%(names)s), so that no backup of it could be put"
            " back: repair it first.",
            revision=revision,
            names=", ".join(lacking),
        )
        raise NotReady(words)
    columns = {f"{one.name}.{other}" for one in found.values() for other in one.others}
    return list(found.values()), columns | (present - {*found})


def _since(state: State) -> str | None:
    return state.since.isoformat() if state.since else None


def _dump(connection: Connection, one: Stored, into: Writer, progress: Progress) -> int:
    clause = one.clause(connection)
    query = select(clause).order_by(*(clause.c[name] for name in one.key))
    count, lines = 0, writer(one.fields)
    with into.part(PART.format(one.name)) as part:
        try:
            with connection.execute(query, execution_options=STREAMING) as result:
                for rows in result.partitions():
                    part.write(lines(rows))
                    count += len(rows)
                    progress(one.name, count)
        except DBAPIError:
            raise
        except (StatementError, ValueError, TypeError, ArithmeticError) as error:
            words = _l(
                "The table %(table)s holds something that is not of its column’s kind, after %(count)s rows:"
                " `flask --app run journal verify` may tell which.",
                table=one.name,
                count=count,
            )
            raise NotReady(words) from error
    return count
