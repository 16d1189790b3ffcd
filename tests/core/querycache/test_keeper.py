"""The keeper's turns, at moments that the test says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from app.core import signs
from app.core.querycache import keeper as module
from app.core.querycache import versions
from app.core.querycache.cached import QueryCache
from app.core.querycache.keeper import Keeper, process_name
from app.core.querycache.statements import Plan
from app.core.querycache.store import Store
from app.core.querycache.uses import CacheUse
from app.core.querycache.versions import CacheVersion
from app.core.signs import Kind
from app.extensions import db
from tests.applications import application
from tests.core.querycache.stores import NAME, asked, turn, using
from tests.services.process import free_port


class Fake(Store):
    """A store in trouble, that counts probes; it recovers when it is told to."""

    def __init__(self) -> None:
        super().__init__(None, is_remote=True)
        self.probed: list[float] = []
        self.at = 0.0
        self._fail("it can’t be reached")

    def probe(self) -> None:
        self.probed.append(self.at)


def probes(store: Fake, keeper: Keeper, moments: range) -> list[float]:
    """Return at which of these moments the store was probed."""
    store.probed.clear()
    for store.at in moments:
        keeper._probe(store, store.at)
    return store.probed


def test_store_in_trouble_is_probed_at_once_and_then_more_and_more_seldom() -> None:
    assert probes(Fake(), Keeper(), range(100, 150)) == [100, 101, 103, 107, 115, 125, 135, 145]


def test_store_that_is_well_is_not_probed() -> None:
    store = Fake()
    store.trouble = None
    assert probes(store, Keeper(), range(100, 150)) == []


def test_store_that_never_stays_well_is_not_tried_more_often_for_it() -> None:
    store, keeper = Fake(), Keeper()
    trouble = store.trouble
    probes(store, keeper, range(100, 146))
    store.trouble = None
    assert probes(store, keeper, range(146, 158)) == []
    store.trouble = trouble  # after 12 seconds
    assert probes(store, keeper, range(158, 175)) == [158, 168]
    store.trouble = None
    probes(store, keeper, range(175, 200))
    store.trouble = trouble  # after a good while
    assert probes(store, keeper, range(200, 205)) == [200, 201, 203]


def found() -> dict[str, signs.Sign]:
    db.session.rollback()
    return {sign.name: sign for sign in signs.signs() if sign.kind is Kind.CACHE}


def test_state_is_told_when_it_changes_and_each_minute(app: Flask, redis_url: str, clock: Any) -> None:
    with using(app, redis_url) as store, app.app_context():
        begun = clock.moment
        for at in range(100, 130):
            clock.move(seconds=1)
            turn(app, at)
        sign = found()[process_name()]
        assert (sign.is_good, sign.detail, (sign.at - begun).seconds) == (True, None, 1)

        store._fail("it can’t be reached")
        store.probe = lambda: None  # type: ignore[method-assign]
        turn(app, 131)
        sign = found()[process_name()]
        failing = sign.since
        assert (sign.is_good, sign.detail, sign.at) == (False, "it can’t be reached", clock.moment)

        clock.move(seconds=50)
        turn(app, 181)
        assert found()[process_name()].at == failing
        clock.move(seconds=10)
        turn(app, 191)
        assert (found()[process_name()].at, found()[process_name()].since) == (clock.moment, failing)

        store._recover()
        turn(app, 192)
        assert found()[process_name()].is_good


def test_process_that_ends_leaves_its_counts_and_no_sign(app: Flask, redis_url: str) -> None:
    with using(app, redis_url), app.app_context():
        cache: QueryCache = app.extensions["querycache"]
        turn(app, 100)
        asked(app)
        cache.keeper.end(cache)  # which never began its thread, so nothing is its own
        assert process_name() in found()
        cache.keeper._pid = os.getpid()
        cache.keeper.end(cache)
        assert process_name() not in found()
        assert db.session.scalars(select(CacheUse.misses).where(CacheUse.name == NAME)).all() == [1]
        cache.keeper._pid = None


@pytest.fixture
def writes(app: Flask) -> Iterator[list[str]]:
    """Give what is written into the database from now on."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA", "SET", "SHOW")):
            seen.append(statement.split()[2 if statement.startswith("INSERT") else 1])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_idle_process_writes_nothing_but_its_sign(app: Flask, redis_url: str, writes: list[str]) -> None:
    with using(app, ""):
        for at in range(100, 220):
            turn(app, at)
    assert writes == []
    with using(app, redis_url):
        for at in range(100, 220):
            turn(app, at)
    assert set(writes) == {"signs"}
    assert len(writes) <= 4  # twice the sign, which is looked for and made the first time


