from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import insert, text

from app.commands.check import check
from app.core.clock import now
from app.core.database.schema import HEAD, SchemaState
from app.extensions import db
from tests.applications import application, migrate
from tests.core.querycache.stores import unhurried
from tests.services.process import free_port
from tests.services.server import Server
from tests.writing import commit

ROOT = Path(__file__).parents[2]
GOOD_KEY = "0123456789abcdef" * 4


@contextmanager
def deployed(url: str, folder: Path, **settings: Any) -> Iterator[Flask]:
    """Give an application as it should be deployed, but for what `settings` say."""
    good = {
        "SECRET_KEY": GOOD_KEY,
        "TRUSTED_PROXIES": "1",
        "PUBLIC_URL": "https://hr.x.example",
        "MAIL_URL": "smtp://x",
        "DRAIN_SECONDS": "10",
    }
    settings = {"INSTANCE_PATH": folder, **good, **settings}
    with application(url, **settings) as app:
        yield app


def ids(app: Flask, *arguments: str) -> tuple[list[str], int]:
    """Return the findings as “R001 error”, and the exit code."""
    done = app.test_cli_runner().invoke(check, arguments)
    found = [re.fullmatch(r"(R\d{3} (?:error|warning)): \S.*[.)]", line) for line in done.stdout.splitlines()]
    assert all(found), done.stdout
    return [match[1] for match in found if match], done.exit_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "instance").mkdir()
    return tmp_path / "instance"


@pytest.fixture
def url(fresh_database_url: str, folder: Path) -> str:
    """Return the URL of a migrated database that nobody else may read."""
    with deployed(fresh_database_url, folder) as app:
        migrate(app)
    if fresh_database_url.startswith("sqlite:///"):
        Path(fresh_database_url.removeprefix("sqlite:///")).chmod(0o600)
    return fresh_database_url


def expected(url: str, *found: str) -> list[str]:
    """Return the findings, and those that the database of the tests always has under `--deploy`."""
    # SQLite is for one machine; the servers' account of these tests may do everything.
    return sorted([*found, "R009 warning" if url.startswith("sqlite") else "R010 warning"])


