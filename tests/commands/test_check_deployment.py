"""What `flask check --deploy` says of servers that are replaced one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask_migrate import downgrade

from app.commands.check import check
from app.core.database import migration
from app.core.database.schema import HEAD
from tests.applications import migrate
from tests.commands.test_check import deployed, expected, folder, ids, url
from tests.migrations.future import future, seen
from tests.services.server import Server

__all__ = ["folder", "url"]  # fixtures
BEFORE = ("--deploy", "--before-migration")


def test_database_that_is_behind_is_well_where_the_deployment_migrates_next(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        with app.app_context():
            downgrade(revision="-1")
        assert ids(app, "--deploy") == (expected(url, "R006 error"), 1)
        assert ids(app, *BEFORE) == (expected(url), 0)


def test_empty_database_is_well_before_the_first_migration(fresh_database_url: str, folder: Path) -> None:
    with deployed(fresh_database_url, folder) as app:
        with app.app_context():
            assert migration.current() is None
        if fresh_database_url.startswith("sqlite:///"):
            Path(fresh_database_url.removeprefix("sqlite:///")).chmod(0o600)
        assert ids(app, *BEFORE) == (expected(fresh_database_url), 0)


def test_migration_that_shuts_out_what_runs_is_an_error(
    fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with future(fresh_database_url, tmp_path, monkeypatch) as (app, add):
        migrate(app)
        seen("app1", HEAD)
        assert "R015" not in app.test_cli_runner().invoke(check, BEFORE).stdout
        add("pass", oldest_code=HEAD + 1)
        done = app.test_cli_runner().invoke(check, BEFORE)
        assert f"R015 error: The pending migrations need downtime. {HEAD + 1:04d} shuts out code older" in done.stdout
        assert done.exit_code == 1


@pytest.mark.once
def test_server_that_ends_at_once_behind_a_proxy_is_a_warning(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        app.config["FLASK_CONFIG"] = "production"
        assert ids(app, "--deploy") == (expected(url), 0)
        app.config["DRAIN_SECONDS"] = 0
        assert ids(app, "--deploy") == (expected(url, "R016 warning"), 0)
        app.config["TRUSTED_PROXIES"] = 0
        assert ids(app, "--deploy") == (expected(url, "R003 warning"), 0)


def test_several_servers_with_a_folder_each_are_a_warning(url: str, folder: Path) -> None:
    with deployed(url, folder) as app:
        with app.app_context():
            seen("app1", HEAD)
            seen("gone", HEAD, minutes_ago=10)
            assert ids(app, "--deploy") == (expected(url), 0)
            seen("app2", HEAD)
        assert ids(app, "--deploy") == (expected(url, "R017 warning"), 0)
        app.config["STORAGE_URL"] = "s3://bucket/prefix"
        assert ids(app, "--deploy") == (expected(url), 0)


def test_key_that_one_machine_made_is_a_warning_beside_a_database_server(mariadb_server: Server, folder: Path) -> None:
    mariadb_server.drop_database("check_key")
    with deployed(mariadb_server.create_database("check_key"), folder) as app:
        migrate(app)
        made = folder / "secret_key"
        made.write_text(app.config["SECRET_KEY"])
        made.chmod(0o600)
        assert ids(app, "--deploy") == (["R010 warning", "R018 warning"], 0)
        made.write_text("another one")
        assert ids(app, "--deploy") == (["R010 warning"], 0)
    mariadb_server.drop_database("check_key")