@pytest.mark.usefixtures("sample")
def test_uses_are_added_up_now_and_then(app: Flask) -> None:
    with using(app, ""):
        for _ in range(3):
            asked(app)
        turn(app, 100)
        asked(app)
        turn(app, 105)
        with app.app_context():
            before = db.session.execute(select(CacheUse.hits, CacheUse.misses).where(CacheUse.name == NAME)).one()
            db.session.rollback()
            turn(app, 110)
            after = db.session.execute(select(CacheUse.hits, CacheUse.misses).where(CacheUse.name == NAME)).one()
            db.session.rollback()
    assert (tuple(before), tuple(after)) == ((2, 1), (3, 1))


def test_tokens_are_folded_once_a_request_found_many(app: Flask) -> None:
    with using(app, ""), app.app_context():
        rows = [{"name": "people", "high": 1, "low": 2} for _ in range(versions.FOLDED_FROM + 1)]
        with db.engine.begin() as connection:
            connection.execute(insert(CacheVersion), rows)
        turn(app, 100)
        assert len(db.session.scalars(select(CacheVersion.id)).all()) > versions.FOLDED_FROM
        db.session.rollback()
        before = versions.tokens()["people"]
        app.extensions["querycache"].keeper.look(versions.rows_present())
        db.session.rollback()
        turn(app, 101)
        assert len(db.session.scalars(select(CacheVersion.id)).all()) < 20
        db.session.rollback()
        assert versions.tokens()["people"] == before


class Enough(BaseException):
    """Ends the keeper, which nothing else does."""


def test_database_that_is_away_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)
    url = f"mysql://ana:S3cret@127.0.0.1:{free_port()}/rollcall"
    with application(url, INSTANCE_PATH=tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as app:
        cache = app.extensions["querycache"]
        store = cache.store = Fake()
        store.probe = lambda: probed(cache)  # type: ignore[method-assign]
        cache.uses.note(NAME, Plan("", (), ()), hits=1)
        with pytest.raises(Enough):
            cache.keeper._keep(app)
        assert (len(store.probed), cache.uses.pending()[NAME].hits) == (3, 1)


def probed(cache: QueryCache) -> None:
    """Have all work be due again, until this was the third time."""
    cache.store.probed.append(0.0)
    if len(cache.store.probed) == 3:
        raise Enough
    cache.keeper.is_fold_due = True
    cache.keeper._sign_at = cache.keeper._add_up_at = 0.0
    cache.keeper._probe_wait = -1.0


def test_each_process_has_one_thread_begun_by_its_first_request(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Flask] = []
    keeper = Keeper()
    monkeypatch.setattr(keeper, "_keep", begun.append)
    keeper.look(0)
    with app.app_context():
        keeper.look(0)  # a command's
    app.testing = False
    try:
        with app.test_request_context():
            for _ in range(3):
                keeper.look(0)
            assert begun == [app]
            monkeypatch.setattr(os, "getpid", lambda: -1)  # a worker, after the fork
            for _ in range(3):
                keeper.look(0)
    finally:
        app.testing = True
    assert begun == [app, app]
