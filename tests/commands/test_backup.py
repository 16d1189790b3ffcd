"""`flask backup` and `flask restore`: what they say, what they leave, and what runs beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from app.changes.journal import ChangeSet
from app.commands.migrator import refuse_unfinished
from app.core.backup import dumping
from app.core.backup.tables import UNFINISHED
from app.core.database import migration
from app.core.storage import storage
from app.extensions import db
from tests.actions.archive.archiving import archive
from tests.applications import application, migrate
from tests.commands.serving import ROOT, START, Started
from tests.commands.test_killed import SIGNED_IN, Visitor
from tests.sample import act
from tests.services.server import Server


@pytest.fixture
def installation(fresh_database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Give an installation with one department, inside its context."""
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path / "instance")) as app:
        migrate(app)
        with app.app_context():
            act("create_department", values={"name": "Öffentliches 部"})
            archive()
            yield app


def run(*arguments: object, **settings: str) -> Any:
    """Run a command of the present application, or of one with other settings, and return how it went."""
    from flask import current_app

    db.session.remove()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    before = {name: app.config[name] for name in settings}
    app.config.update(settings)
    try:
        return app.test_cli_runner().invoke(args=[str(one) for one in arguments])
    finally:
        app.config.update(before)


def departments() -> list[str]:
    db.session.rollback()
    with db.engine.connect() as connection:
        return list(connection.execute(text("SELECT name FROM departments ORDER BY id")).scalars())


def test_backup_and_restore_from_end_to_end(installation: Flask, tmp_path: Path) -> None:
    done = run("backup")
    assert done.exit_code == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == tmp_path / "instance" / "backups"
    assert path.stat().st_mode & 0o777 == 0o600
    count = len(list(storage().names()))
    assert f"tables, files: {count}, " in done.stderr
    assert "SECRET_KEY is not in it" in done.stderr
    act("create_department", values={"name": "Later"})
    archive()

    refused = run("restore", path)
    assert refused.exit_code == 1
    assert "it holds 2 departments" in refused.stderr
    assert refused.stderr.endswith("Nothing was changed.\n")
    assert departments() == ["Öffentliches 部", "Later"]

    restored = run("restore", path, "--replace", "--verify")
    assert restored.exit_code == 0, restored.stderr
    assert "is whole:" in restored.stderr
    assert f"Files put back: 0; {count} were there and stay as they are." in restored.stderr
    said = restored.stdout.splitlines()
    assert said[0].startswith("Restored ")
    assert said[2].startswith("Lost: 1 parts of change sets")  # which the archive knows of
    assert said[3] == "The journal is whole, and gives today's tables, and the archive holds it."
    assert departments() == ["Öffentliches 部"]
    assert db.session.query(ChangeSet).filter_by(action="note_restore").count() == 1


def test_what_is_asked_for_is_kept_and_what_is_not_goes(installation: Flask, tmp_path: Path) -> None:
    folder = tmp_path / "away"
    folder.mkdir()
    old = [folder / f"rollcall-2020010{day}-000000.backup" for day in (1, 2, 3)]
    for one in old:
        one.touch()
    done = run("backup", folder, "--keep", "2", "--without-files", "--with-keys")
    assert done.exit_code == 0, done.stderr
    path = Path(done.stdout.strip())
    assert {*folder.iterdir()} == {old[2], path}
    assert f"Removed {old[0]}." in done.stderr
    assert "The files of STORAGE_URL are not in it (as asked for)" in done.stderr
    assert "SECRET_KEY" not in done.stderr
    again = run("backup", path)
    assert again.exit_code == 1
    assert "is there already: choose another name." in again.stderr
    inside = run("backup", tmp_path / "instance" / "storage")
    assert inside.exit_code == 1
    assert "among the files of the store" in inside.stderr
    restored = run("restore", path, "--replace")
    assert "The backup holds no files of the store." in restored.stderr
    assert "Now run `flask --app run journal restored`" in restored.stdout


