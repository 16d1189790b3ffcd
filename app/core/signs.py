"""Signs of life: what workers, the store and the mail server were last seen to do, for those who look after them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeVar

from flask import Flask
from sqlalchemy import ColumnElement, Connection, String, and_, case, delete, insert, literal, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.columns import UtcDateTime, choice, key_string
from app.core.database.engine import WRITING
from app.core.database.faults import is_lost_connection, is_worth_repeating
from app.core.jobs.worker import repeat
from app.core.version import VERSION
from app.extensions import Base, db

T = TypeVar("T")
NOTED_EVERY_SECONDS = 60.0
# One that went unseen for a day did not end as it should, and won't come back.
WORKER_KEPT = timedelta(days=1)


class Kind(StrEnum):
    """Whose sign it is."""

    WORKER = "worker"
    STORAGE = "storage"
    MAIL = "mail"
    CACHE = "cache"
    """The store of the query cache, as one process sees it."""


class Sign(Base):
    """What was last seen of one worker (`name` is its host and process id), or of the store, or of the mail server.

    `since` is when it began to be as it is; `detail` is a sentence that says what is wrong, or a version.
    """

    __tablename__ = "signs"
    NAME_LENGTH = 100
    DETAIL_LENGTH = 500

    kind: Mapped[Kind] = mapped_column(choice(Kind, "kind"), primary_key=True)
    name: Mapped[str] = mapped_column(key_string(NAME_LENGTH), primary_key=True)
    is_good: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[str | None] = mapped_column(String(DETAIL_LENGTH))


def note(kind: Kind, name: str, is_good: bool, detail: str | None = None) -> None:
    """Note how one is now, in a transaction of its own; `since` moves when that is not how it was.

    A database that is away or busy is no reason to fail: the next sign follows soon. Never called inside a write,
    which would wait for itself on SQLite.
    """
    at = now()
    name, detail = name[: Sign.NAME_LENGTH], detail[: Sign.DETAIL_LENGTH] if detail else None
    values = {"is_good": is_good, "at": at, "detail": detail}
    since = case((_is_as_before(is_good, detail), Sign.since), else_=literal(at, UtcDateTime()))
    # MySQL sets the columns from left to right, and a later one would see what an earlier one was set to.
    again = update(Sign).where(*_of(kind, name)).ordered_values((Sign.since, since), *values.items())
    is_known = write_apart(lambda connection: connection.execute(again).rowcount > 0)
    if is_known is False:
        first = insert(Sign).values(kind=kind, name=name, since=at, **values)
        write_apart(lambda connection: connection.execute(first))
        if kind in (Kind.WORKER, Kind.CACHE):
            write_apart(partial(_forget_unseen, kind, at - WORKER_KEPT))


def signs() -> list[Sign]:
    """Return all signs by kind and name."""
    return list(db.session.scalars(select(Sign).order_by(Sign.kind, Sign.name)))


def forget(kind: Kind, name: str) -> None:
    """Remove the sign of one that ended, or is not used any more; missing it is no harm."""
    write_apart(lambda connection: connection.execute(delete(Sign).where(*_of(kind, name[: Sign.NAME_LENGTH]))))


def live(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Note this process as a worker at its start and each minute; when `stopping` is set it is one no more.

    With `is_once` it is noted and stays, under one name for all of this host: a timer starts the next soon.
    """
    name = f"{socket.gethostname()[: Sign.NAME_LENGTH - 12]}:{'once' if is_once else os.getpid()}"
    due = 0.0

    def turn() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            note(Kind.WORKER, name, True, VERSION)
            due = time.monotonic() + NOTED_EVERY_SECONDS
        return False

    repeat(app, turn, stopping, is_once=is_once)
    if not is_once:
        with app.app_context(), suppress(SQLAlchemyError):
            forget(Kind.WORKER, name)


def _of(kind: Kind, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Sign.kind == kind, Sign.name == name


def _is_as_before(is_good: bool, detail: str | None) -> ColumnElement[bool]:
    """Return the condition that nothing changed: what is good stays so with another version; trouble may be another."""
    is_same = Sign.is_good.is_(is_good)
    return is_same if is_good else and_(is_same, Sign.detail.is_not_distinct_from(detail))


def _forget_unseen(kind: Kind, since: datetime, connection: Connection) -> None:
    """Remove them one by one, by key: a range would lock the rows of those that live."""
    unseen = select(Sign.name).where(Sign.kind == kind, Sign.at < since)
    for name in connection.scalars(unseen).all():
        connection.execute(delete(Sign).where(*_of(kind, name), Sign.at < since))


def write_apart(work: Callable[[Connection], T]) -> T | None:
    """Run `work` in a short transaction of its own; None where the database is away, or another was faster."""
    if db.session().info.get(WRITING):
        raise RuntimeError("a sign inside a write would wait for that write to end")
    try:
        with db.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
            return work(connection)
    except IntegrityError:  # noted by another at this very moment
        return None
    except (DBAPIError, PoolTimeout) as error:
        if is_lost_connection(error) or is_worth_repeating(error):
            return None
        raise
