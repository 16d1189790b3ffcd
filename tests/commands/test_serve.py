"""`make run`'s last step, run as real programs on free ports."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest

from app.core.database.schema import HEAD
from tests.commands.serving import ROOT, START, WAIT_SECONDS, Started
from tests.services.process import free_port


def refused(started: Started) -> str:
    """Return the one sentence with which it ended."""
    assert started.process.stdout
    said = started.process.stdout.read()
    code, err = started.end()
    assert (code, said) == (1, ""), err
    (sentence,) = err.splitlines()
    return sentence


def rows(instance: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(instance / "rollcall.sqlite3")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def execute(instance: Path, *statements: str) -> None:
    connection = sqlite3.connect(instance / "rollcall.sqlite3")
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def test_first_start_prints_a_password_once_and_later_ones_keep_everything(start: START, tmp_path: Path) -> None:
    first = start()
    said = first.welcome()
    assert f"http://127.0.0.1:{first.port}\n" in said
    assert re.search(r"Sign in as admin@rollcall\.example with the password \S{16} \(shown only now\)", said)
    assert [first.get(path)[0] for path in ("/healthz", "/readyz", "/login")] == [200, 200, 200]
    assert first.end(signal.SIGINT)[0] == 0
    accounts = rows(tmp_path / "instance", "SELECT id, email, password_hash FROM users")

    second = start()
    said = second.welcome()
    assert "Sign in as admin@rollcall.example, or with any other account." in said
    assert "password" not in said
    assert second.get("/readyz")[0] == 200
    second.end(signal.SIGINT)
    assert rows(tmp_path / "instance", "SELECT id, email, password_hash FROM users") == accounts
    assert not list((tmp_path / "instance").glob("*-before-*"))


def test_administrator_of_the_settings_can_sign_in(start: START) -> None:
    started = start(ADMIN_EMAIL="ana@example.org", ADMIN_PASSWORD="four Words for ana")
    said = started.welcome()
    assert "Sign in as ana@example.org with the password of ADMIN_PASSWORD." in said
    assert "four Words" not in said
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    address = f"http://127.0.0.1:{started.port}"
    page = client.open(f"{address}/login", timeout=WAIT_SECONDS).read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = {"email": "ana@example.org", "password": "four Words for ana", "csrf_token": token[1]}
    answer = client.open(f"{address}/login", urllib.parse.urlencode(form).encode(), timeout=WAIT_SECONDS)
    assert answer.url == f"{address}/admin/"
    assert "four Words" not in started.end(signal.SIGINT)[1]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, *(pytest.param(how, marks=SLOW) for how in (signal.SIGINT, signal.SIGHUP))]
)
def test_it_ends_cleanly_with_a_page_open(start: START, how: signal.Signals) -> None:
    started = start()
    started.welcome()
    visitor = HTTPConnection("127.0.0.1", started.port, timeout=WAIT_SECONDS)  # which browsers keep open
    visitor.request("GET", "/healthz")
    assert visitor.getresponse().read()
    code, err = started.end(how)
    visitor.close()
    assert code == 0
    assert "Traceback" not in err
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", started.port), timeout=WAIT_SECONDS)


def test_only_logs_stand_on_stderr(start: START) -> None:
    started = start(LOG_FORMAT="json")
    started.welcome()
    started.get("/healthz?password=hunter2")
    _, err = started.end(signal.SIGINT)
    assert all(line.startswith("{") for line in err.splitlines())
    assert err.count('"path": "/healthz"') == 1
    assert "hunter2" not in err


def test_taken_port_is_named_with_a_way_out_and_nothing_is_migrated(start: START, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = refused(start(PORT=port))
    assert sentence == (
        f"Error: Port {port} is in use, perhaps by another Rollcall: stop that program, or choose another port with "
        f"PORT={port + 1 if port < 65535 else 5000}."
    )
    assert not (tmp_path / "instance" / "rollcall.sqlite3").exists()


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", *(pytest.param(name, marks=SLOW) for name in ("rollcall.example", "192.0.2.1", "::", "127.0.0.2"))],
)
def test_address_for_others_over_plain_http_is_refused(start: START, host: str) -> None:
    sentence = refused(start(HOST=host))
    assert f"HOST={host} would serve plain http" in sentence
    assert "TRUSTED_PROXIES=1" in sentence
    assert "SSH tunnel" in sentence


def test_address_for_others_is_served_behind_a_proxy(start: START) -> None:
    started = start(HOST="0.0.0.0", TRUSTED_PROXIES=1)
    started.welcome()
    assert started.get("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HOST": "192.0.2.1", "TRUSTED_PROXIES": 1}, "HOST=192.0.2.1 is no address of this machine"),
        pytest.param(
            {"HOST": "no.such.host.invalid", "TRUSTED_PROXIES": 1}, "is no address of this machine", marks=SLOW
        ),
        ({"PORT": "70000"}, "PORT=70000 is no port"),
        pytest.param({"PORT": "0"}, "PORT=0 is no port", marks=SLOW),
        pytest.param({"PORT": "http"}, "PORT is “http”", marks=SLOW),
        pytest.param({"DEMO": "1000001"}, "DEMO=1000001 is too many", marks=SLOW),
        ({"ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD: Use at least 8 characters"),
        pytest.param({"ADMIN_PASSWORD": "password123"}, "ADMIN_PASSWORD: This password is easy to guess", marks=SLOW),
        pytest.param({"ADMIN_EMAIL": "nobody"}, "ADMIN_EMAIL: ", marks=SLOW),
        pytest.param({"FLASK_CONFIG": "staging"}, "FLASK_CONFIG is “staging”", marks=SLOW),
        ({"FLASK_CONFIG": "production"}, "SECRET_KEY is not set"),
    ],
)
def test_setting_that_does_not_work_is_one_sentence(start: START, settings: dict[str, object], words: str) -> None:
    started = start(LOG_FORMAT="json", **settings)
    assert started.process.stdout
    said = started.process.stdout.read()
    code, err = started.end()
    sentences = [line for line in err.splitlines() if not line.startswith("{")]
    assert (code, said, len(sentences)) == (1, "", 1), err
    assert words in sentences[0]


@pytest.mark.slow
def test_demo_organisation_is_made_once_and_completed_after_a_first_run_cut_short(start: START, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    start(DEMO=20).welcome()
    assert rows(instance, "SELECT count(*) FROM employees WHERE number LIKE 'D-000__'") == [(20,)]
    start(DEMO=30).welcome()
    assert rows(instance, "SELECT count(*) FROM employees") == [(20,)]

    execute(instance, "DELETE FROM users")  # the account is made last
    start(DEMO=30).welcome()
    assert rows(instance, "SELECT count(*) FROM employees") == [(30,)]

    execute(instance, "DELETE FROM users", "UPDATE employees SET number = 'E-1', number_key = 'e-1' WHERE id = 1")
    start(DEMO=40).welcome()
    assert rows(instance, "SELECT count(*) FROM employees") == [(30,)]


@pytest.mark.slow
def test_refused_administrator_leaves_a_first_run(start: START, tmp_path: Path) -> None:
    start(ADMIN_PASSWORD="short").end()
    assert rows(tmp_path / "instance", "SELECT count(*) FROM users") == [(0,)]
    assert "shown only now" in start().welcome()


def test_folder_that_can_not_be_written_is_one_sentence(start: START, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    sentence = refused(start(INSTANCE_PATH=tmp_path / "file" / "instance"))
    assert "can't be written" in sentence
    assert "INSTANCE_PATH" in sentence


def test_folder_is_needed_even_where_the_secret_key_is_given(start: START, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    sentence = refused(start(INSTANCE_PATH=tmp_path / "file" / "instance", SECRET_KEY="k" * 40))
    assert "can't be written (Not a directory)" in sentence


@pytest.mark.parametrize("kind", ["mysql", pytest.param("postgresql", marks=SLOW)])
def test_unreachable_server_is_one_sentence(start: START, kind: str) -> None:
    port = free_port()
    sentence = refused(start(DATABASE_URL=f"{kind}://ana:S3cret@127.0.0.1:{port}/rollcall"))
    assert f"The database server at 127.0.0.1:{port} can't be reached" in sentence
    assert "S3cret" not in sentence


def test_older_database_is_migrated_after_a_copy(start: START, tmp_path: Path) -> None:
    start(ADMIN_EMAIL="ana@example.org").welcome()
    instance = tmp_path / "instance"
    environment = {**os.environ, "INSTANCE_PATH": str(instance)}
    command = [sys.executable, "-m", "flask", "--app", "run", "db", "downgrade"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    said = start().welcome()
    (copy,) = instance.glob("rollcall-before-*.sqlite3")
    assert str(copy) in said
    assert rows(instance, "SELECT max(number) FROM schema_state") == [(HEAD,)]
    assert rows(instance, "SELECT email FROM users") == [("ana@example.org",)]


def test_database_of_a_newer_version_is_served_as_long_as_it_takes_this_code(start: START, tmp_path: Path) -> None:
    first = start()
    first.welcome()
    first.end(signal.SIGTERM)
    instance = tmp_path / "instance"
    later = f"INSERT INTO schema_state VALUES ({HEAD + 1}, 'later', {HEAD}, '2030-01-01 00:00:00')"
    execute(instance, "UPDATE alembic_version SET version_num = 'later'", later)
    second = start()
    second.welcome()
    assert second.get("/readyz")[0] == 200
    second.end(signal.SIGTERM)

    execute(instance, f"UPDATE schema_state SET oldest_code = {HEAD + 1} WHERE revision = 'later'")
    assert "migrated by a newer Rollcall (to later)" in refused(start())