def test_what_is_not_ours_is_named_and_what_nobody_can_tell_apart_is_left_out_later(
    installation: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE bicycles (id INTEGER NOT NULL PRIMARY KEY)"))
        # What a newer version made of the schema, and this one was brought back on.
        connection.execute(text("INSERT INTO schema_state VALUES (9999, '9999', 6, '2030-01-01 00:00:00.000000')"))
    made = run("backup", tmp_path / "known.backup")
    assert "These tables and columns are not Rollcall’s, and not in it: bicycles." in made.stderr
    with monkeypatch.context() as older:
        older.setattr(dumping, "is_known", lambda _revision: False)
        made = run("backup", tmp_path / "unknown.backup")
    assert "This version can’t tell whose these tables are, so they are in it: bicycles." in made.stderr
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM schema_state WHERE number = 9999"))
    restored = run("restore", tmp_path / "unknown.backup", "--replace")
    assert restored.exit_code == 0, restored.stderr
    assert "does not make these tables and columns, so they are left out: bicycles." in restored.stderr


def test_restore_as_it_was_is_for_the_version_of_then(installation: Flask, tmp_path: Path) -> None:
    downgrade()
    path = Path(run("backup", tmp_path / "x.backup").stdout.strip())
    upgrade()
    refused = run("restore", path, "--replace", "--as-it-was", "--verify")
    assert refused.exit_code == 2
    assert "give one of them" in refused.stderr
    done = run("restore", path, "--replace", "--as-it-was")
    assert done.exit_code == 0, done.stderr
    older = migration.current()
    assert older != migration.head()
    assert (
        f"The database is at migration {older}, as it was. Now, with the version that goes with that: run"
        in done.stdout
    )
    assert departments() == ["Öffentliches 部"]


def test_backup_of_read_only_mode_is_restored_and_says_how_to_end_it(installation: Flask, tmp_path: Path) -> None:
    assert run("read-only", "on", "--reason", "New disks").exit_code == 0
    path = Path(run("backup", tmp_path / "x.backup").stdout.strip())
    run("read-only", "off")
    act("create_department", values={"name": "Later"})
    archive()
    restored = run("restore", path, "--replace", "--verify")
    assert restored.exit_code == 0, restored.stderr
    assert "Read-only is on: New disks. `flask --app run read-only off` ends it." in restored.stdout
    assert "Lost: " in restored.stdout


def test_what_is_written_after_the_database_fails_in_a_sentence(installation: Flask, tmp_path: Path) -> None:
    path = Path(run("backup", tmp_path / "x.backup", "--with-keys").stdout.strip())
    key = tmp_path / "instance" / "secret_key"
    key.unlink(missing_ok=True)
    key.mkdir()  # which can't be read, nor a file put into its place
    failed = run("restore", path, "--replace")
    assert failed.exit_code == 1
    assert f"The database is restored, but not everything else: {key} can’t be" in failed.stderr
    assert "Traceback" not in failed.output


def test_key_that_is_not_the_one_in_force_is_told(installation: Flask, tmp_path: Path) -> None:
    key = tmp_path / "instance" / "secret_key"
    key.parent.mkdir(exist_ok=True)
    key.write_text("left behind")
    made = run("backup", tmp_path / "stale.backup")
    assert "SECRET_KEY is not in it, as it comes from a setting (the secret_key of the instance folder" in made.stderr
    key.write_text(f"{installation.config['SECRET_KEY']}\n")
    assert "SECRET_KEY" not in run("backup", tmp_path / "own.backup").stderr


def test_bucket_is_left_to_its_own_backup_unless_asked_for(s3_url: str, tmp_path: Path) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "STORAGE_URL": s3_url}
    with application(f"sqlite:///{tmp_path / 'x.sqlite3'}", **settings) as app, app.app_context():
        migrate(app)
        archive()
        without = run("backup", tmp_path / "without.backup")
        assert "not in it (S3 keeps versions of its own" in without.stderr
        with_them = run("backup", tmp_path / "with.backup", "--files")
        count = len(list(storage().names()))
        assert count
        assert f"tables, files: {count:,}, " in with_them.stderr
        for name in list(storage().names()):
            storage().delete(name)
        restored = run("restore", tmp_path / "with.backup", "--replace", "--verify")
        assert restored.exit_code == 0, restored.stderr
        assert f"Files put back: {count:,}; 0 were there" in restored.stderr


def test_damaged_file_and_wrong_place_are_sentences_and_nothing_is_changed(installation: Flask, tmp_path: Path) -> None:
    path = Path(run("backup", tmp_path / "x.backup").stdout.strip())
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    for file in (path, tmp_path / "missing.backup", ROOT / "README.md"):
        failed = run("restore", file, "--replace")
        assert failed.exit_code == 1
        assert str(file) in failed.stderr
        assert failed.stderr.endswith("Nothing was changed.\n")
    assert departments() == ["Öffentliches 部"]
    failed = run("backup", "/proc/nowhere/x.backup")
    assert failed.exit_code == 1
    assert "can’t be written" in failed.stderr


