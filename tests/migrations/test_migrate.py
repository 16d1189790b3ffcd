"""`flask migrate`: once for all servers, and never so that what runs is shut out unawares."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import current as show_current
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, make_url, text

from app.actions import read_only as read_only_actions
from app.changes import read_only
from app.core.database import migration, schema
from app.core.database.schema import HEAD
from app.extensions import db
from tests.applications import application, migrate
from tests.migrations.future import NEXT, Add, future, seen
from tests.services.plugin import ProxiedDatabase

ROOT = Path(__file__).resolve().parents[2]
NEW_TABLE = 'op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True), **TABLE)'
BREAKS = 'op.execute("INSERT INTO schema_state SELECT * FROM schema_state")'  # as soon as there is a row


def run(app: Flask, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, what it printed, and its one sentence where it failed."""
    done = app.test_cli_runner().invoke(args=["migrate", *arguments])
    sentence = re.search(r"^Error: (.*)", done.stderr, flags=re.MULTILINE)
    return done.exit_code, done.stdout, sentence[1] if sentence else ""


@pytest.fixture
def coming(fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Flask, Add]]:
    """Give a database that is up to date, and a function that adds a migration to come."""
    with future(fresh_database_url, tmp_path, monkeypatch) as (app, add):
        upgrade()
        yield app, add


def test_first_run_migrates_and_says_what_it_did_and_a_second_finds_nothing(
    fresh_database_url: str, tmp_path: Path
) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        code, said, _ = run(app)
        assert code == 0
        assert re.match(rf"Migrated from an empty database to {HEAD:04d} in \d+\.\d seconds\.\n0001 The first", said)
        assert run(app) == (0, f"Nothing to do: the database is at {HEAD:04d}.\n", "")


def test_migration_that_only_adds_lets_the_code_from_before_go_on(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE)
    seen("app1", HEAD)
    code, said, _ = run(app)
    assert code == 0
    assert f"Migrated from {HEAD:04d} to {NEXT} in " in said
    assert f"{NEXT} Something more\n" in said
    assert ("A copy from before is kept at " in said) == (db.engine.dialect.name == "sqlite")
    assert inspect(db.engine).has_table("more")
    assert schema.is_usable()


@pytest.mark.once
def test_migration_that_shuts_out_what_runs_is_refused_unless_downtime_is_meant(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE, oldest_code=HEAD + 1)
    code, said, sentence = run(app)
    assert (code, said) == (1, "")
    assert f"{NEXT} shuts out code older than {HEAD + 1}, and {HEAD} runs now." in sentence
    assert "--with-downtime" in sentence
    assert migration.current() == f"{HEAD:04d}"
    assert run(app, "--with-downtime")[0] == 0
    assert migration.current() == NEXT


ASKS = (
    "from app.changes import read_only",
    "from app.extensions import db",
    "from sqlalchemy import select",
    "with db.engine.connect() as connection:",
    "    found = connection.execute(select(read_only.until(), read_only.why())).one()",
    "assert op.get_context().as_sql or found[0] is not None, found",
    "print(found[1])",
)


