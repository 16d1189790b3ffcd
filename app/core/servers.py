"""Servers: which build answers, or does the work, on which host; each process says so itself, each minute."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, String, and_, case, delete, insert, literal, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.build import build
from app.core.clock import now
from app.core.columns import UtcDateTime, choice, key_string
from app.core.database.schema import HEAD
from app.core.jobs.worker import repeat
from app.core.signs import NOTED_EVERY_SECONDS, write_apart
from app.core.stopping import is_stopping
from app.extensions import Base, db

KEPT = timedelta(days=1)
"""Whoever went unseen for so long did not end as it should, and won't come back."""
GRACE_SECONDS = 1.0
EXTENSION = "presence"


class Part(StrEnum):
    """What a process is there for; one that does both is two rows."""

    SERVE = "serve"
    """It answers requests."""
    WORKER = "worker"
    """It does the background work."""


class Server(Base):
    """What answers requests, or does the background work, on one host; `since` is when this build began there.

    `knows` is the newest migration that its code knows. `process` is a random mark of whoever wrote last: one that ends
    removes the row only where it still is its own, for the next build may be there already.
    """

    __tablename__ = "servers"
    HOST_LENGTH = 100
    SHORT, LONG, ADDRESS = 100, 200, 500

    host: Mapped[str] = mapped_column(key_string(HOST_LENGTH), primary_key=True)
    part: Mapped[Part] = mapped_column(choice(Part, "part"), primary_key=True)
    version: Mapped[str] = mapped_column(key_string(SHORT))
    commit_hash: Mapped[str] = mapped_column(key_string(SHORT))
    tag: Mapped[str] = mapped_column(key_string(LONG))
    digest: Mapped[str] = mapped_column(key_string(LONG))
    run: Mapped[str] = mapped_column(String(ADDRESS))
    knows: Mapped[int]
    is_draining: Mapped[bool]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    process: Mapped[str] = mapped_column(key_string(32))


BUILD = ("version", "commit_hash", "tag", "digest")
"""What tells a build from another."""


class Presence:
    """One process's word that it is there: given at its start and each minute, and taken back at its end."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._process = secrets.token_hex(16)
        self._due = 0.0
        self._was_draining = False

    def live(self, app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
        """Say it until `stopping` is set; with `is_once` it is said once and stays: a timer starts the next soon."""
        repeat(app, lambda: self.turn(app), stopping, is_once=is_once)
        if not is_once:
            with app.app_context(), suppress(SQLAlchemyError):
                self.forget()

    def turn(self, app: Flask) -> bool:
        """Say it where that is due, or where the process has begun to end; needs an application context."""
        is_draining = self.part is Part.SERVE and is_stopping(app)
        if time.monotonic() >= self._due or is_draining != self._was_draining:
            self.note(is_draining=is_draining)
            self._due, self._was_draining = time.monotonic() + NOTED_EVERY_SECONDS, is_draining
        return False

    def note(self, *, is_draining: bool = False) -> None:
        """Write down what runs here; a database that is away or busy is no reason to fail. Never inside a write."""
        at, found = now(), facts(current_app.config)
        values = {**found, "is_draining": is_draining, "at": at, "process": self._process}
        is_same_build = and_(*(getattr(Server, name) == found[name] for name in BUILD))
        since = case((is_same_build, Server.since), else_=literal(at, UtcDateTime()))
        # MySQL sets the columns from left to right, and a later one would see what an earlier one was set to.
        again = update(Server).where(*self._here()).ordered_values((Server.since, since), *values.items())
        if write_apart(lambda connection: connection.execute(again).rowcount > 0) is False:
            first = insert(Server).values(host=host_label(), part=self.part, since=at, **values)
            write_apart(lambda connection: connection.execute(first))
            write_apart(lambda connection: _forget_unseen(connection, at - KEPT))

    def forget(self) -> None:
        """Take it back, unless another process has said the same since."""
        ours = delete(Server).where(*self._here(), Server.process == self._process)
        write_apart(lambda connection: connection.execute(ours))

    def _here(self) -> tuple[Any, Any]:
        return Server.host == host_label(), Server.part == self.part


def work(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Say that this process does the background work, until `stopping` is set; one of the duties of a worker."""
    Presence(Part.WORKER).live(app, stopping, is_once=is_once)


def init_servers(app: Flask) -> None:
    """Have each process that answers requests of `app` say so, at the latest from its first request on."""
    app.extensions[EXTENSION] = _Serving()
    if not app.testing:
        app.before_request(lambda: begin(app))


def begin(app: Flask) -> None:
    """Say from now on that this process answers requests, in a thread of its own; once more is no harm."""
    serving: _Serving = app.extensions[EXTENSION]
    serving.begin(app)


def end(app: Flask) -> None:
    """Take it back, as the process ends; within a second, and whatever becomes of the database."""
    serving: _Serving = app.extensions[EXTENSION]
    serving.end()


class _Serving:
    """The thread of a process that answers requests; a fork has to begin one of its own."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, app: Flask) -> None:
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid, self._ended = os.getpid(), threading.Event()
            live = Presence(Part.SERVE).live
            self._thread = threading.Thread(target=live, args=(app, self._ended), name="presence", daemon=True)
            self._thread.start()

    def end(self) -> None:
        if self._pid == os.getpid() and self._thread is not None:
            self._ended.set()
            self._thread.join(GRACE_SECONDS)


def host_label() -> str:
    """Return what this host is called: as it was told by HOST_LABEL, or its own name."""
    name: str = current_app.config["HOST_LABEL"] or socket.gethostname()
    return name[: Server.HOST_LENGTH]


def facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what runs here, as a row of the table has it."""
    told = build(config)
    return {
        "version": told["version"][: Server.SHORT],
        "commit_hash": told["commit"][: Server.SHORT],
        "tag": told["tag"][: Server.LONG],
        "digest": config["IMAGE_DIGEST"][: Server.LONG],
        "run": config["DEPLOY_RUN"][: Server.ADDRESS],
        "knows": HEAD,
    }


def servers() -> list[Server]:
    """Return those seen within a day by host, and on each what answers before what works.

    Rows go only when a new process says for the first time that it is there, which may be long after.
    """
    query = select(Server).where(Server.at >= now() - KEPT).order_by(Server.host, Server.part)
    return list(db.session.scalars(query))


def _forget_unseen(connection: Connection, since: datetime) -> None:
    """Remove them one by one, by key: a range would lock the rows of those that live."""
    unseen = select(Server.host, Server.part).where(Server.at < since)
    for host, part in connection.execute(unseen).all():
        connection.execute(delete(Server).where(Server.host == host, Server.part == part, Server.at < since))
