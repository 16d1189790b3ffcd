"""The one question: the rows of a statement, kept or fresh, which is the same in the snapshot of who asks."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from flask import Flask, current_app, g
from flask_babel import get_locale

from app.core.clock import now
from app.core.database.engine import WRITING
from app.core.database.schema import HEAD
from app.core.querycache import codec, versions
from app.core.querycache.backends import settings
from app.core.querycache.codec import Rows
from app.core.querycache.keeper import Keeper
from app.core.querycache.statements import Plan, Plans, Question
from app.core.querycache.store import LARGEST_BYTES, Away, Store
from app.core.querycache.uses import Bypass, Uses
from app.extensions import cache, db

EVERYBODY = "everybody"
"""The scope of what doesn't depend on who asks."""
WORTH_WAITING_SECONDS = 0.005
LONGEST_WAIT_SECONDS = 0.25
ASK_EVERY_SECONDS = 0.01
CLAIM_SECONDS = 5
MAC_BYTES = 16
log = logging.getLogger(__name__)


@dataclass(slots=True)
class QueryCache:
    """What an application needs for it; `secret` is what no one else can make keys and seals of values with."""

    store: Store
    secret: bytes
    verified_share: float
    plans: Plans = field(default_factory=Plans)
    uses: Uses = field(default_factory=Uses)
    filling: WeakValueDictionary[str, Lock] = field(default_factory=WeakValueDictionary)
    keeper: Keeper = field(default_factory=Keeper)

    def key(self, *parts: Any) -> str:
        """Return a key of the store for these parts; nobody without the secret can tell what it says, or make one."""
        return hashlib.blake2b(repr(parts).encode(), key=self.secret, digest_size=32).hexdigest()


def init_querycache(app: Flask, config: Mapping[str, Any]) -> None:
    """Give `app` its query cache; its engine is there already."""
    cache.init_app(app, config=settings(config["REDIS_URL"]))
    app.extensions["querycache"] = QueryCache(
        store=Store(app.extensions["cache"][cache], is_remote=bool(config["REDIS_URL"])),
        secret=hashlib.blake2b(str(config["SECRET_KEY"]).encode(), person=b"query cache").digest(),
        verified_share=config["CACHE_VERIFY"],
    )
    with app.app_context():
        versions.listen(db.engine)


def of_app() -> QueryCache:
    """Return the query cache of the application at hand."""
    found: QueryCache = current_app.extensions["querycache"]
    return found


def rows(name: str, statement: Question, scope: str) -> Rows:
    """Return the rows of a SELECT as plain tuples, exactly those of the session's present snapshot.

    `name` is what the query is called where its uses are shown. `scope` says who may share the answer: `EVERYBODY`, or
    what all readers with the same rights have in common. Where the statement can't be kept, or the store is in trouble,
    it is asked of the database.
    """
    mine = of_app()
    plan, values = mine.plans.of(statement, db.engine.dialect)
    bypass = _bypass(plan)
    if bypass:
        return _bypassed(mine, name, plan, statement, bypass)
    query = _Query(mine, name, statement, plan, _key(mine, name, plan, values, scope))
    try:
        return _looked_up(query)
    except Away:
        return _bypassed(mine, name, plan, statement, Bypass.AWAY)


def _bypass(plan: Plan) -> Bypass | None:
    """Return why the cache may not be asked; None where it may."""
    if plan.refusal:
        return Bypass.REFUSED
    if db.session().info.get(WRITING) or versions.is_changing():
        return Bypass.WRITING
    if not versions.tokens().keys() >= set(plan.groups):  # nothing would tell what is there now from what comes later
        return Bypass.REFUSED
    return None


@dataclass(frozen=True, slots=True)
class _Query:
    """A question, and the key that its answer of this snapshot is kept under."""

    cache: QueryCache
    name: str
    statement: Question
    plan: Plan
    key: str

    def kept(self) -> Rows | None:
        """Return what is kept; None where there is nothing, or what is there is not from us. Raise `Away`."""
        value = self.cache.store.get(self.key)
        if value is None or not hmac.compare_digest(value[:MAC_BYTES], self.seal(value[MAC_BYTES:])):
            return None
        try:
            return codec.decode(value[MAC_BYTES:], self.plan.enums)
        except codec.Unreadable:
            return None

    def keep(self, found: Rows) -> bool:
        """Keep rows; say whether they were not too much, or of a type that can't be kept."""
        try:
            data = codec.encode(found, self.plan.enums)
        except codec.Unwritable:
            return False
        if len(data) > LARGEST_BYTES:
            return False
        with suppress(Away):
            self.cache.store.put(self.key, self.seal(data) + data)
        return True

    def seal(self, data: bytes) -> bytes:
        """Return what only we can make of a value and its key: what others put in the store is not taken for ours."""
        return hashlib.blake2b(self.key.encode() + data, key=self.cache.secret, digest_size=MAC_BYTES).digest()

    def fresh(self) -> Rows:
        """Return the rows from the database."""
        return _fresh(self.statement)

    def note(self, **more: Any) -> None:
        """Count what became of it."""
        self.cache.uses.note(self.name, self.plan, **more)