def test_migration_that_asks_for_it_keeps_everything_as_it_is_while_it_runs(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(*ASKS, head="read_only = True")
    code, said, _ = run(app, "--with-downtime")
    assert code == 0
    assert f"\n{NEXT} Something more\n" in f"\n{said}"
    assert read_only.state() is None


@pytest.mark.once
def test_it_does_so_whoever_runs_it(coming: tuple[Flask, Add], capsys: pytest.CaptureFixture[str]) -> None:
    _, add = coming
    add(*ASKS, head="read_only = True")
    upgrade()
    assert f"{NEXT} Something more\n" in capsys.readouterr().out
    assert migration.current() == NEXT
    assert read_only.state() is None


@pytest.mark.once
def test_who_only_looks_keeps_nobody_from_changing_something(
    coming: tuple[Flask, Add], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, add = coming
    add(*ASKS, head="read_only = True")
    monkeypatch.setattr(read_only_actions, "_hold", lambda *_: pytest.fail("it is held"))
    show_current()
    assert migration.current() == f"{HEAD:04d}"


@pytest.mark.once
def test_oldest_server_that_was_seen_decides(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE, oldest_code=HEAD)
    seen("gone", HEAD - 2, minutes_ago=10)
    seen("new", HEAD)
    seen("old", HEAD - 1)
    code, _, sentence = run(app)
    assert code == 1
    assert f"and {HEAD - 1} runs now (on old)." in sentence
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM servers WHERE host = 'old'"))
    assert run(app)[0] == 0


@pytest.mark.once
def test_migration_that_does_not_say_who_may_go_on_is_refused(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE, oldest_code=None)
    code, _, sentence = run(app)
    assert code == 1
    assert "does not say which code may run after it" in sentence


def test_failed_migration_is_one_sentence_and_what_ran_goes_on(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE, BREAKS)
    code, said, sentence = run(app)
    assert (code, said) == (1, "")
    assert f"The database is at {HEAD:04d}, as before" in sentence
    assert sentence.endswith(("migrate` again.", "it goes on from there."))
    assert migration.current() == f"{HEAD:04d}"
    assert schema.is_usable()
    assert inspect(db.engine).has_table("more") == (db.engine.dialect.name == "mysql")
    add('op.execute("DROP TABLE IF EXISTS more")', NEW_TABLE)
    db.session.rollback()
    assert run(app)[0] == 0


@pytest.mark.slow
@pytest.mark.once
def test_two_at_once_both_succeed_and_one_migrates(fresh_database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": fresh_database_url, "INSTANCE_PATH": str(tmp_path), "FLASK_CONFIG": "development"}
    command = [sys.executable, "-m", "flask", "--app", "run", "migrate"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, **pipes) for _ in range(2)]
    said = sorted(process.communicate()[0].splitlines()[0] for process in running)
    assert [process.returncode for process in running] == [0, 0]
    assert said[0].startswith("Migrated from an empty database")
    assert said[1] == f"Nothing to do: the database is at {HEAD:04d}."


@pytest.mark.once
def test_database_that_a_newer_version_took_further(coming: tuple[Flask, Add]) -> None:
    app, _ = coming
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
        connection.execute(text(f"INSERT INTO schema_state VALUES (99, '0099', {HEAD}, '2030-01-01 00:00:00')"))
    assert run(app) == (0, "Nothing to do: the database is at 0099.\n", "")
    with db.engine.begin() as connection:
        connection.execute(text(f"UPDATE schema_state SET oldest_code = {HEAD + 1} WHERE number = 99"))
    code, _, sentence = run(app)
    assert code == 1
    assert "migrated by a newer Rollcall" in sentence


def test_migrator_account_is_used_and_named_where_it_is_missing(
    proxied_database: ProxiedDatabase, tmp_path: Path
) -> None:
    server, name = proxied_database.server, proxied_database.name
    account = f"h{name[-6:]}"
    with application(proxied_database.direct_url) as app:
        migrate(app)
    _make_account(proxied_database, account)
    own = server.url(name, account, "p@ss")
    try:
        with application(own, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
            assert run(app)[1] == f"Nothing to do: the database is at {HEAD:04d}.\n"
            with application(proxied_database.direct_url) as admin, admin.app_context():
                downgrade()
            code, _, sentence = run(app)
            assert code == 1
            assert f"The database account “{account}” may not change tables: set MIGRATION_DATABASE_URL" in sentence
        both = {"MIGRATION_DATABASE_URL": proxied_database.direct_url, "INSTANCE_PATH": str(tmp_path)}
        with application(own, **both) as app, app.app_context():
            assert run(app)[0] == 0
            assert migration.current() == f"{HEAD:04d}"
            assert db.engine.url.username == account
    finally:
        _remove_account(proxied_database, account)


def _make_account(database: ProxiedDatabase, account: str) -> None:
    server, name = database.server, database.name
    if server.tier == "MariaDB":
        server.execute(f"CREATE OR REPLACE USER '{account}'@'127.0.0.1' IDENTIFIED BY 'p@ss'")
        server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO '{account}'@'127.0.0.1'")
        return
    server.execute(f"CREATE ROLE {account} LOGIN PASSWORD 'p@ss'")
    server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {account}", name)
    server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)


def _remove_account(database: ProxiedDatabase, account: str) -> None:
    if database.server.tier == "MariaDB":
        database.server.execute(f"DROP USER '{account}'@'127.0.0.1'")
    else:
        database.server.execute(f"DROP OWNED BY {account}", database.name)
        database.server.execute(f"DROP ROLE {account}")


@pytest.mark.once
def test_another_database_is_no_migrator(fresh_database_url: str, tmp_path: Path) -> None:
    other = make_url(fresh_database_url).set(database=f"{make_url(fresh_database_url).database}_other")
    url = other.render_as_string(hide_password=False)
    with application(fresh_database_url, MIGRATION_DATABASE_URL=url, INSTANCE_PATH=str(tmp_path)) as app:
        code, _, sentence = run(app)
    assert code == 1
    assert sentence.startswith("MIGRATION_DATABASE_URL names another database than DATABASE_URL")
