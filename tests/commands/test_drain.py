"""How serving ends: load balancers are told first, and nobody's request is cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from app.core.version import VERSION
from tests.commands.serving import START, WAIT_SECONDS, Started
from tests.commands.test_serve import rows

# Only what is under test: nothing is migrated and nothing is done beside the requests.
SETTINGS: dict[str, Any] = {"app": "tests.commands.slow", "SETUP_AT_START": 0, "BACKGROUND": 0}
ASK = b"GET /healthz HTTP/1.1\r\nHost: rollcall\r\n\r\n"


class Asking:
    """Clients that ask one after the other until they are told to stop; each failure is kept."""

    def __init__(self, port: Any) -> None:
        self.port, self.stop = port, threading.Event()
        self.answered: list[tuple[float, int]] = []
        self.failed: list[str] = []
        self.threads = [threading.Thread(target=self._ask, args=(keeps,)) for keeps in (True, True, False, False)]

    def __enter__(self) -> Asking:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, keeps: bool) -> None:
        connection = self._connection()
        while not self.stop.is_set():
            try:
                connection.request("GET", "/slow/0.02")
                answer = connection.getresponse()
                answer.read()
                self.answered.append((time.monotonic(), answer.status))
            except Exception as error:
                self.failed.append(repr(error))
            if not keeps:
                connection.close()
                connection = self._connection()
        connection.close()

    def _connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)


def until_ready_says(started: Started, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        code, text = started.get("/readyz")
        answer: dict[str, Any] = json.loads(text)
        if answer["status"] == status:
            assert code == 503
            return answer
        assert time.monotonic() < deadline, text
        time.sleep(0.02)


def ends_cleanly_before_it_has_to(started: Started) -> None:
    """Check that it ends by itself: the drain was 30 seconds where it was to be cut short."""
    began = time.monotonic()
    code, err = started.end()
    assert code == 0, err
    assert "Traceback" not in err
    assert "SIGKILL" not in err
    assert time.monotonic() - began < 20


def in_background(pool: ThreadPoolExecutor, started: Started, path: str, folder: Path) -> Callable[[], tuple[int, str]]:
    """Ask for a page that takes its time, and return once the server is at it."""
    asked = pool.submit(started.get, path)
    deadline = time.monotonic() + WAIT_SECONDS
    while not (folder / "instance" / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return lambda: asked.result(WAIT_SECONDS)


@contextmanager
def busy(started: Started) -> Iterator[None]:
    """Hold the process that answers, as a machine with too much to do does."""
    pid = started.process.pid
    (worker,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    os.kill(worker, signal.SIGSTOP)
    yield
    os.kill(worker, signal.SIGCONT)


def connected(started: Started) -> socket.socket:
    return socket.create_connection(("127.0.0.1", started.port), timeout=WAIT_SECONDS)


def answer_on(connection: socket.socket) -> tuple[int, str | None]:
    """Return the status of the answer, and whether the connection is kept."""
    answer = HTTPResponse(connection)
    answer.begin()
    assert b'"alive"' in answer.read()
    return answer.status, answer.getheader("Connection")


def test_drain_turns_load_balancers_away_and_no_request_fails(start: START, tmp_path: Path) -> None:
    started = start(**SETTINGS, DRAIN_SECONDS=2, IMAGE_COMMIT="c0ffee", IMAGE_TAG="v1", LOG_FORMAT="json")
    started.welcome()
    with ThreadPoolExecutor() as pool, Asking(started.port) as clients:
        slow = in_background(pool, started, "/slow/3.5", tmp_path)  # longer than the drain
        began = time.monotonic()
        started.process.send_signal(signal.SIGTERM)  # as Docker does: to the first process only
        answer = until_ready_says(started, "stopping")
        told = time.monotonic()
        assert answer["build"] == {"version": VERSION, "commit": "c0ffee", "tag": "v1"}
        assert "about to end" in answer["reason"]
        assert started.get("/healthz")[0] == 200
        time.sleep(max(0.0, began + 1.5 - time.monotonic()))
        clients.stop.set()  # as a load balancer does, a little before the end
        assert slow() == (200, "done")
        assert time.monotonic() - began > 2.5
        with pytest.raises(ConnectionRefusedError):
            connected(started)
    ends_cleanly_before_it_has_to(started)
    assert clients.failed == []
    assert {status for _, status in clients.answered} == {200}
    assert [at for at, _ in clients.answered if at > told], "it stopped serving when it said so"


def test_during_the_drain_answers_close_their_connections_and_a_second_signal_ends_it(start: START) -> None:
    started = start(**SETTINGS, DRAIN_SECONDS=30)
    started.welcome()
    with connected(started) as connection:
        connection.sendall(ASK)
        assert answer_on(connection) == (200, "keep-alive")
        started.process.send_signal(signal.SIGTERM)
        until_ready_says(started, "stopping")
        connection.sendall(ASK)
        assert answer_on(connection) == (200, "close")
    time.sleep(0.5)
    assert started.process.poll() is None
    started.process.send_signal(signal.SIGTERM)
    ends_cleanly_before_it_has_to(started)


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGQUIT, marks=pytest.mark.slow)])
def test_ending_at_once_cuts_nothing_that_is_under_way(start: START, how: signal.Signals, tmp_path: Path) -> None:
    started = start(**SETTINGS, DRAIN_SECONDS=30)
    started.welcome()
    with ThreadPoolExecutor() as pool, ExitStack() as open_now, connected(started) as kept:
        slow = in_background(pool, started, "/slow/3", tmp_path)  # longer than the two seconds without a drain
        kept.sendall(ASK)
        assert answer_on(kept) == (200, "keep-alive")
        kept.sendall(ASK[:20])  # on its way when the signal comes
        with busy(started):
            waiting = [open_now.enter_context(connected(started)) for _ in range(20)]  # at the door, not yet let in
            for one in waiting:
                one.sendall(ASK)
            started.process.send_signal(how)
            time.sleep(0.3)
        # They leave their side open, which holds up nobody else.
        assert {answer_on(one)[0] for one in waiting} == {200}
        with pytest.raises(ConnectionRefusedError):
            connected(started)
        kept.sendall(ASK[20:])
        assert answer_on(kept) == (200, "close")
        assert slow() == (200, "done")
    ends_cleanly_before_it_has_to(started)


def test_without_set_up_nothing_is_made_and_an_empty_database_is_not_ready(start: START, tmp_path: Path) -> None:
    started = start(SETUP_AT_START=0, ADMIN_PASSWORD="four Words for ana", DEMO=20)
    said = started.welcome()
    assert "ADMIN_PASSWORD" not in said
    assert "Sign in with your account." in said
    assert "migrate it" in until_ready_says(started, "not ready")["reason"]
    assert started.get("/healthz")[0] == 200
    time.sleep(1)  # for background work, which finds no table either
    assert rows(tmp_path / "instance", "SELECT name FROM sqlite_master") == []
    assert "Traceback" not in "".join(started.err)


@pytest.mark.slow
def test_without_background_work_no_worker_is_seen(start: START, tmp_path: Path) -> None:
    started = start(BACKGROUND=0)
    started.welcome()
    assert started.get("/readyz")[0] == 200
    time.sleep(1)
    assert rows(tmp_path / "instance", "SELECT kind FROM signs WHERE kind = 'worker'") == []
    assert rows(tmp_path / "instance", "SELECT state FROM jobs") == []