def _looked_up(query: _Query) -> Rows:
    """Return the rows; where somebody else is asking for them just now, wait for a moment. Raise `Away`."""
    began = time.perf_counter()
    kept = query.kept()
    if kept is not None:
        return _hit(query, kept, began)
    patience = min(query.cache.uses.worth_waiting_for(query.name), LONGEST_WAIT_SECONDS)
    if patience < WORTH_WAITING_SECONDS:
        return _filled(query)
    lock = query.cache.filling.setdefault(query.key, Lock())
    is_first = lock.acquire(blocking=False)
    is_held = is_first or lock.acquire(timeout=patience)
    try:
        if not is_first:
            kept = query.kept()
        if kept is None and query.cache.store.is_remote:
            kept = _polled(query, patience)
        return _filled(query) if kept is None else _hit(query, kept, began)
    finally:
        if is_held:
            lock.release()


def _polled(query: _Query, patience: float) -> Rows | None:
    """Look again and again for what another process is asking for; None at once where none is."""
    if query.cache.store.claim(f"{query.key}:filling", CLAIM_SECONDS):
        return None
    until = time.monotonic() + patience
    while time.monotonic() < until:
        time.sleep(ASK_EVERY_SECONDS)
        if (kept := query.kept()) is not None:
            return kept
    return None


def _hit(query: _Query, kept: Rows, began: float) -> Rows:
    took = time.perf_counter() - began
    query.note(hits=1, saved_seconds=max(0.0, query.cache.uses.miss_seconds(query.name) - took))
    _mark("hit", took)
    if random.random() < query.cache.verified_share:  # noqa: S311 a sample, not a secret
        return _verified(query, kept)
    return kept


def _filled(query: _Query) -> Rows:
    began = time.perf_counter()
    found = query.fresh()
    took = time.perf_counter() - began
    too_large = 0 if query.keep(found) else 1
    query.note(misses=1, miss_seconds=took, filled_at=now(), too_large=too_large)
    _mark("miss", took)
    return found


def _bypassed(mine: QueryCache, name: str, plan: Plan, statement: Question, why: Bypass) -> Rows:
    mine.uses.note(name, plan, **{str(why): 1})
    return _fresh(statement)


def _fresh(statement: Question) -> Rows:
    return [tuple(row) for row in db.session.execute(statement)]


def _key(mine: QueryCache, name: str, plan: Plan, values: Mapping[str, Any], scope: str) -> str:
    """Return the key: what is asked, by whom, of which version."""
    tokens = versions.tokens()
    mine.keeper.look(versions.rows_present())
    of = [(group, tokens.get(group)) for group in (*plan.groups, versions.of_query(name))]
    return mine.key(HEAD, str(get_locale()), scope, plan.told, values, of)


def _verified(query: _Query, kept: Rows) -> Rows:
    """Ask the database as well, in the same snapshot: where it says otherwise it is right, and somebody has to know."""
    found = query.fresh()
    if _told(found, query.plan) == _told(kept, query.plan):
        query.note(verified=1)
        return found
    query.note(verified=1, differing=1, differed_at=now())
    log.error("the query cache differed from the database and was put right: %s", query.name)
    query.keep(found)
    return found


def _told(found: Rows, plan: Plan) -> list[str]:
    """Return rows in words that tell exact types apart; without ORDER BY, engines may give them in any order."""
    told = [repr(row) for row in found]
    return told if plan.is_ordered else sorted(told)


def _mark(outcome: str, seconds: float) -> None:
    """Note for `Server-Timing` whether this request was answered from the cache; one miss makes it a miss."""
    here = g._get_current_object()
    if outcome == "hit":
        here.cache_hits = here.get("cache_hits", 0) + 1
        here.cache_seconds = here.get("cache_seconds", 0.0) + seconds
    else:
        here.cache_misses = here.get("cache_misses", 0) + 1
