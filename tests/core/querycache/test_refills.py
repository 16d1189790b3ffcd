"""What many ask for at the same moment is asked of the database once, and nobody waits for long."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask, g

from app.core.database.engine import end_transaction
from app.core.querycache import cached, codec
from app.core.querycache.cached import QueryCache
from app.extensions import db
from tests.applications import application
from tests.caching import believed
from tests.core.querycache.asking import TITLES, add_role, ask, counted, key_of
from tests.threads import at_once

SLOW_SECONDS = 0.2


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make the question take its time; return when it was asked of the database."""
    asked: list[float] = []
    fresh = cached._Query.fresh

    def slowly(query: Any) -> codec.Rows:
        asked.append(time.monotonic())
        time.sleep(SLOW_SECONDS)
        return fresh(query)

    monkeypatch.setattr(cached._Query, "fresh", slowly)
    monkeypatch.setattr(cached, "LONGEST_WAIT_SECONDS", 10 * SLOW_SECONDS)
    return asked


def known_as_slow(mine: QueryCache) -> None:
    """Have the question known to take much longer than it will, so that others wait for it as long as it takes."""
    plan, _values = mine.plans.of(TITLES, db.engine.dialect)
    mine.uses.note("titles", plan, misses=1, miss_seconds=10 * SLOW_SECONDS)


def test_threads_that_ask_at_once_ask_the_database_once(context: Flask, mine: QueryCache, slow: list[float]) -> None:
    add_role("a")
    known_as_slow(mine)
    end_transaction()
    with believed(context):
        assert at_once(context, *[ask] * 4) == [[("a",)]] * 4
    assert len(slow) == 1
    assert counted(mine) == {"misses": 2, "hits": 3}
    assert not mine.filling


def test_nobody_waits_for_what_is_quick(context: Flask, mine: QueryCache, slow: list[float]) -> None:
    end_transaction()
    with believed(context):
        at_once(context, *[ask] * 2)
    assert len(slow) == 2


def test_nobody_waits_for_longer_than_it_usually_takes(mine: QueryCache, slow: list[float]) -> None:
    """The one who asks is stuck: the others ask by themselves."""
    plan, _values = mine.plans.of(TITLES, db.engine.dialect)
    mine.uses.note("titles", plan, misses=1, miss_seconds=0.01)
    lock = mine.filling.setdefault(key_of(mine), threading.Lock())
    with lock:
        began = time.monotonic()
        assert ask() == []
    assert time.monotonic() - began < SLOW_SECONDS + 0.15
    assert len(slow) == 1


def test_processes_that_ask_at_once_ask_the_database_once(
    context: Flask, database_url: str, redis_url: str, slow: list[float]
) -> None:
    add_role("a")
    end_transaction()
    with ExitStack() as stack:
        settings = {"REDIS_URL": redis_url, "SECRET_KEY": "the same for all of us", "CACHE_VERIFY": "0"}
        apps = [stack.enter_context(application(database_url, **settings)) for _ in range(2)]
        answers: list[codec.Rows] = []

        def work(app: Flask) -> None:
            with app.app_context():
                cached.of_app().store.backend.get("wake up")
                known_as_slow(cached.of_app())
                start.wait()
                g.cache_store_seconds = 0.0
                answers.append(ask())

        start = threading.Barrier(len(apps), timeout=30)
        threads = [threading.Thread(target=work, args=(app,)) for app in apps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [[("a",)]] * 2
        assert len(slow) == 1
        found = [app.extensions["querycache"].uses.totals()["titles"] for app in apps]
        assert sorted((use.hits, use.misses) for use in found) == [(0, 2), (1, 1)]