def test_nothing_is_found_where_all_is_well(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        done = app.test_cli_runner().invoke(check)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Nothing found.\n")
        assert ids(app, "--deploy") == (expected(url), 0)


@pytest.mark.parametrize("key", ["k" * 64, "0123456789abcdef", "change-me"])
def test_guessable_secret_key_is_an_error(url: str, folder: Path, key: str) -> None:
    with deployed(url, folder, SECRET_KEY=key) as app:
        assert ids(app, "--deploy") == (expected(url, "R001 error"), 1)
        assert ids(app) == ([], 0)


def test_debugging_is_an_error(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(url, folder) as app:
        app.config["FLASK_CONFIG"] = "development"
        assert ids(app, "--deploy") == (expected(url, "R002 error"), 1)
        app.config["FLASK_CONFIG"] = "production"
        assert ids(app, "--deploy") == (expected(url), 0)
        monkeypatch.setenv("FLASK_DEBUG", "1")  # what `flask --debug` sets
        assert ids(app, "--deploy") == (expected(url, "R002 error"), 1)


def test_cookie_that_scripts_can_read_is_an_error(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        app.config["SESSION_COOKIE_HTTPONLY"] = False
        assert ids(app, "--deploy") == (expected(url, "R003 error"), 1)


def test_plain_http_is_a_warning(url: str, folder: Path) -> None:
    with deployed(url, folder, TRUSTED_PROXIES="0") as app:
        assert ids(app, "--deploy") == (expected(url, "R003 warning"), 0)


def test_trusted_proxy_before_an_open_port_is_a_warning(url: str, folder: Path) -> None:
    with deployed(url, folder, HOST="0.0.0.0") as app:
        assert ids(app, "--deploy") == (expected(url, "R004 warning"), 0)


def test_links_that_lead_past_the_proxy_are_a_warning(url: str, folder: Path) -> None:
    for public_url in ("", "http://hr.x.example"):
        with deployed(url, folder, PUBLIC_URL=public_url) as app:
            assert ids(app, "--deploy") == (expected(url, "R012 warning"), 0)
            assert ids(app) == ([], 0)


def test_messages_that_reach_nobody_are_a_warning(url: str, folder: Path) -> None:
    with deployed(url, folder, MAIL_URL="") as app:
        assert ids(app, "--deploy") == (expected(url, "R013 warning"), 0)
        assert ids(app) == ([], 0)


def test_database_that_is_behind_is_an_error(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        with app.app_context():
            downgrade(revision="-1")
        assert ids(app) == (["R006 error"], 1)


def test_empty_database_is_an_error(fresh_database_url: str, folder: Path) -> None:
    with deployed(fresh_database_url, folder) as app:
        found, code = ids(app)
        assert "R006 error" in found
        assert code == 1


@pytest.mark.parametrize(("oldest_code", "found"), [(HEAD, (["R006 warning"], 0)), (HEAD + 1, (["R006 error"], 1))])
def test_newer_database_is_a_warning_as_long_as_it_takes_this_code(
    url: str, folder: Path, oldest_code: int, found: tuple[list[str], int]
) -> None:
    with deployed(url, folder) as app:
        with app.app_context():
            later = {"number": HEAD + 1, "revision": "later", "oldest_code": oldest_code, "applied_at": now()}
            db.session.execute(insert(SchemaState).values(later))
            db.session.execute(text("UPDATE alembic_version SET version_num = 'later'"))
            commit()
        assert ids(app) == found


@pytest.mark.parametrize(("name", "level"), [("secret_key", "error"), ("config.py", "error")])
def test_secret_file_that_others_may_read_is_an_error(url: str, folder: Path, name: str, level: str) -> None:
    with deployed(url, folder) as app:
        (folder / name).write_text("")
        for mode, found in ((0o600, ([], 0)), (0o640, ([f"R008 {level}"], 1)), (0o604, ([f"R008 {level}"], 1))):
            (folder / name).chmod(mode)
            assert ids(app) == found


def test_database_file_that_others_may_read_is_a_warning(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "open.sqlite3"
    with deployed(f"sqlite:///{path}", folder) as app:
        migrate(app)
        path.chmod(0o644)
        assert ids(app) == (["R008 warning"], 0)


def test_missing_folder_is_an_error(url: str, folder: Path) -> None:
    folder.rmdir()
    with deployed(url, folder) as app:
        assert ids(app) == (["R008 error"], 1)


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_unreachable_database_is_an_error(folder: Path, kind: str) -> None:
    with deployed(f"{kind}://ana:S3cret@127.0.0.1:{free_port()}/rollcall", folder) as app:
        done = app.test_cli_runner().invoke(check)
        assert done.exit_code == 1
        assert done.stdout.startswith("R011 error: The database server at 127.0.0.1:")
        assert "S3cret" not in done.output


def test_clock_that_is_off_is_an_error(mariadb_server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server_finds_clock_off(mariadb_server, folder, monkeypatch)


def test_clock_that_is_off_is_an_error_on_postgresql(
    postgresql_server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_finds_clock_off(postgresql_server, folder, monkeypatch)


def server_finds_clock_off(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move our own clock, which the server's is compared with."""
    with new_database(server, "clock") as url, deployed(url, folder) as app:
        migrate(app)
        assert ids(app) == ([], 0)
        for seconds, found in ((60, ["R007 error"]), (-60, ["R007 error"]), (2, [])):
            monkeypatch.setattr(
                import_module("app.core.database.server"),
                "now",
                lambda seconds=seconds: now() + timedelta(seconds=seconds),
            )
            assert ids(app)[0] == found


def test_narrow_character_set_of_database_or_table_is_an_error(mariadb_server: Server, folder: Path) -> None:
    with new_database(mariadb_server, "charset") as url, deployed(url, folder) as app:
        migrate(app)
        name = url.rpartition("/")[2]
        mariadb_server.execute("CREATE TABLE narrow (id INTEGER PRIMARY KEY) CHARACTER SET latin1", name)
        done = app.test_cli_runner().invoke(check)
        assert "R005 error: The character set of the tables narrow is not utf8mb4" in done.stdout
        mariadb_server.execute("DROP TABLE narrow", name)
        mariadb_server.execute(f"ALTER DATABASE `{name}` CHARACTER SET latin1")
        assert ids(app) == (["R005 error"], 1)


def test_narrow_encoding_is_an_error_on_postgresql(postgresql_server: Server, folder: Path) -> None:
    name = "check_narrow"
    create = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    postgresql_server.drop_database(name)
    postgresql_server.execute(create)
    with deployed(postgresql_server.admin_url(name), folder) as app:
        migrate(app)
        assert ids(app) == (["R005 error"], 1)
    postgresql_server.drop_database(name)


def test_account_that_only_reads_and_writes_rows_is_well_on_mariadb(mariadb_server: Server, folder: Path) -> None:
    with new_database(mariadb_server, "rights_of") as url:
        name = url.rpartition("/")[2]
        with deployed(url, folder) as app:
            migrate(app)
            assert ids(app, "--deploy") == (["R010 warning"], 0)
        on = name.replace("_", "\\_")  # as the bootstrap script writes it
        mariadb_server.execute("CREATE OR REPLACE USER 'check_app'@'127.0.0.1' IDENTIFIED BY 'p@ss'")
        mariadb_server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{on}`.* TO 'check_app'@'127.0.0.1'")
        with deployed(mariadb_server.url(name, "check_app", "p@ss"), folder) as app:
            assert ids(app, "--deploy") == ([], 0)
        mariadb_server.execute(f"GRANT ALTER ON `{on}`.* TO 'check_app'@'127.0.0.1'")
        with deployed(mariadb_server.url(name, "check_app", "p@ss"), folder) as app:
            assert ids(app, "--deploy") == (["R010 warning"], 0)
        mariadb_server.execute("DROP USER 'check_app'@'127.0.0.1'")


def test_account_that_only_reads_and_writes_rows_is_well_on_postgresql(postgresql_server: Server, folder: Path) -> None:
    with new_database(postgresql_server, "rights") as url:
        name = url.rpartition("/")[2]
        with deployed(url, folder) as app:
            migrate(app)
            assert ids(app, "--deploy") == (["R010 warning"], 0)
        postgresql_server.execute("DROP ROLE IF EXISTS check_app")
        postgresql_server.execute("CREATE ROLE check_app LOGIN PASSWORD 'p@ss'")
        postgresql_server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO check_app", name)
        with deployed(postgresql_server.url(name, "check_app", "p@ss"), folder) as app:
            assert ids(app, "--deploy") == ([], 0)
        postgresql_server.execute("DROP OWNED BY check_app", name)
        postgresql_server.execute("DROP ROLE check_app")


@contextmanager
def new_database(server: Server, name: str) -> Iterator[str]:
    name = f"check_{name}"
    server.drop_database(name)
    yield server.create_database(name)
    server.drop_database(name)


@pytest.mark.once
def test_redis_is_looked_at_where_there_is_one(url: str, folder: Path, redis_url: str) -> None:
    with deployed(url, folder, REDIS_URL=redis_url) as app, unhurried():
        assert ids(app) == ([], 0)
        app.extensions["querycache"].store.backend.reconnect()
    with deployed(url, folder, REDIS_URL=f"redis://:S3cret@127.0.0.1:{free_port()}/0") as app:
        done = app.test_cli_runner().invoke(check)
        assert done.stdout.startswith("R014 warning: Redis is of no use at the moment, it can’t be reached: pages are")
        assert "S3cret" not in done.output
        assert done.exit_code == 0


def test_each_id_is_explained_in_the_operators_guide() -> None:
    code = set(re.findall(r'"(R\d{3})"', (ROOT / "app" / "commands" / "check.py").read_text(encoding="utf-8")))
    guide = set(re.findall(r"^\| (R\d{3}) \|", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.M))
    assert code == guide
