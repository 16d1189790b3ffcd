from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import actions
from app.access import gate
from app.access.actor import operator
from app.accounts import sessions
from app.accounts.models import User
from app.actions.registry import Source
from app.core.logs import current_request_id
from app.extensions import db
from app.reading import named
from tests.applications import application, migrate
from tests.writing import write

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    with ExitStack() as stack:

        def make(**settings: Any) -> Flask:
            settings = {"INSTANCE_PATH": tmp_path, "LOG_FORMAT": "json", **settings}
            return stack.enter_context(application(f"sqlite:///{tmp_path / 'logs.sqlite3'}", **settings))

        yield make


def lines(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def answer_with(app: Flask, view: Callable[[], Any]) -> None:
    """Put `view` in the place of a page that strangers may open."""
    app.view_functions["health.alive"] = view
    app.config["PROPAGATE_EXCEPTIONS"] = False


def test_each_request_is_one_line_without_its_query_string(make_app: Callable[..., Flask], capsys: Captured) -> None:
    answer = make_app().test_client().get("/healthz?password=hunter2", headers={"Cookie": "a=hunter3"})
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "rollcall.requests",
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "sql_statements": 0,
        "user_id": None,
        "request_id": answer.headers["X-Request-Id"],
    }


def test_requests_have_different_ids(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    ids = {client.get("/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("proxies", "given", "is_kept"),
    [
        ("0", "abcd-1234.X_y", False),
        ("1", "abcd-1234.X_y", True),
        ("1", "abcd123", False),
        ("1", "a" * 64, True),
        ("1", "a" * 65, False),
        ("1", 'abcd1234"', False),
        ("1", "abcd 1234", False),
        ("1", "äbcd1234", False),
    ],
)
def test_id_is_taken_over_from_a_trusted_proxy_only_and_harmless_only(
    make_app: Callable[..., Flask], proxies: str, given: str, is_kept: bool
) -> None:
    client = make_app(TRUSTED_PROXIES=proxies).test_client()
    sent = client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert (sent == given) == is_kept


def test_view_knows_the_id_and_nobody_else_does(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    answer_with(app, current_request_id)
    answer = app.test_client().get("/healthz")
    assert answer.text == answer.headers["X-Request-Id"]
    assert current_request_id() == ""


def test_token_of_a_sign_in_link_is_not_logged(make_app: Callable[..., Flask], capsys: Captured) -> None:
    app = make_app()
    app.test_client().get("/sign-in/SeCrEt-1?next=/")  # without tables, so that an error with its path is logged too
    migrate(app)
    app.test_client().get("/sign-in/SeCrEt-2")
    app.test_client().get("/sign-in/SeCrEt-3/")
    found = lines(capsys)
    assert "SeCrEt" not in str(found)
    assert [line["path"] for line in found if line["event"] == "request"] == ["/sign-in/…"] * 2 + ["/sign-in/…/"]


@pytest.mark.parametrize("number", ["4711", "A%204711", "A%22-4711", "A/4711", "4711/"])
def test_number_of_a_person_is_not_logged(make_app: Callable[..., Flask], capsys: Captured, number: str) -> None:
    make_app().test_client().get(f"/people/{number}?search=4711")
    found = lines(capsys)
    assert "4711" not in str(found)
    assert [line["path"].rstrip("/") for line in found if line["event"] == "request"] == ["/people/…"]


@pytest.mark.parametrize(
    "words",
    [
        "(1366, \"Incorrect integer value: 'Ana' for column `x`.`employees`.`fte` at row 1\")",
        "(1062, \"Duplicate entry 'Ana' for key 'uq_employees_number_key'\")",
        'invalid input syntax for type integer: "Ana"\nLINE 1: SELECT',
        "DETAIL:  Key (number_key)=(Ana) already exists.",
    ],
)
def test_values_in_the_words_of_a_driver_are_not_logged(
    make_app: Callable[..., Flask], capsys: Captured, words: str
) -> None:
    with make_app().app_context():
        logging.getLogger("app").error("%s", words)
    (line,) = lines(capsys)
    assert "Ana" not in str(line)
    assert words[:8] in line["event"]


@pytest.mark.parametrize("kind", ["json", "console"])
def test_unexpected_error_is_logged_with_its_cause_but_without_values(
    make_app: Callable[..., Flask], capsys: Captured, kind: str
) -> None:
    app = make_app(LOG_FORMAT=kind)
    values = {"name": "Ana Lovelace"}
    answer_with(app, lambda: db.session.execute(text("SELECT no_such_function(:name)"), values))
    answer = app.test_client().get("/healthz")
    written = capsys.readouterr().err
    assert answer.status_code == 500
    assert "no such function: no_such_function" in written
    assert "Traceback" in written
    assert "Lovelace" not in written
    assert "Lovelace" not in answer.text
    assert written.count(answer.headers["X-Request-Id"]) == 2  # the error's line and the request's line


def test_signed_in_user_is_named_by_number(make_app: Callable[..., Flask], capsys: Captured) -> None:
    app = make_app()
    migrate(app)
    with app.app_context():
        values = {"email": "ana@example.org", "access_role_id": named.access_role_id(operator(), "staff")}
        user_id = actions.run("create_user", actor=operator(), source=Source.CLI, values=values).value
        token = write(lambda: sessions.start(db.session.get_one(User, user_id), None, None))
    answer_with(app, lambda: str(gate.sign_in(token).user_id))
    capsys.readouterr()
    answer = app.test_client().get("/healthz")
    (line,) = lines(capsys)
    assert line["user_id"] == user_id == int(answer.text)
    assert line["sql_statements"] >= 1
    assert "ana@" not in str(line)


def test_two_applications_write_one_line_each_in_their_own_format(
    make_app: Callable[..., Flask], capsys: Captured
) -> None:
    one, other = make_app(LOG_FORMAT="json"), make_app(LOG_FORMAT="console")
    one.test_client().get("/healthz")
    other.test_client().get("/healthz")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["event"] == "request"
    assert "request [rollcall.requests]" in second


def test_visitor_cannot_forge_a_line_or_steer_the_terminal(make_app: Callable[..., Flask], capsys: Captured) -> None:
    app = make_app(LOG_FORMAT="console")
    app.test_client().get("/healthz%0Aforged%1b[2J")
    (written,) = capsys.readouterr().err.splitlines()
    assert "/healthz\\nforged\\x1b[2J" in written


def test_lines_of_libraries_keep_what_they_add(make_app: Callable[..., Flask], capsys: Captured) -> None:
    make_app()
    logging.getLogger("some.library").warning("kept a %s", "copy", extra={"copy": "/a/b"})
    (line,) = lines(capsys)
    assert (line["event"], line["copy"], line["level"]) == ("kept a copy", "/a/b", "warning")
    assert "request_id" not in line


def test_line_is_written_even_when_no_answer_could_be_made(make_app: Callable[..., Flask], capsys: Captured) -> None:
    app = make_app()

    def fail(_response: Any) -> Any:
        raise RuntimeError("no answer")

    app.after_request(fail)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(RuntimeError, match="no answer"):
        app.test_client().get("/healthz")
    requests = [line for line in lines(capsys) if line["event"] == "request"]
    assert [line["status"] for line in requests] == [500]


def test_development_server_does_not_write_query_strings(make_app: Callable[..., Flask], capsys: Captured) -> None:
    make_app()
    log = logging.getLogger("werkzeug")
    log.warning('127.0.0.1 - - [21/Nov/2026 09:00:00] "GET /?password=hunter2 HTTP/1.1" 200 -')
    log.warning("running")
    assert [line["event"] for line in lines(capsys)] == ["running"]
