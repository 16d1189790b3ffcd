"""What the cache needs done while nobody waits: see if the store is back, add up uses, fold tokens, tell its state.

Each serving process has a thread for it, begun with the first page that asks the cache.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from flask import Flask, current_app, has_request_context
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.core import signs
from app.core.database.engine import WRITING
from app.core.querycache import uses, versions
from app.core.querycache.store import Store
from app.core.signs import Kind
from app.extensions import db

if TYPE_CHECKING:
    from app.core.querycache.cached import QueryCache

TURN_SECONDS = 1.0
ADDED_UP_EVERY_SECONDS = 10.0
LONGEST_SILENCE_SECONDS = 10.0
log = logging.getLogger(__name__)


class Keeper:
    """The thread of one process, and when it has to do what."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._lock = threading.Lock()
        self.is_fold_due = False
        self._probe_at = 0.0
        self._probe_wait = TURN_SECONDS
        self._add_up_at = 0.0
        self._sign_at = 0.0
        self._told: str | None = None

    def look(self, token_rows: int) -> None:
        """Note over how many rows a request found the tokens spread; its first call begins the thread."""
        if token_rows > versions.FOLDED_FROM:
            self.is_fold_due = True
        if self._pid != os.getpid() and has_request_context() and not current_app.testing:
            self._begin(current_app._get_current_object())  # type: ignore[attr-defined]

    def _begin(self, app: Flask) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
        threading.Thread(target=self._keep, args=(app,), name="query cache", daemon=True).start()

    def _keep(self, app: Flask) -> None:
        while True:
            time.sleep(TURN_SECONDS)
            try:
                with app.app_context():
                    self.turn(app.extensions["querycache"])
            except SQLAlchemyError:
                pass  # a database in trouble tells so where somebody waits for it
            except Exception:
                log.exception("the keeper of the query cache stumbled and goes on")

    def turn(self, cache: QueryCache, at: float | None = None) -> None:
        """Do what is due at a moment of the monotonic clock; needs an application context."""
        at = time.monotonic() if at is None else at
        self._probe(cache.store, at)
        self._tell(cache, at)
        if self.is_fold_due:
            self.is_fold_due = False
            fold()
        if at >= self._add_up_at:
            self._add_up_at = at + ADDED_UP_EVERY_SECONDS
            add_up(cache)

    def end(self, cache: QueryCache) -> None:
        """Add up what is left and take back the sign of life, as the process ends; needs an application context."""
        if self._pid == os.getpid():
            with suppress(SQLAlchemyError):
                add_up(cache)
                signs.forget(Kind.CACHE, process_name())

    def _probe(self, store: Store, at: float) -> None:
        """Look whether a store in trouble is back: at once, then more and more seldom, also where it never stays."""
        if store.trouble is None:
            if at >= self._probe_at + LONGEST_SILENCE_SECONDS:
                self._probe_wait = TURN_SECONDS
        elif at >= self._probe_at:
            store.probe()
            self._probe_at = at + self._probe_wait
            self._probe_wait = min(self._probe_wait * 2, LONGEST_SILENCE_SECONDS)

    def _tell(self, cache: QueryCache, at: float) -> None:
        """Note the state of this process's store for all to see: when it changes, and each minute."""
        if not cache.store.is_remote:
            return
        told = cache.store.trouble.reason if cache.store.trouble else ""
        if told != self._told or at >= self._sign_at:
            signs.note(Kind.CACHE, process_name(), not told, told or None)
            self._told, self._sign_at = told, at + signs.NOTED_EVERY_SECONDS


def process_name() -> str:
    """Return what this process is called in `signs`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def add_up(cache: QueryCache) -> None:
    """Add what this process counted to the numbers of all; needs an application context."""
    pending = cache.uses.pending()
    if pending:
        with _writing() as connection, connection.begin():
            uses.add_up(connection, pending)
        cache.uses.added_up(pending)


def fold() -> None:
    """Fold the tokens into a row for each group; where another process is at it, leave it to that one."""
    with suppress(SQLAlchemyError), _writing() as connection, connection.begin() as transaction:
        if not versions.fold(connection):
            transaction.rollback()


def _writing() -> Connection:
    return db.engine.connect().execution_options(**{WRITING: True})