def test_database_that_was_never_migrated_is_a_sentence(tmp_path: Path) -> None:
    with application(f"sqlite:///{tmp_path / 'x.sqlite3'}", INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        failed = run("backup", tmp_path / "x.backup")
    assert failed.exit_code == 1
    assert "no tables of Rollcall yet" in failed.stderr
    assert not (tmp_path / "x.backup").exists()


def flask(server: Started, *command: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "flask", "--app", "run", *map(str, command)]
    return subprocess.run(words, cwd=ROOT, env=server.environment, capture_output=True, text=True)


@pytest.mark.slow
def test_people_work_on_while_it_is_backed_up_and_see_what_was_put_back_under_them(
    start: START, tmp_path: Path
) -> None:
    server = start(**SIGNED_IN, DEMO=12)
    server.welcome()
    visitor = Visitor(server)
    visitor.post("/admin/departments/new/", name="Before")
    assert "Before" in visitor.get("/admin/departments/")
    made = flask(server, "backup")
    assert made.returncode == 0, made.stderr
    visitor.post("/admin/departments/new/", name="Afterwards")
    assert "Afterwards" in visitor.get("/admin/departments/")
    restored = flask(server, "restore", made.stdout.strip(), "--replace")
    assert restored.returncode == 0, restored.stderr
    page = visitor.get("/admin/departments/")  # with the same cookie, on the same connections
    assert "Before" in page
    assert "Afterwards" not in page
    visitor.post("/admin/departments/new/", name="Since")
    assert "Since" in visitor.get("/admin/departments/")
    assert server.get("/readyz")[0] == 200


@pytest.fixture
def accounts(installation: Flask, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Give URLs of the database: for an account that changes rows, one that may do all, and wrong passwords."""
    url = db.engine.url
    tier = {"mysql": "MariaDB", "postgresql": "PostgreSQL"}[url.get_backend_name()]
    server: Server = request.getfixturevalue(f"{tier.lower()}_server")
    name = f"app_{url.database}"
    make, drop = GRANTS[tier]
    for statement in make:
        server.execute(statement.format(name=name, database=url.database), url.database)
    mine = url.set(username=name, password="p@ss")
    found = {"app": mine, "migrator": url, "wrong": mine.set(password="other"), "wrong migrator": url.set(password="x")}
    yield {key: one.render_as_string(hide_password=False) for key, one in found.items()}
    for statement in drop:
        server.execute(statement.format(name=name, database=url.database), url.database)


GRANTS = {
    "MariaDB": (
        [
            "CREATE USER `{name}`@`%` IDENTIFIED BY 'p@ss'",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON `{database}`.* TO `{name}`@`%`",
        ],
        ["DROP USER `{name}`@`%`"],
    ),
    "PostgreSQL": (
        [
            "CREATE ROLE \"{name}\" LOGIN PASSWORD 'p@ss'",
            'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{name}"',
            'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{name}"',
            'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{name}"',
            'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO "{name}"',
        ],
        ['DROP OWNED BY "{name}"', 'DROP ROLE "{name}"'],
    ),
}


@pytest.mark.everywhere
@pytest.mark.servers
def test_application_account_backs_up_and_only_the_migrator_restores(accounts: dict[str, str], tmp_path: Path) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path / "app")}
    own = {"DATABASE_URL": accounts["app"], "MIGRATION_DATABASE_URL": accounts["app"]}
    with application(accounts["app"], **settings) as app, app.app_context():
        path = tmp_path / "x.backup"
        made = run("backup", path, **own)
        assert made.exit_code == 0, made.stderr
        wrong = run("backup", tmp_path / "y.backup", DATABASE_URL=accounts["wrong"])
        assert wrong.exit_code == 1
        assert "refuses the user" in wrong.stderr
        assert not (tmp_path / "y.backup").exists()
        act("create_department", values={"name": "Later"})
        for migrator, words in (("app", "does not let the user"), ("wrong migrator", "in MIGRATION_DATABASE_URL")):
            failed = run("restore", path, "--replace", **own | {"MIGRATION_DATABASE_URL": accounts[migrator]})
            assert failed.exit_code == 1
            assert words in failed.stderr
            assert failed.stderr.endswith("Nothing was changed.\n")
        assert departments() == ["Öffentliches 部", "Later"]
        done = run("restore", path, "--replace", **own | {"MIGRATION_DATABASE_URL": accounts["migrator"]})
        assert done.exit_code == 0, done.stderr
        assert departments() == ["Öffentliches 部"]
        act("create_department", values={"name": "With its own account"})
        with pytest.raises(DBAPIError), db.engine.begin() as connection:
            connection.execute(text("DROP TABLE departments"))
    assert make_url(accounts["app"]).database


def test_what_a_restore_left_in_its_middle_is_neither_served_nor_migrated() -> None:
    with pytest.raises(click.ClickException, match="run `flask --app run restore` again"):
        refuse_unfinished(UNFINISHED)
    refuse_unfinished("0007")
    refuse_unfinished(None)
