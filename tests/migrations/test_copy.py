"""A SQLite database that already holds something is copied before it is migrated."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade

from app.core.clock import now
from app.core.database import migration, schema
from app.extensions import db
from tests.applications import application
from tests.migrations.rows import fill
from tests.migrations.test_upgrades import ROOT, environment, scalar


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Flask]:
    """Give an application, inside its context, whose SQLite database is not there yet."""
    with application(f"sqlite:///{tmp_path}/staff.sqlite3", INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        yield app


def copies(folder: Path) -> list[Path]:
    return sorted(folder.glob("*before*"))


def test_fresh_database_is_not_copied(empty: Flask, tmp_path: Path) -> None:
    assert migration.bring_up_to_date(now()) is None
    assert migration.current() == migration.head()
    assert copies(tmp_path) == []


def test_database_that_is_up_to_date_is_not_copied(empty: Flask, tmp_path: Path) -> None:
    upgrade()
    assert migration.bring_up_to_date(now()) is None
    assert copies(tmp_path) == []


def test_older_database_is_copied_whole_before_it_is_migrated(empty: Flask, tmp_path: Path) -> None:
    upgrade()
    fill()
    downgrade()
    older = migration.current()
    (tmp_path / "staff.sqlite3").chmod(0o600)
    # Somebody writes meanwhile: what is committed, also what only the write-ahead log holds, is in the copy.
    with sqlite3.connect(tmp_path / "staff.sqlite3") as other:
        other.execute("UPDATE employees SET notes = 'committed'")
        other.commit()
        copy = migration.bring_up_to_date(now())
    other.close()
    assert copies(tmp_path) == [copy]
    assert copy is not None
    assert copy.stat().st_mode & 0o777 == 0o600
    assert migration.current() == migration.head()
    with application(f"sqlite:///{copy}") as again, again.app_context():
        assert migration.current() == older
        assert scalar("PRAGMA integrity_check") == "ok"
        assert scalar("SELECT notes FROM employees") == "committed"


def start_elsewhere(folder: Path) -> subprocess.Popen[bytes]:
    """Bring the database up to date in another process."""
    words = (
        "from app import create_app; from app.core.clock import now; from config import load_config\n"
        "from app.core.database import migration\n"
        "with create_app(load_config()).app_context(): migration.bring_up_to_date(now())"
    )
    url = f"sqlite:///{folder}/staff.sqlite3"
    return subprocess.Popen([sys.executable, "-c", words], cwd=ROOT, env=environment(url, folder))


def test_two_starts_at_once_make_one_copy_of_the_older_database(empty: Flask, tmp_path: Path) -> None:
    upgrade()
    fill()
    downgrade()
    older = migration.current()
    processes = [start_elsewhere(tmp_path) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert migration.current() == migration.head()
    (copy,) = copies(tmp_path)
    with application(f"sqlite:///{copy}") as again, again.app_context():
        assert migration.current() == older


@pytest.mark.slow
def test_start_beside_a_migration_waits_for_it_and_copies_nothing(empty: Flask, tmp_path: Path) -> None:
    upgrade()
    downgrade()
    with migration.only_one_at_a_time(db.engine):
        second = start_elsewhere(tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(4)
        upgrade()
    assert second.wait(60) == 0
    assert copies(tmp_path) == []


def test_copy_that_was_not_finished_leaves_the_database_as_it_was(
    empty: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade()
    downgrade()
    older = migration.current()
    moment = now()
    # A folder in its place: SQLite can't write the copy.
    (tmp_path / f"staff-before-{moment:%Y%m%d-%H%M%S}.sqlite3").mkdir()
    with pytest.raises(OSError, match="directory"):
        migration.bring_up_to_date(moment)
    assert migration.current() == older


def test_database_newer_than_the_code_is_neither_changed_nor_ready_unless_this_code_may_run_on_it(
    empty: Flask, tmp_path: Path
) -> None:
    upgrade()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
        connection.exec_driver_sql(f"INSERT INTO schema_state VALUES (99, '0099', {schema.HEAD + 1}, '2030-01-01')")
    with pytest.raises(SystemExit):
        upgrade()
    assert migration.current() == "0099"
    assert empty.test_client().get("/readyz").status_code == 503
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE schema_state SET oldest_code = {schema.HEAD} WHERE number = 99")
    assert empty.test_client().get("/readyz").status_code == 200
