"""What the migrations made is what the models say, also where Alembic's own comparison doesn't look."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import CheckConstraint, Column, Table, inspect, text

from app.changes.tracking import KNOWINGLY, Tracked
from app.extensions import db

TABLES = sorted(db.metadata.tables)


def named(constraints: list[Any]) -> set[str]:
    """Return the names that the database gives, without keys that an engine makes by itself."""
    return {str(one["name"]) for one in constraints if one["name"]}


def columns_in(table: Table, collation: str) -> set[str]:
    """Return the columns that the models keep in a collation of our own."""
    return {column.name for column in table.columns if _collation(column) == collation}


def _collation(column: Column[Any]) -> str | None:
    return getattr(column.type.dialect_impl(db.engine.dialect), "collation", None)


@pytest.mark.parametrize("name", TABLES)
def test_database_has_the_constraints_and_indexes_of_the_model_under_their_names(context: Flask, name: str) -> None:
    table, inspector = db.metadata.tables[name], inspect(db.engine)
    checks = {
        str(db.engine.dialect.identifier_preparer.format_constraint(one))
        for one in table.constraints
        if isinstance(one, CheckConstraint)
    }
    # MariaDB itself adds one, named like the column, to a JSON column.
    json = {column.name for column in table.columns if type(column.type).__name__ == "JSON"}
    json = json if db.engine.dialect.name == "mysql" else set()
    assert named(inspector.get_check_constraints(name)) - json == checks
    assert named(inspector.get_foreign_keys(name)) == {str(key.name) for key in table.foreign_key_constraints}
    uniques = {str(one.name) for one in table.constraints if type(one).__name__ == "UniqueConstraint"}
    indexes = {str(index.name) for index in table.indexes}
    found = named(inspector.get_unique_constraints(name)) | named(inspector.get_indexes(name))
    assert found - {str(key.name) for key in table.foreign_key_constraints} == uniques | indexes


@pytest.mark.parametrize("name", TABLES)
def test_keys_compare_code_point_by_code_point(context: Flask, name: str) -> None:
    table = db.metadata.tables[name]
    if db.engine.dialect.name == "mysql":
        query = (
            "SELECT column_name, collation_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = :name AND data_type = 'varchar'"
        )
        wanted = columns_in(table, "utf8mb4_bin")
    elif db.engine.dialect.name == "postgresql":
        query = (
            "SELECT column_name, collation_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = :name AND data_type = 'character varying'"
        )
        wanted = columns_in(table, "C")
    else:  # SQLite compares bytes unless told otherwise
        sql = db.session.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": name}).scalar_one()
        assert "COLLATE" not in sql
        return
    found = {row[0]: row[1] for row in db.session.execute(text(query), {"name": name})}
    assert {column for column, collation in found.items() if collation in ("utf8mb4_bin", "C")} == wanted
    assert {column for column in found if column.endswith(("_key", "_hash"))} <= wanted | {"password_hash"}


def test_text_sorts_and_compares_alike_on_every_engine(context: Flask) -> None:
    words = ["Ä", "Z", "a", "e\u0301", "zz", "ß", "é", "ǆ", "山", "田", "😀"]
    with db.engine.begin() as connection:
        connection = connection.execution_options(**{KNOWINGLY: True})
        for word in words:
            row = {"title": word, "title_key": word, "version": 1}
            connection.execute(db.metadata.tables["roles"].insert(), row)
    found = db.session.execute(text("SELECT title_key FROM roles ORDER BY title_key")).scalars().all()
    assert found == sorted(words)
    assert db.session.execute(text("SELECT COUNT(*) FROM roles WHERE title_key = 'A'")).scalar_one() == 0


def test_tables_on_mariadb_are_innodb_in_utf8mb4_with_a_primary_key(context: Flask) -> None:
    for table in db.metadata.tables:
        assert inspect(db.engine).get_pk_constraint(table)["constrained_columns"], table
    if db.engine.dialect.name == "mysql":
        query = (
            "SELECT table_name, engine, character_set_name FROM information_schema.tables JOIN"
            " information_schema.collation_character_set_applicability ON table_collation = full_collation_name"
            " WHERE table_schema = DATABASE() AND table_name <> 'alembic_version'"
        )
        found = {tuple(row) for row in db.session.execute(text(query))}
        assert found == {(name, "InnoDB", "utf8mb4") for name in TABLES}


def test_id_of_a_deleted_row_is_not_given_again(context: Flask) -> None:
    tracked = [mapper.local_table for mapper in db.Model.registry.mappers if issubclass(mapper.class_, Tracked)]
    assert len(tracked) >= 8
    for table in tracked:
        assert table.dialect_kwargs["sqlite_autoincrement"], f"{table.name} would give ids again on SQLite"
    roles = db.metadata.tables["roles"]
    with db.engine.begin() as connection:
        connection = connection.execution_options(**{KNOWINGLY: True})
        first = connection.execute(roles.insert().values(title="a", title_key="a", version=1)).inserted_primary_key
        connection.execute(roles.delete())
        second = connection.execute(roles.insert().values(title="a", title_key="a", version=1)).inserted_primary_key
    assert first is not None
    assert second is not None
    assert second[0] > first[0]
    if db.engine.dialect.name == "sqlite":
        found = db.session.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")).scalars()
        assert set(found) >= {table.name for table in tracked}
