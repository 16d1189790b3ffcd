"""Backups of a whole database, put back as an operator does it: past the application, which learns nothing of it."""

from __future__ import annotations

import sqlite3
from typing import Any, Protocol

from sqlalchemy import Engine, Table, insert, select, text

from app.extensions import db


class Backup(Protocol):
    """What a database held at one moment."""

    def put_back(self) -> None:
        """Let the database hold just that again; nobody may have a transaction open."""


def backup(engine: Engine) -> Backup:
    """Take a backup through an engine that no application uses, whose commits move no token."""
    return _File(engine) if engine.dialect.name == "sqlite" else _Rows(engine)


class _File:
    """All pages of SQLite's file."""

    def __init__(self, engine: Engine) -> None:
        self._path = str(engine.url.database)
        self._kept = sqlite3.connect(":memory:")
        self._copy(self._path, self._kept)

    def put_back(self) -> None:
        there = sqlite3.connect(self._path)
        self._kept.backup(there)
        there.close()

    @staticmethod
    def _copy(path: str, target: sqlite3.Connection) -> None:
        there = sqlite3.connect(path)
        there.backup(target)
        there.close()


class _Rows:
    """The rows of all tables, the tokens' among them; only tables that hold other rows by now are written again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept = self._rows()

    def _rows(self) -> dict[Table, list[dict[str, Any]]]:
        with self._engine.connect() as connection:
            return {
                table: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
                for table in db.metadata.sorted_tables
            }

    def put_back(self) -> None:
        present = self._rows()
        changed = [table for table, rows in self._kept.items() if rows != present[table]]
        is_mysql = self._engine.dialect.name == "mysql"
        unchecked = "SET foreign_key_checks = 0" if is_mysql else "SET LOCAL session_replication_role = replica"
        with self._engine.begin() as connection:
            connection.execute(text(unchecked))
            for table in changed:  # TRUNCATE asks no trigger; on MySQL it is a transaction of its own
                word = "TRUNCATE TABLE" if is_mysql else "DELETE FROM"
                connection.execute(text(f"{word} {table.name}"))
            for table in changed:
                if self._kept[table]:
                    connection.execute(insert(table), self._kept[table])
            if is_mysql:
                connection.execute(text("SET foreign_key_checks = 1"))
