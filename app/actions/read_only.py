"""Read-only switched on and off by somebody, and held by a migration for as long as it runs."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Flask, current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.registry import action
from app.changes.journal import REASON_LENGTH
from app.changes.read_only import FOR_GOOD, ROW, ReadOnlyMode
from app.changes.transaction import write
from app.core.beating import beating
from app.core.clock import now
from app.core.problems import Busy, Invalid, Problem
from app.extensions import db

SWITCHING = "switch_read_only"
HELD = timedelta(minutes=2)
"""So long a migration holds it after it was last heard of: six chances to say so again, and no long wait if it died."""
RENEWED_EVERY_SECONDS = 20.0
PATIENCE_SECONDS = 120.0
"""So long a migration waits for the changes that are under way; none takes longer than a page or a step of a job."""

log = logging.getLogger(__name__)


@action(SWITCHING, needs=(Action.ADMINISTER, Subject.SYSTEM), is_always_told=True, goes_on=True)
def switch_read_only(actor: Actor, is_on: bool, why: str | None = None) -> None:
    """Let nobody change anything any more, or again; `why` is shown to everybody.

    Switched on, it waits for the changes that are under way. What a migration holds ends with that.
    """
    words = (why or "").strip()
    if len(words) > REASON_LENGTH:
        raise Invalid({"why": _l("Use at most %(count)s characters.", count=REASON_LENGTH)})
    mode = locked()
    if is_on == (mode.on_until is not None):
        raise Invalid({"": _l("It is switched on already.") if is_on else _l("It is switched off already.")})
    mode.on_until, mode.reason, mode.at = FOR_GOOD if is_on else None, words or None, now()
    db.session.flush()


@contextmanager
def read_only_while(reason: str) -> Iterator[None]:
    """Let nobody change anything while the block runs; for whatever migrates tables that are being written to.

    It waits for the changes that are under way and raises `Busy` when they take too long, before the block begins. When
    the block ends, well or not, everybody can go on; when its process dies, they can two minutes later. Somebody who
    switched it on themselves finds it on afterwards. Code from before schema 7 does not know of it and goes on changing
    things. Where the table is not there yet (a first migration), there is nothing to hold, and nobody to wait for.

    Needs an application context, outside a write; not nested. A migration asks for it by `read_only = True` in its
    module, which `app.core.database.pending` tells as `is_read_only`.
    """
    if not inspect(db.engine).has_table(ReadOnlyMode.__tablename__):
        yield
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    holder = secrets.token_hex(16)
    _patiently(lambda: _hold(holder, reason))
    log.info("nothing may be changed until this is done", extra={"reason": reason})
    try:
        with beating(app, "read-only", RENEWED_EVERY_SECONDS, lambda: write(lambda: _renew(holder))):
            yield
    finally:
        _release(holder)


def locked() -> ReadOnlyMode:
    """Return the row for whoever changes it, once every change that is under way has ended; inside a write."""
    if db.session.connection().dialect.name == "postgresql":
        # Whoever waits for a row there is passed by others who share it, for ever where there are enough of them; for
        # a table everybody waits in line. Reading goes on.
        db.session.execute(text(f"LOCK TABLE {ReadOnlyMode.__tablename__} IN EXCLUSIVE MODE"))
    query = select(ReadOnlyMode).where(ReadOnlyMode.id == ROW).with_for_update()
    mode = db.session.execute(query.execution_options(populate_existing=True)).scalar()
    if mode is None:  # somebody emptied the table by hand
        mode = ReadOnlyMode(id=ROW)
        db.session.add(mode)
    return mode


def _hold(holder: str, reason: str) -> None:
    mode = locked()
    mode.holder, mode.held_for, mode.held_until = holder, reason[:REASON_LENGTH], now() + HELD


def _patiently(work: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write(work)
        except Busy:
            if time.monotonic() > deadline:
                raise


def _renew(holder: str) -> None:
    """Say that it is still held; what is missed is no harm, as long as some of it gets through."""
    mode = locked()
    if mode.holder == holder:
        mode.held_until = now() + HELD


def _release(holder: str) -> None:
    """Let everybody go on; where the database is away just now, what is held ends by itself."""

    def let_go() -> None:
        mode = locked()
        if mode.holder == holder:
            mode.holder = mode.held_for = mode.held_until = None

    try:
        write(let_go)
    except (Problem, SQLAlchemyError):
        log.exception("read-only could not be ended: it ends by itself within two minutes")
