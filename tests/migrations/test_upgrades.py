"""Migrations go up, down and up again with data in every table, and twice at once, on the database of this run."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.ddl.impl import DefaultImpl
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from app.core.database import engine, migration
from app.extensions import db, migrate
from tests.applications import application
from tests.migrations.rows import ROWS, contents, fill
from tests.services.plugin import ProxiedDatabase

ROOT = Path(__file__).resolve().parents[2]
FLASK = [sys.executable, "-m", "flask", "--app", "run", "db"]


@pytest.fixture
def empty(fresh_database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Give an application, inside its context, whose database has no tables."""
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        yield app


def environment(url: str, folder: Path) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": url, "INSTANCE_PATH": str(folder), "FLASK_CONFIG": "development"}


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    found = ScriptDirectory.from_config(migrate.get_config()).walk_revisions()
    return [script.revision for script in found][::-1]


def check(app: Flask) -> None:
    """Assert that the models ask for no other schema than the database has."""
    result = app.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


def scalar(statement: str) -> object:
    with db.engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


def test_empty_database_is_brought_up_to_date_and_needs_no_change(empty: Flask) -> None:
    upgrade()
    assert migration.current() == migration.head()
    assert set(inspect(db.engine).get_table_names()) == {*ROWS, "alembic_version"}
    check(empty)


def test_each_migration_can_be_taken_back_and_redone_with_rows_in_every_table(empty: Flask) -> None:
    upgrade()
    fill()
    for revision, older in zip(revisions()[:0:-1], revisions()[-2::-1], strict=True):
        with db.engine.connect() as connection:
            before = contents(connection)
        downgrade(revision=older)
        assert migration.current() == older
        upgrade(revision=revision)
        with db.engine.connect() as connection:
            assert contents(connection) == before, f"{revision} taken back and redone lost or changed rows"
        downgrade(revision=older)
    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade()
    fill()


def test_each_applied_migration_is_noted_with_the_oldest_code_and_the_moment_in_utc(empty: Flask) -> None:
    upgrade()
    with db.engine.connect() as connection:
        noted = connection.execute(text("SELECT number, revision, oldest_code FROM schema_state ORDER BY number")).all()
    assert [tuple(row[:2]) for row in noted] == [(int(name), name) for name in revisions()]
    assert all(1 <= oldest <= number for number, _, oldest in noted)
    downgrade()
    assert scalar("SELECT MAX(number) FROM schema_state") == len(noted) - 1


def test_own_access_roles_and_those_in_use_survive_a_downgrade(empty: Flask) -> None:
    upgrade()
    fill()
    with db.engine.begin() as connection:  # one that nobody holds yet
        connection.execute(text("INSERT INTO access_roles (name, is_builtin, version) VALUES ('new', FALSE, 1)"))
    downgrade(revision="0001")
    with db.engine.connect() as connection:
        left = connection.execute(text("SELECT name FROM access_roles ORDER BY name")).scalars().all()
        rights = connection.execute(text("SELECT subject FROM grants")).scalars().all()
    assert (left, rights) == (["new", "payroll", "staff"], ["compensation"])


def test_two_upgrades_at_once_both_succeed_and_run_each_migration_once(
    empty: Flask, fresh_database_url: str, tmp_path: Path
) -> None:
    processes = [
        subprocess.Popen(
            [*FLASK, "upgrade"],
            cwd=ROOT,
            env=environment(fresh_database_url, tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    for revision in revisions():
        assert sum(one.count(f"-> {revision},") for one in said) == 1
    assert migration.current() == migration.head()
    assert scalar("SELECT COUNT(*) FROM schema_state") == len(revisions())


def test_second_upgrade_waits_until_the_first_is_done(empty: Flask, fresh_database_url: str, tmp_path: Path) -> None:
    with migration.only_one_at_a_time(db.engine):
        second = subprocess.Popen(
            [*FLASK, "upgrade"],
            cwd=ROOT,
            env=environment(fresh_database_url, tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(5)
        assert inspect(db.engine).get_table_names() == []
    assert second.wait(60) == 0
    assert migration.current() == migration.head()


def test_waiting_for_another_upgrade_ends_with_a_sentence(
    proxied_database: ProxiedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "LOCK_SECONDS", 0)
    with (
        application(proxied_database.direct_url) as app,
        app.app_context(),
        migration.only_one_at_a_time(db.engine),
        pytest.raises(SystemExit, match="Another server"),
    ):
        upgrade()


def test_migration_that_fails_can_be_run_again(empty: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_after("CREATE TABLE users", monkeypatch)
    with pytest.raises(PowerCut):
        upgrade()
    assert migration.current() is None
    monkeypatch.undo()
    upgrade()
    assert migration.current() == migration.head()
    check(empty)


def test_downgrade_that_fails_can_be_run_again(empty: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade()
    drop = "DROP TABLE IF EXISTS" if db.engine.dialect.name == "mysql" else "DROP TABLE"
    fail_after(f"{drop} employees", monkeypatch)
    with pytest.raises(PowerCut):
        downgrade(revision="base")
    monkeypatch.undo()
    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade()


class PowerCut(Exception):
    """What ends an upgrade between two statements."""


def fail_after(beginning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the upgrade break right after the statement that begins like this."""
    run = DefaultImpl._exec

    def exec_and_fail(self: DefaultImpl, construct: Any, *arguments: Any, **options: Any) -> Any:
        done = run(self, construct, *arguments, **options)
        words = construct if isinstance(construct, str) else str(construct.compile(dialect=self.dialect))
        if " ".join(words.split()).startswith(beginning):
            raise PowerCut
        return done

    monkeypatch.setattr(DefaultImpl, "_exec", exec_and_fail)


@pytest.mark.parametrize("statement", ["CREATE TABLE users (name VARCHAR(9))", "CREATE TABLE roles (id INT)"])
def test_tables_that_are_somebody_elses_are_left_alone(empty: Flask, statement: str) -> None:
    table = statement.split()[2]
    with db.engine.begin() as connection:
        connection.execute(text(statement))
        connection.execute(text(f"INSERT INTO {table} VALUES (1)"))
    with pytest.raises(SystemExit, match="name another database in DATABASE_URL"):
        upgrade()
    assert scalar(f"SELECT COUNT(*) FROM {table}") == 1


def test_upgrade_may_take_longer_than_a_page(
    proxied_database: ProxiedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(statement=1))
    sleep = text("SELECT SLEEP(2)" if proxied_database.server.tier == "MariaDB" else "SELECT pg_sleep(2)")
    with application(proxied_database.direct_url) as app, app.app_context():
        with pytest.raises(OperationalError):
            db.session.execute(sleep)
        with migration.only_one_at_a_time(db.engine) as connection:
            connection.execute(sleep)


def test_sqlite_migration_that_breaks_references_is_not_committed(tmp_path: Path) -> None:
    with application(f"sqlite:///{tmp_path}/staff.sqlite3") as app, app.app_context():
        upgrade()
        fill()
        with sqlite3.connect(tmp_path / "staff.sqlite3") as connection:  # which doesn't check references by itself
            connection.execute("DELETE FROM roles")
        connection.close()
        with pytest.raises(SystemExit, match="that are not there"):
            downgrade(revision="0001")
        assert migration.current() == migration.head()
        assert scalar("PRAGMA foreign_keys") == 1
