"""Signs of life: noted in a transaction of their own, with the moment since when it is as it is."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.actions import duties
from app.changes.transaction import write
from app.core import signs
from app.core.signs import WORKER_KEPT, Kind, Sign
from app.core.version import VERSION
from app.extensions import db
from tests.applications import application
from tests.clock import Clock
from tests.patience import wait_until
from tests.services.process import free_port
from tests.threads import at_once


def found() -> dict[tuple[Kind, str], Sign]:
    """Return the signs as they stand in the database now."""
    db.session.rollback()
    return {(sign.kind, sign.name): sign for sign in signs.signs()}


def facts(kind: Kind, name: str) -> tuple[bool, datetime, datetime, str | None]:
    sign = found()[kind, name]
    return sign.is_good, sign.at, sign.since, sign.detail


@pytest.mark.usefixtures("context")
def test_since_moves_only_when_the_state_or_the_trouble_does(clock: Clock) -> None:
    began = clock.moment
    signs.note(Kind.STORAGE, "archive", True)
    assert facts(Kind.STORAGE, "archive") == (True, began, began, None)
    clock.move(minutes=1)
    signs.note(Kind.STORAGE, "archive", True, "Version 2.")
    assert facts(Kind.STORAGE, "archive") == (True, clock.moment, began, "Version 2.")

    clock.move(minutes=1)
    failing = clock.moment
    signs.note(Kind.STORAGE, "archive", False, "The bucket is gone.")
    clock.move(minutes=1)
    signs.note(Kind.STORAGE, "archive", False, "The bucket is gone.")
    assert facts(Kind.STORAGE, "archive") == (False, clock.moment, failing, "The bucket is gone.")
    clock.move(minutes=1)
    signs.note(Kind.STORAGE, "archive", False, "The key was refused.")
    assert facts(Kind.STORAGE, "archive") == (False, clock.moment, clock.moment, "The key was refused.")
    failing = clock.moment
    signs.note(Kind.STORAGE, "archive", False)
    clock.move(minutes=1)
    signs.note(Kind.STORAGE, "archive", False)
    assert facts(Kind.STORAGE, "archive") == (False, clock.moment, failing, None)

    clock.move(minutes=1)
    signs.note(Kind.STORAGE, "archive", True)
    assert facts(Kind.STORAGE, "archive") == (True, clock.moment, clock.moment, None)


@pytest.mark.usefixtures("context")
def test_signs_stand_apart_by_kind_and_name_and_are_forgotten_one_by_one() -> None:
    for kind, name in ((Kind.WORKER, "two:1"), (Kind.MAIL, "smtp"), (Kind.WORKER, "one:1"), (Kind.STORAGE, "smtp")):
        signs.note(kind, name, True)
    assert list(found()) == [
        (Kind.MAIL, "smtp"),
        (Kind.STORAGE, "smtp"),
        (Kind.WORKER, "one:1"),
        (Kind.WORKER, "two:1"),
    ]
    signs.forget(Kind.STORAGE, "smtp")
    signs.forget(Kind.STORAGE, "smtp")
    signs.forget(Kind.WORKER, "one:1")
    assert list(found()) == [(Kind.MAIL, "smtp"), (Kind.WORKER, "two:1")]


@pytest.mark.usefixtures("context")
def test_what_is_too_long_is_cut_instead_of_refused() -> None:
    signs.note(Kind.WORKER, "n" * 200, False, "d" * 900)
    assert list(found()) == [(Kind.WORKER, "n" * 100)]
    assert facts(Kind.WORKER, "n" * 100)[3] == "d" * 500
    signs.forget(Kind.WORKER, "n" * 200)
    assert found() == {}


@pytest.mark.usefixtures("context")
def test_workers_unseen_for_a_day_go_when_another_comes_and_nothing_else_does(clock: Clock) -> None:
    for name in ("dead:1", "alive:1"):
        signs.note(Kind.WORKER, name, True)
    signs.note(Kind.MAIL, "smtp", True)
    clock.moment += WORKER_KEPT / 2
    signs.note(Kind.WORKER, "alive:1", True)
    clock.moment += WORKER_KEPT / 2 + timedelta(seconds=1)
    signs.note(Kind.WORKER, "new:1", True)
    assert list(found()) == [(Kind.MAIL, "smtp"), (Kind.WORKER, "alive:1"), (Kind.WORKER, "new:1")]


def test_many_that_note_the_same_at_once_leave_one_and_fail_at_nothing(app: Flask) -> None:
    for is_good in (True, False):
        results = at_once(app, *[partial(signs.note, Kind.STORAGE, "archive", is_good, "Words.")] * 6)
        assert results == [None] * 6
    with app.app_context():
        assert list(found()) == [(Kind.STORAGE, "archive")]


@pytest.mark.usefixtures("context")
def test_what_the_caller_reads_stays_as_it_is_and_a_write_refuses_a_sign_inside() -> None:
    assert signs.signs() == []  # the session's transaction is open now
    signs.note(Kind.MAIL, "smtp", True)
    assert list(found()) == [(Kind.MAIL, "smtp")]
    with pytest.raises(RuntimeError, match="inside a write"):
        write(partial(signs.note, Kind.MAIL, "smtp", False))
    assert facts(Kind.MAIL, "smtp")[0]


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_lost_database_is_no_reason_to_fail(kind: str, tmp_path: Path) -> None:
    url = f"{kind}://ana:S3cret@127.0.0.1:{free_port()}/rollcall"
    with application(url, INSTANCE_PATH=tmp_path) as app, app.app_context():
        signs.note(Kind.MAIL, "smtp", False, "Away.")
        signs.forget(Kind.MAIL, "smtp")


@contextmanager
def living(app: Flask) -> Iterator[None]:
    """Run the duty in a thread, as a worker does, and end it as a worker is ended."""
    stopping = threading.Event()
    thread = threading.Thread(target=duties.DUTIES["signs"], args=(app, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@pytest.fixture
def writes(context: Flask) -> Iterator[list[str]]:
    """Give what is written to the table of signs."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "signs" in statement and not statement.startswith("SELECT"):
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


def test_worker_is_seen_with_its_version_from_its_start_to_its_end(context: Flask, writes: list[str]) -> None:
    with living(context):
        wait_until(lambda: bool(found()))
        [(kind, name)] = found()
        assert (kind, name) == (Kind.WORKER, f"{socket.gethostname()}:{os.getpid()}")
        assert facts(kind, name)[0] is True
        assert facts(kind, name)[3] == VERSION
    assert found() == {}
    assert [statement.split()[0] for statement in writes] == ["UPDATE", "INSERT", "DELETE"]


def test_worker_looks_each_turn_but_writes_each_minute_only(
    context: Flask, writes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []

    class Stopping(threading.Event):
        """Ends at the hundredth turn, without waiting between them."""

        def wait(self, timeout: float | None = None) -> bool:
            turns.append(timeout or 0)
            if len(turns) % 100 == 0:
                self.set()
            return self.is_set()

    signs.live(context, Stopping())
    assert (len(turns), len(writes)) == (100, 3)  # the first one tries to update
    writes.clear()
    monkeypatch.setattr(signs, "NOTED_EVERY_SECONDS", 0)
    signs.live(context, Stopping())
    assert (len(turns), len(writes)) == (200, 102)


def test_worker_that_a_timer_starts_leaves_one_sign_a_host(context: Flask) -> None:
    for _ in range(2):
        signs.live(context, threading.Event(), is_once=True)
    assert list(found()) == [(Kind.WORKER, f"{socket.gethostname()}:once")]
