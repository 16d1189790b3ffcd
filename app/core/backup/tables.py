"""What a database holds: its tables and columns as they are, which schema it has, and the ids it gives next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, Integer, MetaData, TableClause, column, func, inspect, select, table, text

from app.core.backup.kinds import Field, UnknownKind, field_of, type_of
from app.core.problems import Problem
from app.extensions import db

VERSIONS = "alembic_version"
STATE = "schema_state"
SEALS = "seals"
# What `alembic_version` holds while a restore is under way, or after one that died: no migration has this name, so
# nothing else begins to work on such a database.
UNFINISHED = "restoring"
JSON_CHECK = re.compile(r"json_valid\(`([^`]+)`\)", re.IGNORECASE)


class NotReady(Problem):
    """The database is not in a state in which it can be backed up."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A table: its columns in their order, those of its key, and the next id where it gives ids by itself.

    `others` are columns that it has besides, and `skipped` the places of such columns in a file.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    next_id: int | None = None
    others: tuple[str, ...] = ()
    skipped: frozenset[int] = frozenset()

    @property
    def shape(self) -> set[tuple[str, str]]:
        """The name and kind of each column."""
        return {(field.name, str(field.kind)) for field in self.fields}

    def clause(self, connection: Connection, name: str | None = None) -> TableClause:
        """Return the table as statements name it, also while it goes by another name."""
        dialect = connection.dialect
        return table(name or self.name, *(column(one.name, type_of(one, dialect)) for one in self.fields))


@dataclass(frozen=True, slots=True)
class State:
    """Which schema a database has: its migration as Alembic tells it, the number of it, and since when it is there."""

    revision: str
    number: int
    since: datetime | None


def names(connection: Connection) -> set[str]:
    """Return the names of all tables, whoever made them."""
    return set(inspect(connection).get_table_names())


def revision(connection: Connection, versions: str = VERSIONS) -> str | None:
    """Return the migration that the database is at; None where none was ever applied."""
    if versions not in names(connection):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(versions)))


def state(connection: Connection) -> State:
    """Return the schema of a database that is whole; raises NotReady."""
    found = revision(connection)
    if found == UNFINISHED:
        raise NotReady(_l("A restore of this database did not come to its end: run `flask --app run restore` again."))
    if found is None or STATE not in names(connection):
        raise NotReady(_l("The database has no tables of Rollcall yet: run `flask --app run db upgrade` first."))
    rows = select(func.max(column("number", Integer))).select_from(table(STATE))
    first = select(func.min(db.metadata.tables[STATE].c.applied_at))
    return State(found, int(connection.scalar(rows) or 0), connection.scalar(first))


def stored(connection: Connection, wanted: Mapping[str, Collection[str]] | Collection[str]) -> list[Stored]:
    """Return those of these tables that the database has, by name, with all their columns or with those named here."""
    reflected = MetaData()
    reflected.reflect(connection, only=lambda name, _metadata: name in wanted)
    next_ids = _next_ids(connection)
    found = []
    for name in sorted({*wanted} & {*reflected.tables}):
        one, is_json = reflected.tables[name], _json_texts(connection, name)
        asked = {*wanted[name]} if isinstance(wanted, Mapping) else {each.name for each in one.columns}
        columns = [each for each in one.columns if each.name in asked]
        try:
            fields = tuple(field_of(each.name, each.type, each.name in is_json) for each in columns)
        except UnknownKind as error:
            words = _l("The table %(table)s has a column that backups don’t know: %(what)s.", table=name, what=error)
            raise NotReady(words) from error
        key = tuple(each.name for each in one.primary_key)
        others = tuple(each.name for each in one.columns if each.name not in asked)
        found.append(Stored(name, fields, key, next_ids.get(name), others))
    return found


def candidates(connection: Connection) -> set[str]:
    """Return the tables that may be Rollcall's: all but those of Alembic and SQLite."""
    return {name for name in names(connection) if name != VERSIONS and not name.startswith("sqlite_")}


def counts(connection: Connection, wanted: Mapping[str, str] | Sequence[str]) -> dict[str, int]:
    """Return the number of rows of each of these tables, which may go by other names at the moment."""
    called = wanted if isinstance(wanted, Mapping) else {name: name for name in wanted}
    return {
        name: int(connection.scalar(select(func.count()).select_from(table(real))) or 0)
        for name, real in called.items()
    }


def journal_head(connection: Connection, wanted: Collection[str]) -> dict[str, Any] | None:
    """Return position and hash of the last seal; None before there is one."""
    if SEALS not in wanted:
        return None
    seals = table(SEALS, column("position", Integer), column("hash"))
    row = connection.execute(select(seals).order_by(seals.c.position.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def _json_texts(connection: Connection, name: str) -> set[str]:
    """Return the columns that MariaDB calls texts, and checks to be JSON."""
    if connection.dialect.name != "mysql":
        return set()
    quoted = connection.dialect.identifier_preparer.quote(name)
    made = connection.exec_driver_sql(f"SHOW CREATE TABLE {quoted}").one()[1]
    return set(JSON_CHECK.findall(made))


def _next_ids(connection: Connection) -> dict[str, int]:
    """Return the id that each table would give next, of those that remember which they gave."""
    if connection.dialect.name == "sqlite":
        if not connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")):
            return {}
        return {name: seq + 1 for name, seq in connection.execute(text("SELECT name, seq FROM sqlite_sequence"))}
    if connection.dialect.name == "mysql":
        if not getattr(connection.dialect, "is_mariadb", False):  # which would answer with what it knew a day ago
            connection.execute(text("SET SESSION information_schema_stats_expiry = 0"))
        query = (
            "SELECT table_name, auto_increment FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL"
        )
        return {name: int(following) for name, following in connection.execute(text(query))}
    return {name: _following(connection, sequence) for name, (_column, sequence) in sequences(connection).items()}


def sequences(connection: Connection) -> dict[str, tuple[str, str]]:
    """Return column and sequence, as SQL names it, of each table of PostgreSQL that has one."""
    query = (
        "SELECT t.relname, a.attname, quote_ident(n.nspname) || '.' || quote_ident(s.relname) "
        "FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace "
        "JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') "
        "JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid "
        "WHERE s.relkind = 'S' AND t.relnamespace = current_schema()::regnamespace"
    )
    return {name: (of, sequence) for name, of, sequence in connection.execute(text(query))}


def _following(connection: Connection, sequence: str) -> int:
    last, is_called = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608
    return int(last) + int(is_called)
