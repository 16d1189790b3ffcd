"""Processes say what runs where: at their start, each minute, when they begin to end, and no more after that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from app.actions import duties
from app.core import servers
from app.core.database.schema import HEAD
from app.core.servers import KEPT, Part, Presence, Server
from app.core.stopping import begin_to_stop
from app.core.version import VERSION
from app.extensions import db
from tests.applications import application
from tests.clock import Clock
from tests.servers import server
from tests.services.process import free_port
from tests.waiting import add

WAIT_SECONDS = 20


@pytest.fixture(autouse=True)
def image(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST_LABEL": "app1",
        "IMAGE_COMMIT": "c" * 40,
        "IMAGE_TAG": "1.4.0",
        "IMAGE_DIGEST": "sha256:d",
        "DEPLOY_RUN": "https://ci.example/7",
    }.items():
        monkeypatch.setitem(context.config, name, value)


def found() -> dict[tuple[str, Part], Server]:
    db.session.rollback()
    return {(row.host, row.part): row for row in servers.servers()}


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_tells_what_its_image_is_and_what_its_code_knows() -> None:
    Presence(Part.SERVE).note()
    row = found()["app1", Part.SERVE]
    told = row.version, row.commit_hash, row.tag, row.digest, row.run, row.knows, row.is_draining
    assert told == (VERSION, "c" * 40, "1.4.0", "sha256:d", "https://ci.example/7", HEAD, False)


def test_since_moves_with_the_build_only(context: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def since() -> datetime:
        return found()["app1", Part.SERVE].since

    began = clock.moment
    Presence(Part.SERVE).note()
    clock.move(minutes=1)
    Presence(Part.SERVE).note(is_draining=True)
    assert (since(), found()["app1", Part.SERVE].at) == (began, clock.moment)
    assert found()["app1", Part.SERVE].is_draining
    monkeypatch.setitem(context.config, "DEPLOY_RUN", "https://ci.example/8")
    Presence(Part.SERVE).note()
    assert since() == began
    monkeypatch.setitem(context.config, "IMAGE_TAG", "1.5.0")
    Presence(Part.SERVE).note()
    assert since() == clock.moment


def test_one_that_ends_takes_back_its_own_word_and_not_that_of_the_next() -> None:
    first, second = Presence(Part.SERVE), Presence(Part.SERVE)
    first.note()
    second.note()
    first.forget()
    assert found().keys() == {("app1", Part.SERVE)}
    second.forget()
    assert found() == {}


def test_without_a_label_it_is_the_name_of_the_host(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(context.config, "HOST_LABEL", "")
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 200)
    Presence(Part.WORKER).note()
    assert found().keys() == {("h" * 100, Part.WORKER)}


def test_one_that_was_not_seen_for_a_day_leaves_the_list(clock: Clock) -> None:
    add(server("gone", at=clock.now() - KEPT), server("there"))
    assert {host for host, _part in found()} == {"gone", "there"}
    clock.move(seconds=1)
    assert {host for host, _part in found()} == {"there"}
    Presence(Part.SERVE).note()
    assert {host for host, _part in found()} == {"app1", "there"}
    assert {*db.session.scalars(select(Server.host))} == {"app1", "there"}


def test_a_worker_says_so_as_one_of_its_duties(app: Flask) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=duties.DUTIES["servers"], args=(app, stopping))
    thread.start()
    wait_for(lambda: ("app1", Part.WORKER) in found())
    stopping.set()
    thread.join(WAIT_SECONDS)
    assert found() == {}
    duties.DUTIES["servers"](app, threading.Event(), is_once=True)
    assert found().keys() == {("app1", Part.WORKER)}


def test_a_process_that_answers_says_so_once_until_it_ends(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        servers.begin(app)
        servers.begin(app)
        wait_for(lambda: ("app1", Part.SERVE) in found())
        assert len([one for one in threading.enumerate() if one.name == "presence"]) == 1
        begin_to_stop(app)
        wait_for(lambda: found()["app1", Part.SERVE].is_draining)
        servers.end(app)
        wait_for(lambda: found() == {})
    finally:
        app.extensions.pop("stopping", None)
        servers.init_servers(app)


def test_the_first_request_begins_it_where_no_server_of_ours_did(database_url: str, tmp_path: str) -> None:
    with application(database_url, INSTANCE_PATH=str(tmp_path), HOST_LABEL="app9") as other:
        other.testing = False
        servers.init_servers(other)
        other.test_client().get("/healthz")
        wait_for(lambda: ("app9", Part.SERVE) in found())
        servers.end(other)


def test_a_database_that_is_away_is_no_reason_to_fail(tmp_path: str) -> None:
    url = f"mysql+pymysql://nobody:none@127.0.0.1:{free_port()}/none"
    with application(url, INSTANCE_PATH=str(tmp_path)) as other, other.app_context():
        Presence(Part.SERVE).note()
        Presence(Part.SERVE).forget()
