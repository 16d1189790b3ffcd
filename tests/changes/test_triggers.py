"""The database itself keeps the journal as it was written, against whoever writes SQL by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from tests.sample import act
from tests.writing import empty_journal

WORDS = {
    "change_sets": ("action", "source", "request_id"),
    "segments": ("content_hash",),
    "changes": ("entity", "operation", "fields", "digest"),
}
COLLATED = {
    "change_sets": ("action", "source"),
    "segments": (),
    "changes": ("entity", "operation", "fields"),
}
NUMBERS = {
    "change_sets": ("actor_id", "session_id", "undoes_id"),
    "segments": ("change_set_id", "number", "count"),
    "changes": ("segment_id", "row_id", "person_id"),
}
EMPTIED = {"change_sets": ("arguments", "reason", "address"), "changes": ("before", "after", "salt")}
TABLES = list(WORDS)


@pytest.fixture
def written(context: Flask) -> dict[str, int]:
    """Give the ids of the last row in each table of a small journal that has something to lose."""
    empty_journal()
    role = act("create_role", values={"title": "Clerk", "family": "Office"}, reason="as planned")
    act("change_role", role_id=role, version=1, values={"family": None}, reason="as planned")
    db.session.rollback()
    with db.engine.connect() as connection:
        return {table: connection.execute(text(f"SELECT MAX(id) FROM {table}")).scalar_one() for table in TABLES}


def everything() -> dict[str, list[tuple[object, ...]]]:
    with db.engine.connect() as connection:
        return {
            table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))]
            for table in TABLES
        }


def quoted(name: str) -> str:
    return db.engine.dialect.identifier_preparer.quote_identifier(name)


def run(statement: str, **values: object) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(statement), values)


def refuse(statement: str, **values: object) -> None:
    """Expect the database to refuse a statement, and nothing to be other than before."""
    before = everything()
    with pytest.raises(DBAPIError):
        run(statement, **values)
    assert everything() == before, f"{statement} was refused, yet something changed"


@pytest.mark.parametrize("table", TABLES)
def test_rows_can_not_be_deleted(written: dict[str, int], table: str) -> None:
    refuse(f"DELETE FROM {table} WHERE id = :id", id=written[table])
    refuse(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", TABLES)
def test_what_is_not_for_emptying_can_not_be_changed(written: dict[str, int], table: str) -> None:
    def change(name: str, value: str) -> None:
        refuse(f"UPDATE {table} SET {quoted(name)} = {value} WHERE id = :id", id=written[table])

    for name in WORDS[table]:
        change(name, "'x'")
    # What a collation takes for the same text is another one all the same.
    for name in COLLATED[table]:
        longer = f"{quoted(name)} || ' '" if is_sqlite() else f"CONCAT({quoted(name)}, ' ')"
        for value in (f"UPPER({quoted(name)})", longer):
            change(name, value)
    for name in NUMBERS[table]:
        change(name, f"COALESCE({quoted(name)}, 0) + 1")
    change("id", "id + 1000")
    if table != "changes":
        change("at", "'2001-01-01 00:00:00'")


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


@pytest.mark.parametrize("table", EMPTIED)
def test_what_is_for_emptying_takes_nothing_but_emptiness(written: dict[str, int], table: str) -> None:
    for name in EMPTIED[table]:
        other = "'{}'" if name in ("arguments", "before", "after") else "'x'"
        refuse(f"UPDATE {table} SET {quoted(name)} = {other} WHERE id = :id", id=written[table])
    if table == "change_sets":
        refuse("UPDATE change_sets SET reason = UPPER(reason) WHERE id = :id", id=written[table])


@pytest.mark.parametrize("table", EMPTIED)
def test_emptying_is_allowed_and_final(written: dict[str, int], table: str) -> None:
    empty = ", ".join(f"{quoted(name)} = NULL" for name in EMPTIED[table])
    before = everything()
    run(f"UPDATE {table} SET {empty} WHERE id = :id", id=written[table])
    after = everything()
    (row,) = [new for old, new in zip(before[table], after[table], strict=True) if old != new]
    assert row[0] == written[table]
    assert {name: rows for name, rows in after.items() if name != table} == {
        name: rows for name, rows in before.items() if name != table
    }
    run(f"UPDATE {table} SET {empty} WHERE id = :id", id=written[table])
    assert everything() == after
    for name in EMPTIED[table]:
        other = "'{}'" if name in ("arguments", "before", "after") else "'x'"
        refuse(f"UPDATE {table} SET {quoted(name)} = {other} WHERE id = :id", id=written[table])


def test_emptying_carries_no_other_change_along(written: dict[str, int]) -> None:
    refuse("UPDATE changes SET salt = NULL, row_id = row_id + 1 WHERE id = :id", id=written["changes"])
    refuse("UPDATE change_sets SET reason = NULL, action = 'x' WHERE id = :id", id=written["change_sets"])


def test_segments_are_never_changed(written: dict[str, int]) -> None:
    refuse("UPDATE segments SET number = number WHERE id = :id", id=written["segments"])


@pytest.mark.parametrize("table", TABLES)
def test_ways_around_are_closed(written: dict[str, int], table: str) -> None:
    """Each engine has a statement of its own that changes rows without being called so."""
    ways: dict[str, Callable[[], list[str]]] = {
        "sqlite": lambda: [
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
            f"UPDATE OR REPLACE {table} SET id = id + 1",
            f"UPDATE OR IGNORE {table} SET id = -id",
        ],
        "mysql": lambda: [
            f"REPLACE INTO {table} SELECT * FROM {table}",
            f"UPDATE IGNORE {table} SET {quoted(WORDS[table][0])} = 'x'",
            f"DELETE IGNORE FROM {table}",
        ],
        "postgresql": lambda: [
            f"TRUNCATE {table} CASCADE",
            f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET {WORDS[table][0]} = 'x'",
        ],
    }
    for statement in ways[db.engine.dialect.name]():
        refuse(statement)


def test_refusal_says_why(written: dict[str, int]) -> None:
    with pytest.raises(DBAPIError, match="The journal is never changed"):
        run("DELETE FROM changes WHERE id = :id", id=written["changes"])
