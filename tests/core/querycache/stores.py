"""Stores at a URL, and a query asked through one as pages do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import querycache
from app.core.querycache import backends, client, store
from app.core.querycache.backends import settings
from app.core.querycache.codec import Rows
from app.core.querycache.keeper import Keeper
from app.core.querycache.store import Store
from app.core.querycache.uses import Uses
from app.extensions import db
from app.people.department import Department

PATIENCE = 100
NAME = "departments"
QUESTION = select(Department.id, Department.name).order_by(Department.id)


def store_of(url: str) -> Store:
    """Return a store as an application with this `REDIS_URL` has it."""
    made = settings(url)
    kind = getattr(backends, made["CACHE_TYPE"].rpartition(".")[2])
    return Store(kind.factory(None, made, [], {}), is_remote=bool(url))


@contextmanager
def using(app: Flask, url: str) -> Iterator[Store]:
    """Have the application use the store at a URL, counting from zero, with a keeper that has not looked yet."""
    cache = app.extensions["querycache"]
    was = cache.store, cache.uses, cache.keeper
    cache.store, cache.uses, cache.keeper = store_of(url), Uses(), Keeper()
    try:
        yield cache.store
        assert not [name for name, use in cache.uses.totals().items() if use.differing]
    finally:
        if cache.store.is_remote:
            cache.store.backend.reconnect()  # which closes what is open
        cache.store, cache.uses, cache.keeper = was


@contextmanager
def unhurried() -> Iterator[None]:
    """Have requests and probes wait for as long as a busy machine takes, where a test isn't about time."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (client, "TIMEOUT_SECONDS"),
            (client, "SLOW_SECONDS"),
            (store, "SLOW_SECONDS"),
            (store, "REQUEST_SECONDS"),
            (store, "PROBE_SECONDS"),
        ):
            patch.setattr(module, name, getattr(module, name) * PATIENCE)
        yield


def asked(app: Flask) -> Rows:
    """Ask in a request of its own, and return the rows after a look that they are right."""
    with app.test_request_context():
        found = querycache.rows(NAME, QUESTION, querycache.EVERYBODY)
        assert found == [tuple(row) for row in db.session.execute(QUESTION)]
        db.session.remove()
    return found


def outcome(app: Flask) -> str:
    """Ask, and say what became of it: hit, miss or away."""
    cache = app.extensions["querycache"]
    before = cache.uses.totals().get(NAME)
    asked(app)
    after = cache.uses.totals()[NAME]
    (found,) = (
        word
        for word, what in (("hit", "hits"), ("miss", "misses"), ("away", "away"))
        if getattr(after, what) > (getattr(before, what) if before else 0)
    )
    return found


def turn(app: Flask, at: float) -> None:
    """Have the keeper do what is due at a moment."""
    with app.app_context():
        cache = app.extensions["querycache"]
        cache.keeper.turn(cache, at)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the store has logged."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
