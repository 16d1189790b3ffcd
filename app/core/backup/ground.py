"""What differs by engine when all tables of a database are replaced.

SQLite and PostgreSQL take a whole restore as one transaction: whoever reads meanwhile sees what was there before, and
a restore that dies leaves that. MySQL and MariaDB commit each change of a table by itself. There the new tables go by
other names until all is in them, so nobody reads or writes what is half done, and get their own names at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import ColumnElement, Connection, Integer, column, func, inspect, select, table, text

from app.core.backup import tables
from app.core.backup.tables import UNFINISHED, VERSIONS, Stored

READ_FIRST = "cache_versions"
"""What each request reads first. PostgreSQL shows a new table, without its rows, to whoever began before it was filled:
so requests that are under way have to end before any table goes, and the others find nobody signed in, and no token."""
HIDDEN = "restoring_{}"
HIDDEN_VERSIONS = HIDDEN.format(VERSIONS)


def is_whole(connection: Connection) -> bool:
    """Say whether the engine takes a restore as one transaction."""
    return connection.dialect.name != "mysql"


def remains(connection: Connection) -> set[str]:
    """Return the tables that a restore which died left under other names."""
    return {name for name in tables.names(connection) if name.startswith(HIDDEN.format(""))}


def mark(connection: Connection, revision: str | None = UNFINISHED) -> None:
    """Write down that from here on this is no database of any version, or of this one again; None for an empty one."""
    if VERSIONS not in tables.names(connection):
        connection.execute(text(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"DELETE FROM {VERSIONS}"))  # noqa: S608 names of ours, here and below
    if revision is not None:
        connection.execute(text(f"INSERT INTO {VERSIONS} (version_num) VALUES (:revision)"), {"revision": revision})  # noqa: S608
    connection.commit()


def remove(connection: Connection, names: Collection[str]) -> None:
    """Drop tables, with what belongs to them; which of them refers to which doesn't matter."""
    quoted = _quoted(connection, names)
    if not quoted:
        return
    if connection.dialect.name == "sqlite":  # where foreign keys are not looked at while migrating
        for name in quoted:
            connection.execute(text(f"DROP TABLE {name}"))
    elif connection.dialect.name == "mysql":
        with _unchecked(connection):
            connection.execute(text(f"DROP TABLE {', '.join(quoted)}"))
    else:
        if READ_FIRST in names:
            connection.execute(text(f"LOCK TABLE {READ_FIRST}"))
        functions = connection.scalars(
            text(
                "SELECT DISTINCT t.tgfoid::regproc::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace "
                "AND c.relname = ANY(:names)"
            ),
            {"names": list(names)},
        ).all()
        connection.execute(text(f"DROP TABLE {', '.join(quoted)}"))
        for function in functions:  # else the migration that makes it again fails
            connection.execute(text(f"DROP FUNCTION {function}()"))


def hide(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """Let tables go by other names where the engine commits as it goes; return by which ones they go."""
    if is_whole(connection):
        return {name: name for name in names}
    hidden = {name: HIDDEN.format(name) for name in names}
    _rename(connection, hidden)
    return hidden


def show(connection: Connection, hidden: dict[str, str]) -> None:
    """Give tables, and that of migrations, their own names, all in one moment."""
    if is_whole(connection):
        return
    gone = HIDDEN.format("gone")
    swapped = {VERSIONS: gone, HIDDEN_VERSIONS: VERSIONS}
    _rename(connection, {**{real: name for name, real in hidden.items()}, **swapped})
    connection.execute(text(f"DROP TABLE {gone}"))


def empty(connection: Connection, names: Collection[str]) -> None:
    """Remove what the migrations filled in, past the triggers of the journal; inside `unguarded`."""
    quoted = _quoted(connection, names)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"TRUNCATE TABLE {', '.join(quoted)}"))
        return
    word = "DELETE FROM" if connection.dialect.name == "sqlite" else "TRUNCATE TABLE"
    for name in quoted:
        connection.execute(text(f"{word} {name}"))


@contextmanager
def unguarded(connection: Connection, names: Collection[str]) -> Iterator[None]:
    """Keep triggers and foreign keys out of the way inside, so that rows may come in any order.

    Afterwards they are as they were; whether all references lead somewhere PostgreSQL has looked then, for the others
    `loose` does.
    """
    guard = {"sqlite": _no_triggers, "mysql": _unchecked_names, "postgresql": _no_constraints}
    with guard[connection.dialect.name](connection, names):
        yield


