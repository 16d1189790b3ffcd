"""A restore that is refused, fails or is killed: either nothing has happened, or nobody can take it for whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from app.core.backup import ground, migrating
from app.core.backup.restoring import HalfDone, NotMigrated, Occupied, Unclear
from app.core.backup.tables import NotReady
from app.core.database import engine, migration
from app.extensions import db
from tests.applications import application
from tests.commands.test_killed import ROOT
from tests.core.backup.backing import back_up, contents, put_back
from tests.core.backup.conftest import Kept
from tests.sample import act


@pytest.fixture
def fresh(fresh_database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Give an application, inside its context, on an empty database of its own."""
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path / "instance")) as app, app.app_context():
        yield app


def is_ready(app: Flask) -> bool:
    """Say whether /readyz says so."""
    db.session.remove()
    return app.test_client().get("/readyz").status_code == 200


def execute(*statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def commits_by_steps() -> bool:
    return db.engine.dialect.name == "mysql"


def environment(app: Flask, folder: Path) -> dict[str, str]:
    url = db.engine.url.render_as_string(hide_password=False)
    return {"PATH": "/usr/bin:/bin", "DATABASE_URL": url, "INSTANCE_PATH": str(folder), "PYTHONPATH": str(ROOT)}


def test_breaking_off_it_leaves_what_was_there_or_what_nobody_takes_for_whole(
    kept: Kept, holding: Flask, tmp_path: Path
) -> None:
    act("create_department", values={"name": "Of the days since"})
    held = contents()
    with pytest.raises(HalfDone if commits_by_steps() else ZeroDivisionError) as caught:
        put_back(kept.path, progress=fail)
    if commits_by_steps():
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        kill(kept.path, holding, tmp_path)
        look_at_what_is_half_done(holding)
        put_back(kept.path, is_replaced=False)  # there is nothing left that would have to be named
        assert contents() == kept.contents
    else:
        kill(kept.path, holding, tmp_path)
        assert contents() == held
    assert is_ready(holding)


def fail(what: str, _count: int) -> None:
    """Go wrong once most tables are filled."""
    if what == "segments":
        raise ZeroDivisionError


def kill(path: Path, app: Flask, folder: Path) -> None:
    """Restore in another program, which is killed in the middle."""
    db.session.remove()
    killed = subprocess.run(
        [sys.executable, "-m", "tests.core.backup.breaking", str(path)],
        cwd=ROOT,
        env=environment(app, folder),
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def look_at_what_is_half_done(app: Flask) -> None:
    """Nobody serves from it, migrates it, begins in it, or backs it up."""
    assert not is_ready(app)
    assert "employees" not in inspect(db.engine).get_table_names()
    for command in (["db", "upgrade"], ["migrate"], ["serve"]):
        result = app.test_cli_runner().invoke(args=command)
        assert result.exit_code != 0, (command, result.output)
    assert not is_ready(app)
    with pytest.raises(NotReady, match="did not come to its end"):
        back_up(Path(app.instance_path) / "x.backup")


def test_migration_that_fails_in_the_end_leaves_what_was_there_or_what_was_put_back(
    kept: Kept, holding: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    act("create_department", values={"name": "Of the days since"})
    held, targets = contents(), []

    def run(connection: Connection, target: str, *versions: str) -> None:
        targets.append(target)
        if len(targets) > 1:
            raise ZeroDivisionError
        migrate(connection, target, *versions)

    migrate = migrating.run
    monkeypatch.setattr(migrating, "run", run)
    with pytest.raises(NotMigrated if commits_by_steps() else ZeroDivisionError) as caught:
        put_back(kept.path)
    if commits_by_steps():
        assert "run `flask --app run migrate`" in str(caught.value)
    assert contents() == (kept.contents if commits_by_steps() else held)
    assert is_ready(holding)


def test_database_that_holds_something_is_named_and_left_alone(kept: Kept, holding: Flask) -> None:
    held = contents()
    with pytest.raises(Occupied, match=r"\d+ employees, .*set up on 20\d\d-\d\d-\d\d.*`--replace`"):
        put_back(kept.path, is_replaced=False)
    assert contents() == held


@pytest.mark.once
def test_migrated_database_is_an_empty_one_and_tables_of_others_stay(kept: Kept, fresh: Flask) -> None:
    upgrade()
    execute("CREATE TABLE bicycles (id INTEGER NOT NULL PRIMARY KEY)", "INSERT INTO bicycles VALUES (7)")
    put_back(kept.path, is_replaced=False)
    assert contents() == kept.contents
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT id FROM bicycles")) == 7
    assert back_up(Path(fresh.instance_path) / "x.backup").strangers == {"bicycles"}
    execute("DROP TABLE alembic_version")
    with pytest.raises(Occupied, match="no migration of ours made"):
        put_back(kept.path)  # then they are not Rollcall's, for all that anybody can tell
    assert contents() == kept.contents


@pytest.mark.once
def test_database_of_a_newer_version_is_not_emptied_by_one_that_does_not_know_its_tables(
    kept: Kept, spare: Flask
) -> None:
    put_back(kept.path)
    execute(
        "CREATE TABLE of_tomorrow (id INTEGER NOT NULL PRIMARY KEY)",
        "UPDATE alembic_version SET version_num = '9999'",
        "INSERT INTO schema_state VALUES (9999, '9999', 6, '2030-01-01 00:00:00.000000')",
    )
    with pytest.raises(Occupied, match=r"to 9999.*of_tomorrow"):
        put_back(kept.path)
    execute("DROP TABLE of_tomorrow")
    put_back(kept.path)
    assert migration.current() == migration.head()


@pytest.mark.servers
def test_somebody_who_keeps_a_table_is_waited_for_and_then_left_alone(
    kept: Kept, holding: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MIGRATION", engine.Limits(statement=None, lock=1))
    with db.engine.connect() as reader:
        reader.execute(text("SELECT * FROM departments")).all()
        with pytest.raises(OperationalError):
            put_back(kept.path)
    assert contents() == kept.contents
    assert is_ready(holding)
    assert migration.current() == migration.head()


@pytest.mark.servers
def test_killed_before_anything_was_dropped_it_leaves_a_database_that_has_to_be_named_again(
    kept: Kept, holding: Flask
) -> None:
    if not commits_by_steps():
        return
    act("create_department", values={"name": "Of the days since"})
    held = contents()
    with db.engine.connect() as connection:  # all that a restore does before it waits for whoever reads a table
        ground.mark(connection)
    with pytest.raises(Occupied, match="`--replace`"):
        put_back(kept.path, is_replaced=False)
    assert contents() == held
    assert migration.current() == migration.head()
    with db.engine.connect() as connection:
        ground.mark(connection)
    execute("DROP TABLE search_words")
    put_back(kept.path, is_replaced=False)
    assert contents() == kept.contents


@pytest.mark.servers
def test_connection_that_is_lost_before_anything_was_dropped_leaves_all_there(
    kept: Kept, holding: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not commits_by_steps():
        return
    with monkeypatch.context() as losing:
        losing.setattr(ground, "remove", lambda connection, _names: connection.execute(text("KILL CONNECTION_ID()")))
        with pytest.raises(OperationalError):
            put_back(kept.path)
    assert contents() == kept.contents
    assert migration.current() == migration.head()
    with monkeypatch.context() as losing:
        losing.setattr(ground, "remove", lambda connection, _names: connection.execute(text("KILL CONNECTION_ID()")))
        losing.setattr(migration, "_wait_for_lock", once(migration._wait_for_lock))
        with pytest.raises(Unclear):
            put_back(kept.path)
    with pytest.raises(Occupied):
        put_back(kept.path, is_replaced=False)
    assert migration.current() == migration.head()


def once(wait: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """Return what waits for a lock, and the second time finds that the server is gone."""
    waited: list[Connection] = []

    def again(connection: Connection) -> None:
        if waited:
            raise OperationalError("SELECT", None, OSError())
        waited.append(connection)
        wait(connection)

    return again
