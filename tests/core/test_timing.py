from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask, g
from sqlalchemy import text

from app.core.querycache.cached import _mark
from app.core.timing import Answered, on_answer
from app.extensions import db
from tests.applications import application

HEADER = re.compile(
    r'db;dur=\d+\.\d;desc="(\d+)", cache;dur=(\d+\.\d\d);desc=(hit|miss|off), '
    r'cache-hits;desc="(\d+)", cache-misses;desc="(\d+)"'
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def make_app(stack: ExitStack, folder: Path, server_timing: str) -> Flask:
    url = f"sqlite:///{folder / 'timing.sqlite3'}"
    return stack.enter_context(application(url, INSTANCE_PATH=folder, SERVER_TIMING=server_timing))


def run_statements(app: Flask, count: int) -> None:
    def view() -> str:
        for _ in range(count):
            db.session.execute(text("SELECT 1"))
        return ""

    app.view_functions["health.alive"] = view


def test_header_holds_time_and_number_of_statements(stack: ExitStack, tmp_path: Path) -> None:
    app = make_app(stack, tmp_path, "1")
    counted = []
    for count in (0, 1, 4):
        run_statements(app, count)
        found = HEADER.fullmatch(app.test_client().get("/healthz").headers["Server-Timing"])
        assert found
        counted.append(int(found[1]))
    assert counted[0] == 0
    assert counted[2] - counted[1] == 3


def test_count_begins_anew_with_each_request_of_one_context(stack: ExitStack, tmp_path: Path) -> None:
    app = make_app(stack, tmp_path, "1")
    run_statements(app, 2)
    with app.app_context():
        first, second = (app.test_client().get("/healthz").headers["Server-Timing"] for _ in range(2))
        db.session.rollback()
    assert HEADER.fullmatch(first)
    assert 'desc="4"' not in second


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([], ("0.00", "off", "0", "0")),
        (["hit", "hit"], ("4.00", "hit", "2", "0")),
        (["hit", "miss", "hit"], ("4.00", "miss", "2", "1")),
        (["miss"], ("0.00", "miss", "0", "1")),
    ],
)
def test_header_tells_what_the_cache_did_for_this_request_alone(
    stack: ExitStack, tmp_path: Path, outcomes: list[str], told: tuple[str, ...]
) -> None:
    app = make_app(stack, tmp_path, "1")

    def view() -> str:
        for outcome in outcomes:
            _mark(outcome, 0.002)
        return ""

    app.view_functions["health.alive"] = view
    with app.app_context():
        g.cache_store_seconds = 9.0
        for _ in range(2):
            found = HEADER.fullmatch(app.test_client().get("/healthz").headers["Server-Timing"])
            assert found
            assert found.groups()[1:] == told
        assert g.cache_store_seconds == 0.0


def test_header_is_absent_unless_asked_for(stack: ExitStack, tmp_path: Path) -> None:
    app = make_app(stack, tmp_path, "0")
    assert "Server-Timing" not in app.test_client().get("/healthz").headers


def test_observer_is_told_once_for_each_request_and_not_for_other_contexts(stack: ExitStack, tmp_path: Path) -> None:
    app = make_app(stack, tmp_path, "0")
    told: list[Answered] = []
    on_answer(app, told.append)
    with app.test_request_context("/healthz"):
        pass
    app.test_client().get("/healthz?a=b")
    app.test_client().get("/nowhere")
    assert [(a.method, a.path, a.endpoint, a.status) for a in told] == [
        ("GET", "/healthz", "health.alive", 200),
        ("GET", "/nowhere", "", 404),
    ]
