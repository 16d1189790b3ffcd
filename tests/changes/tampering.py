"""Changing the journal as nobody should: in a transaction that is rolled back, on a database that lets one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Enum, Integer, Table, UniqueConstraint, event, text

from app.changes.verification import Fault, verify
from app.core.columns import UtcDateTime
from app.extensions import db

TABLES = ("change_sets", "segments", "changes", "seals")
QUEUES = ("unsealed", "unarchived")
Row = dict[str, Any]


def kind() -> str:
    """Return the engine: sqlite, mysql (MariaDB, too) or postgresql."""
    return str(db.engine.dialect.name)


def allow_everything() -> None:
    """Take away triggers, foreign keys and checks, as somebody with the database's rights could."""
    db.session.rollback()
    db.engine.dispose()
    off = {"sqlite": ["PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"]}
    off["mysql"] = ["SET foreign_key_checks = 0, check_constraint_checks = 0"]

    @event.listens_for(db.engine, "connect")
    def _allow(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in off.get(kind(), []):
            cursor.execute(statement)
        cursor.close()

    with db.engine.begin() as connection:
        for statement in _without_triggers(connection):
            connection.execute(text(statement))


def _without_triggers(connection: Any) -> list[str]:
    if kind() == "postgresql":
        tables = [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in (*TABLES, *QUEUES)]
        return [*tables, "ALTER TABLE changes DROP CONSTRAINT ck_changes_operation"]
    where = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    }[kind()]
    return [f"DROP TRIGGER {name}" for name in connection.execute(text(where)).scalars()]


@contextmanager
def tampered() -> Iterator[Callable[..., None]]:
    """Give a function that runs plain SQL; all of it is taken back at the end."""
    db.session.rollback()

    def run(statement: str, **values: Any) -> None:
        db.session.connection().execute(text(statement), values)

    try:
        yield run
    finally:
        db.session.rollback()


def found() -> list[Fault]:
    """Return what verification finds, in the same transaction; no row may be named twice."""
    faults = list(verify())
    where = [fault.where for fault in faults]
    assert len(where) == len(set(where)), faults
    return faults


def quoted(name: str) -> str:
    return db.engine.dialect.identifier_preparer.quote(name)


def rows(table: Table) -> list[Row]:
    """Return the rows of a table by key, JSON as the text that it is."""
    names = [
        f"{quoted(column.name)}::text AS {quoted(column.name)}"
        if kind() == "postgresql" and isinstance(column.type, JSON)
        else quoted(column.name)
        for column in table.columns
    ]
    query = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {key_of(table)}"
    found = [dict(row) for row in db.session.connection().execute(text(query)).mappings()]
    db.session.rollback()
    return found


def key_of(table: Table) -> str:
    (key,) = table.primary_key.columns
    return str(key.name)


def alterations(column: Column[Any], value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield what a value may be made into: a word for it, the SQL expression, and the `:value` in that."""
    name = quoted(column.name)
    if value is not None and column.nullable:
        yield "emptied", "NULL", None
    if isinstance(column.type, Integer | Boolean):
        yield "more", f"COALESCE({name}, 0) + :value", FAR if is_key(column) else 1
    elif isinstance(column.type, UtcDateTime):
        yield "another moment", "'2020-02-29 12:00:00.000001'", None
    elif isinstance(column.type, JSON):
        yield from ((word, *_as_json(told)) for word, told in _json(value))
    elif value is None:
        yield "filled", ":value", "x"
    else:
        yield from ((word, ":value", told) for word, told in _words(column, value) if told != value)
    if kind() == "sqlite" and not column.primary_key:
        yield "no text", "CAST(x'e9ff' AS TEXT)", None
        yield "nonsense", ":value", "nonsense"


FAR = 1_000_000
"""Beyond all ids."""


def is_key(column: Column[Any]) -> bool:
    """Say whether no two rows may have the same in this column, or in it and others."""
    uniques = [one for one in column.table.constraints if isinstance(one, UniqueConstraint)]
    return bool(column.primary_key) or any(column.name in one.columns for one in uniques)


def _as_json(told: str) -> tuple[str, str]:
    return ("CAST(:value AS json)" if kind() == "postgresql" else ":value"), told


def _words(column: Column[Any], value: str) -> Iterator[tuple[str, str]]:
    if isinstance(column.type, Enum):
        yield "another choice", next(one for one in column.type.enums if one != value)
        yield "no choice", "undo"
        return
    yield "a byte", f"{chr(ord(value[0]) ^ 1)}{value[1:]}"
    if value.swapcase() != value:
        yield "case", value.swapcase()
    yield "a blank", f"{value[:-1]} "
    yield "nothing", ""


def _json(value: str | None) -> Iterator[tuple[str, str]]:
    if value is None:
        yield "filled", "{}"
        return
    told = json.loads(value)
    yield "something else", json.dumps({**told, "other": 1})
    if told:
        yield "one less", json.dumps(dict(list(told.items())[1:]))
    yield "a blank", f"{value[:-1]} }}"
    yield "null", "null"
    if (plain := json.dumps(told, ensure_ascii=False)) != value:
        yield "other escapes", plain
    if kind() != "postgresql":
        yield "a byte", value[:-1]
