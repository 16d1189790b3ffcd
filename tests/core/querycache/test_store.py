"""The breaker, before stores that can be made to do anything."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NoAnswer
from redis.sentinel import MasterNotFoundError

from app.core.querycache import client
from app.core.querycache import store as module
from app.core.querycache.client import patient
from app.core.querycache.store import KEPT_SECONDS, REQUEST_SECONDS, SILENCE, SLOW_SECONDS, STRIKES, Away, Store
from tests.core.querycache.stores import lines

RAISED: list[tuple[Exception, str]] = [
    (AuthenticationError("x"), "it refuses the password"),
    (ReadOnlyError("x"), "it is a replica that takes no values"),
    (OutOfMemoryError("x"), "its memory is full"),
    (BusyLoadingError("x"), "it is still reading its file"),
    (MasterNotFoundError("x"), "no sentinel names a master"),
    (NoAnswer("x"), "it does not answer in time"),
    (TimeoutError("x"), "it does not answer in time"),
    (NoPermissionError("x"), "it refuses what it is asked"),
    (ResponseError("x"), "it refuses what it is asked"),
    (NotConnected("x"), "it can’t be reached"),
    (ConnectionResetError("x"), "it can’t be reached"),
    (InvalidResponse("x"), "its answers make no sense"),
    (RedisError("x"), "its answers make no sense"),
    (ValueError("x"), "its answers make no sense"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "its answers make no sense"),
    (IndexError("x"), "its answers make no sense"),
]


class Backend:
    """Does to each question what a test says, and counts the questions."""

    def __init__(self) -> None:
        self.asked = 0
        self.reconnected = 0
        self.timeouts: list[int] = []
        self.does: Callable[[], Any] = lambda: None

    def get(self, _key: str) -> Any:
        self.asked += 1
        return self.does()

    def set(self, key: str, value: bytes, timeout: int) -> Any:
        self.timeouts.append(timeout)
        return self.get(key)

    def add(self, key: str, value: bytes, timeout: int) -> Any:
        return self.set(key, value, timeout)

    def reconnect(self) -> None:
        self.reconnected += 1


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def store(backend: Backend) -> Store:
    return Store(backend, is_remote=True)


def fail(error: Exception) -> Callable[[], None]:
    def raised() -> None:
        raise error

    return raised


def late(seconds: float) -> Callable[[], None]:
    """Return an answer that came after so long, as the connection notes it."""

    def answered() -> None:
        time.sleep(seconds)
        client._patience.was_late = True
        client._patience.was_slow = seconds > SLOW_SECONDS

    return answered


@pytest.mark.parametrize(("error", "words"), RAISED, ids=lambda value: type(value).__name__)
def test_whatever_is_raised_opens_it_and_reaches_nobody(
    store: Store, backend: Backend, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    backend.does = fail(error)
    for ask in (lambda: store.get("k"), lambda: store.put("k", b"v"), lambda: store.claim("k", 5)):
        with pytest.raises(Away):
            ask()
    assert backend.asked == (STRIKES if isinstance(error, SILENCE) else 1)
    assert store.trouble
    assert store.trouble.reason == words
    assert lines(caplog) == [f"the query cache is out of use, pages ask the database: {words}"]


def test_pause_of_a_busy_machine_is_no_trouble(
    store: Store, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(STRIKES):
        backend.does = fail(NoAnswer("x"))
        for _ in range(STRIKES - 1):
            with pytest.raises(Away):
                store.get("k")
        backend.does = lambda: b"v"
        assert store.get("k") == b"v"
    assert (store.trouble, lines(caplog)) == (None, [])


def test_probe_closes_it_and_nothing_else_does(
    store: Store, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.does = fail(NotConnected("x"))
    with pytest.raises(Away):
        store.get("k")
    backend.does = lambda: b"v"
    with pytest.raises(Away):
        store.get("k")
    store.probe()
    assert (store.trouble, backend.reconnected, store.get("k")) == (None, 1, b"v")
    store.probe()
    assert lines(caplog)[1:] == ["the query cache is in use again"]


def test_probe_tells_news_of_why_without_a_second_line(
    store: Store, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.does = fail(NotConnected("x"))
    store.probe()
    assert store.trouble
    since = store.trouble.since
    backend.does = fail(BusyLoadingError("x"))
    store.probe()
    assert (store.trouble.reason, store.trouble.since) == ("it is still reading its file", since)
    backend.does = late(0.015)
    store.probe()
    assert store.trouble.reason == "it answers too slowly"
    assert len(lines(caplog)) == 1


def test_threads_that_meet_trouble_at_once_log_one_line(
    store: Store, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    together = threading.Barrier(8)

    def fails() -> None:
        together.wait()
        raise NoAnswer("x")

    backend.does = fails
    away: list[bool] = []

    def ask() -> None:
        try:
            store.get("k")
        except Away:
            away.append(True)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(away), backend.asked, len(lines(caplog))) == (8, 8, 1)


def test_late_answers_one_after_the_other_open_it(store: Store, backend: Backend) -> None:
    for does in (late(0.011), late(0.011), lambda: b"v", late(0.011), late(0.011)):
        backend.does = does
        store.get("k")
    assert store.trouble is None
    store.get("k")
    assert store.trouble
    assert store.trouble.reason == "it answers too slowly"


def test_our_own_busy_threads_are_no_trouble_of_the_store(store: Store, backend: Backend) -> None:
    backend.does = lambda: time.sleep(0.011)  # it took so long, but the answer was there in time
    for _ in range(5):
        store.get("k")
    assert store.trouble is None


def test_request_asks_no_more_when_it_has_waited_enough(app: Flask, store: Store, backend: Backend) -> None:
    backend.does = late(0.006)
    for _ in range(2):
        with app.test_request_context():
            store.get("k")
            store.get("k")
            with pytest.raises(Away):
                store.get("k")
            assert g.cache_store_seconds < REQUEST_SECONDS
    assert (backend.asked, store.trouble) == (4, None)


def test_prompt_answers_are_never_too_many(app: Flask, store: Store, backend: Backend) -> None:
    backend.does = lambda: time.sleep(0.001)
    with app.test_request_context():
        for _ in range(40):
            store.get("k")
    assert backend.asked == 40


def test_values_made_at_once_do_not_end_at_once(store: Store, backend: Backend, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "random", random.Random(7))
    for _ in range(50):
        store.put("k", b"v")
    assert len(set(backend.timeouts)) > 25
    assert KEPT_SECONDS * 0.9 <= min(backend.timeouts) < max(backend.timeouts) <= KEPT_SECONDS * 1.1


def test_memory_of_the_process_has_no_breaker() -> None:
    backend = Backend()
    backend.does = fail(KeyError("a mistake of ours"))
    with pytest.raises(KeyError):
        Store(backend, is_remote=False).get("k")


def test_patience_of_one_thread_is_not_anothers() -> None:
    left: list[float] = []
    with patient(0.005) as patience:
        thread = threading.Thread(target=lambda: left.append(patience.left()))
        thread.start()
        thread.join()
        assert patience.left() <= 0.005
    assert left == [0.02]
    assert patience.left() == 0.02
