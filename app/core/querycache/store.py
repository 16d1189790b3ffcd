"""The store behind a breaker: in trouble it costs one request a moment, the others nothing, and nobody an error."""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from flask import g, has_request_context
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NoAnswer
from redis.sentinel import MasterNotFoundError

from app.core.clock import now
from app.core.querycache.client import SLOW_SECONDS, patient

T = TypeVar("T")
KEPT_SECONDS = 900
JITTER = 0.1
LARGEST_BYTES = 512 * 1024
STRIKES = 3
REQUEST_SECONDS = 0.02
"""So much of a request's time may go into waiting for a late store; after that it asks the database only."""
PROBE_KEY = "probe"
PROBE_SECONDS = 1.0
"""A probe has the time to ask one sentinel after the other; nobody waits for it."""
SLOW = "it answers too slowly"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the store is out of use, in words for administrators, and since when."""

    reason: str
    since: datetime


class Away(Exception):
    """The store is out of use, or this request has no time left for it."""


class Store:
    """One application's store, as `backend` of Flask-Caching keeps it.

    An error opens the breaker at once, and a few late answers, or none, one after the other do; only `probe` closes it.
    """

    def __init__(self, backend: Any, *, is_remote: bool) -> None:
        self.backend, self.is_remote = backend, is_remote
        self.trouble: Trouble | None = None
        self._strikes = 0
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none; raise `Away`."""
        found: bytes | None = self._asked(lambda: self.backend.get(key))
        return found

    def put(self, key: str, value: bytes, seconds: float = KEPT_SECONDS) -> None:
        """Keep a value for a while, not all that were made at once for the same while; raise `Away`."""
        jittered = int(seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 no secret
        self._asked(lambda: self.backend.set(key, value, timeout=jittered))

    def claim(self, key: str, seconds: int) -> bool:
        """Say whether nobody else has this claim; it is ours then for so many seconds; raise `Away`."""
        return bool(self._asked(lambda: self.backend.add(key, b"1", timeout=seconds)))

    def probe(self) -> None:
        """Look whether the store takes values and gives them back in time; for a thread that nobody waits for."""
        if not self.is_remote:
            return
        try:
            self.backend.reconnect()
            with patient(PROBE_SECONDS):
                self.backend.set(PROBE_KEY, b"1", timeout=60)
            with patient(REQUEST_SECONDS) as patience:
                self.backend.get(PROBE_KEY)
        except Exception as error:
            self._fail(reason_of(error), is_news=True)
            return
        if patience.was_slow:
            self._fail(SLOW, is_news=True)
        else:
            self._recover()

    def _asked(self, ask: Callable[[], T]) -> T:
        if not self.is_remote:
            return ask()
        seconds = REQUEST_SECONDS - _spent()
        # What could wait only for a moment would be cut off, and taken for trouble, by a store that is just not idle.
        if self.trouble is not None or seconds < SLOW_SECONDS:
            raise Away
        began = time.perf_counter()
        with patient(seconds) as patience:
            try:
                found = ask()
            except Exception as error:  # whatever it is, the database has the answer
                _spend(time.perf_counter() - began)
                self._strike(reason_of(error), is_last=not isinstance(error, SILENCE))
                raise Away from error
        if patience.was_late:
            _spend(time.perf_counter() - began)
        if patience.was_slow:
            self._strike(SLOW)
        else:
            self._strikes = 0
        return found

    def _strike(self, reason: str, *, is_last: bool = False) -> None:
        """Count what may be a busy machine's pause; several of them one after the other are none."""
        self._strikes += 1
        if is_last or self._strikes >= STRIKES:
            self._fail(reason)

    def _fail(self, reason: str, *, is_news: bool = False) -> None:
        """Open the breaker; where it is open, a probe's news of why replaces what was known."""
        with self._lock:
            known = self.trouble
            if known is None:
                self.trouble = Trouble(reason, now())
            elif is_news:
                self.trouble = Trouble(reason, known.since)
        if known is None:
            log.warning("the query cache is out of use, pages ask the database: %s", reason)

    def _recover(self) -> None:
        with self._lock:
            known, self.trouble, self._strikes = self.trouble, None, 0
        if known is not None:
            log.warning("the query cache is in use again")


SILENCE = (NoAnswer, TimeoutError)
REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (AuthenticationError, "it refuses the password"),
    (ReadOnlyError, "it is a replica that takes no values"),
    (OutOfMemoryError, "its memory is full"),
    (BusyLoadingError, "it is still reading its file"),
    (MasterNotFoundError, "no sentinel names a master"),
    (SILENCE, "it does not answer in time"),
    (ResponseError, "it refuses what it is asked"),
    ((NotConnected, OSError), "it can’t be reached"),
)


def reason_of(error: Exception) -> str:
    """Return in a few words what is wrong with the store; its own could hold addresses and names."""
    if isinstance(error.__context__, ssl.SSLError):
        return "its certificate isn’t trusted, or it speaks no TLS"
    return next((words for kinds, words in REASONS if isinstance(error, kinds)), "its answers make no sense")


def _spent() -> float:
    return float(g.get("cache_store_seconds", 0.0)) if has_request_context() else 0.0


def _spend(seconds: float) -> None:
    if has_request_context():
        g.cache_store_seconds = _spent() + seconds
