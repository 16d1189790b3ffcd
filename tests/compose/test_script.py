"""scripts/compose, with a stand-in for the commands that it runs; it copies itself into a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import config

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/bin/sh
printf '%s|%s|%s\\n' "$(basename "$0") $*" "$COMPOSE_PROFILES" "$DATABASE_VOLUME" >>"$LOG"
case "$1 $*" in
"ps "*) printf '%s\\n' 'app Up 1 second (healthy)' 'migrate Exited (0) 1 second ago' ;;
*"compose "*create-admin*) echo /sign-in/token ;;
*"compose "*"python -c"*) exit "${ACCOUNTS:-3}" ;;
esac
exit 0
"""
"""Compose is asked through `docker compose`, so one stand-in does for both."""
COMMITTED = ("README.md", ".gitignore")


class Installation:
    """A copy of what scripts/compose needs, and what it had its commands do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "deploy/compose/secrets"
        self.log = folder / "log"
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/compose", folder / "scripts")
        shutil.copy(ROOT / "compose.yaml", folder)
        shutil.copytree(ROOT / "deploy/compose", folder / "deploy/compose", ignore=_own)
        (folder / "bin").mkdir()
        (folder / "bin/docker").write_text(STAND_IN)
        (folder / "bin/docker").chmod(0o755)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        known = {"PATH": path, "LOG": str(self.log), "TAG": "v1", "HOME": str(self.folder)}
        script = str(self.folder / "scripts/compose")
        return subprocess.run([script, *words], env=known | environment, capture_output=True, text=True)

    def read(self, name: str) -> str:
        """Return what a secret holds."""
        return (self.secrets / name).read_text()


def _own(folder: str, names: list[str]) -> set[str]:
    """Name what an installation in this very checkout keeps for itself."""
    of_secrets = set(names) - set(COMMITTED) if Path(folder).name == "secrets" else set()
    return of_secrets | {"env"}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Give a fresh copy, nothing started yet."""
    return Installation(tmp_path)


def test_the_first_start_makes_secrets_and_an_administrator(installation: Installation) -> None:
    done = installation.run("up", ADMIN_EMAIL="ana@example.com", HTTP_PORT="8085")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "http://127.0.0.1:8085/sign-in/token\n"
    assert "ana@example.com" in done.stderr
    password = installation.read("database_app_password")
    assert len(password) == 48
    assert len(installation.read("secret_key")) == 64
    assert password != installation.read("database_migrator_password")
    for name, scheme in (("database_url", "mysql+pymysql"), ("postgresql_url", "postgresql+psycopg")):
        url = urlsplit(installation.read(name))
        assert (url.scheme, url.username, url.password, url.hostname) == (scheme, "rollcall_app", password, "database")
        assert urlsplit(installation.read(f"migration_{name}")).username == "rollcall_migrator"
    assert installation.read("redis_auth") == f"requirepass {urlsplit(installation.read('redis_url')).password}\n"


def test_the_application_takes_the_settings_that_were_made(installation: Installation) -> None:
    assert installation.run("up", COMPOSE_PROFILES="s3").returncode == 0
    names = (
        "secret_key",
        "database_url",
        "migration_database_url",
        "redis_url",
        "storage_url",
        "mail_url",
        "metrics_token",
    )
    files = {f"{name.upper()}_FILE": str(installation.secrets / name) for name in names}
    found = config.load_config("production", environ={**files, "INSTANCE_PATH": str(installation.folder)})
    assert found["MAIL_URL"].startswith("file:///"), "an empty file counts as not set"
    key, secret = installation.read("storage_access_key"), installation.read("storage_secret_key")
    assert found["STORAGE_URL"] == f"s3://{key}:{secret}@rollcall?endpoint_url=http://storage:9000&region=us-east-1"


def test_only_the_owner_gets_to_the_secrets_and_containers_can_read_them(installation: Installation) -> None:
    installation.secrets.chmod(0o755)
    (installation.secrets / "tls_key").write_text("of somebody who was careful")
    (installation.secrets / "tls_key").chmod(0o600)
    installation.run("up")
    assert installation.secrets.stat().st_mode & 0o777 == 0o700
    modes = {path.stat().st_mode & 0o777 for path in installation.secrets.iterdir() if "." not in path.name}
    assert modes == {0o444}


def test_a_second_start_changes_no_secret_and_makes_nobody(installation: Installation) -> None:
    installation.run("up")
    before = {path.name: path.read_text() for path in installation.secrets.iterdir()}
    done = installation.run("up", ACCOUNTS="0")
    assert done.stdout == ""
    assert "Sign in with your account" in done.stderr
    assert {path.name: path.read_text() for path in installation.secrets.iterdir()} == before
    assert installation.log.read_text().count("create-admin") == 1


def test_what_was_chosen_first_holds_later(installation: Installation) -> None:
    installation.run("up", COMPOSE_PROFILES="postgresql")
    installation.log.write_text("")
    installation.run("up")
    started = next(line for line in installation.log.read_text().splitlines() if " up -d" in line)
    assert "-f deploy/compose/postgresql.yaml" in started
    assert started.endswith("|postgresql|mariadb")


def test_mysql_gets_a_volume_of_its_own(installation: Installation) -> None:
    installation.run("up", DATABASE_IMAGE="mysql:8.4")
    assert "||mysql" in installation.log.read_text()


def test_the_environment_wins_over_the_file(installation: Installation) -> None:
    (installation.folder / "deploy/compose/env").write_text("# mine\n\nADMIN_EMAIL=a@example.com\nHTTP_PORT=81\n")
    done = installation.run("up", ADMIN_EMAIL="b@example.com", PUBLIC_URL="")
    assert "b@example.com" in done.stderr
    assert done.stdout.startswith("http://127.0.0.1:81/")


def test_a_line_that_is_no_setting_is_told(installation: Installation) -> None:
    (installation.folder / "deploy/compose/env").write_text("HTTP_PORT: 81\n")
    done = installation.run("up")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "deploy/compose/env has a line that is no NAME=value: HTTP_PORT: 81"


def test_stopping_keeps_data(installation: Installation) -> None:
    installation.run("up")
    done = installation.run("down")
    assert done.returncode == 0
    stopped = installation.log.read_text().splitlines()[-1]
    assert " down" in stopped
    assert "-v" not in stopped.split("|")[0].split()


def test_any_other_command_goes_to_compose(installation: Installation) -> None:
    installation.run("logs", "-f", "app")
    assert " logs -f app|" in installation.log.read_text()


def test_without_compose_there_is_one_sentence(installation: Installation) -> None:
    tools = installation.folder / "bin"
    (tools / "docker").unlink()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    script = str(installation.folder / "scripts/compose")
    done = subprocess.run([script, "up"], env={"PATH": str(tools)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Docker Compose is missing: install it")