def loose(connection: Connection, names: dict[str, str]) -> str | None:
    """Return a table with a reference to what is not there; None where all lead somewhere."""
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        return str(broken[0]) if broken else None
    if connection.dialect.name == "postgresql":
        return None
    for name, real in names.items():
        for key in inspect(connection).get_foreign_keys(real):
            if _is_loose(connection, real, key["constrained_columns"], key["referred_table"], key["referred_columns"]):
                return name
    return None


def set_next_id(connection: Connection, one: Stored, real: str) -> None:
    """Have a table give ids beyond all that it ever gave."""
    key = column(one.key[0], Integer)
    if len(one.key) > 1:
        return
    if connection.dialect.name == "postgresql":
        found = tables.sequences(connection).get(one.name)
        if found:
            following = max(one.next_id or 1, _highest(connection, key, real) + 1)
            connection.execute(text("SELECT setval(:sequence, :id, false)"), {"sequence": found[1], "id": following})
        return
    if one.next_id is None:
        return  # these engines go on after the highest id there is
    following = max(one.next_id, _highest(connection, key, real) + 1)
    if connection.dialect.name == "mysql":
        connection.execute(text(f"ALTER TABLE {_quoted(connection, [real])[0]} AUTO_INCREMENT = {following}"))
        return
    values = {"name": real, "seq": following - 1}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)


def gather(connection: Connection, names: Collection[str]) -> None:
    """Have PostgreSQL look at its new tables before somebody asks; the others do so by themselves, or need not."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {', '.join(_quoted(connection, names))}"))


def _quoted(connection: Connection, names: Collection[str]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote(name) for name in sorted(names)]


def _highest(connection: Connection, key: ColumnElement[int], name: str) -> int:
    return int(connection.scalar(select(func.max(key)).select_from(table(name))) or 0)


def _rename(connection: Connection, names: dict[str, str]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    pairs = ", ".join(f"{quote(name)} TO {quote(new)}" for name, new in names.items())
    connection.execute(text(f"RENAME TABLE {pairs}"))


def _is_loose(connection: Connection, name: str, own: Sequence[str], other: str, referred: Sequence[str]) -> bool:
    from_, to = table(name, *map(column, own)).alias("a"), table(other, *map(column, referred)).alias("b")
    same = [from_.c[mine] == to.c[theirs] for mine, theirs in zip(own, referred, strict=True)]
    has_one = select(1).select_from(to).where(*same).correlate(from_).exists()
    lost = select(1).select_from(from_).where(*(from_.c[mine].is_not(None) for mine in own), ~has_one)
    return connection.execute(lost.limit(1)).first() is not None


@contextmanager
def _no_triggers(connection: Connection, names: Collection[str]) -> Iterator[None]:
    """SQLite's are dropped and made again; foreign keys are off already."""
    query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
    triggers = [row for row in connection.execute(text(query)) if row.tbl_name in names]
    for name in _quoted(connection, [row.name for row in triggers]):
        connection.execute(text(f"DROP TRIGGER {name}"))
    yield
    for row in triggers:
        connection.exec_driver_sql(row.sql)


@contextmanager
def _unchecked(connection: Connection) -> Iterator[None]:
    connection.execute(text("SET foreign_key_checks = 0"))
    try:
        yield
    finally:
        connection.execute(text("SET foreign_key_checks = 1"))


def _unchecked_names(connection: Connection, _names: Collection[str]) -> AbstractContextManager[None]:
    """MySQL's triggers mind INSERT no more than they mind TRUNCATE."""
    return _unchecked(connection)


@contextmanager
def _no_constraints(connection: Connection, names: Collection[str]) -> Iterator[None]:
    """PostgreSQL's foreign keys are dropped and made again, its triggers switched off: only a superuser may do more."""
    query = text(
        "SELECT c.conrelid::regclass::text AS of, quote_ident(c.conname) AS name, pg_get_constraintdef(c.oid) AS words "
        "FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid "
        "WHERE c.contype = 'f' AND t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(:names)"
    )
    keys = connection.execute(query, {"names": list(names)}).all()
    for key in keys:
        connection.execute(text(f"ALTER TABLE {key.of} DROP CONSTRAINT {key.name}"))
    for name in _quoted(connection, names):
        connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
    yield
    for name in _quoted(connection, names):
        connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER USER"))
    for key in keys:
        connection.execute(text(f"ALTER TABLE {key.of} ADD CONSTRAINT {key.name} {key.words}"))
