"""What the query cache does, for those who may see the system: its store, each query, and what made it stale.

It is told from what is counted already; only the page's memory is asked of the store, and not while that is in trouble.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from redis.exceptions import RedisError
from sqlalchemy import func, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.changes.journal import ChangeSet
from app.core import signs
from app.core.clock import now
from app.core.problems import Sentence
from app.core.querycache import backends, versions
from app.core.querycache.cached import of_app
from app.core.querycache.keeper import process_name
from app.core.querycache.store import Trouble
from app.core.querycache.uses import COUNTED, Bypass, CacheUse
from app.core.querycache.versions import CacheVersion
from app.core.signs import Kind, Sign
from app.extensions import db
from app.reading import journal
from app.reading.backlog import SEEN_WITHIN

UNKNOWN = "?"
MOMENTS = ("filled_at", "used_at", "differed_at")
ALARMING = timedelta(days=1)
"""For so long an answer that differed is bad news, unless the cache was cleared since."""
LIKELY_CAUSE: Sentence = _l(
    "Most likely, rows were changed past Rollcall, by SQL written by hand or a data migration. "
    "Clear the cache, and do so after each such change: “flask --app run cache clear”."
)
ADVICE: dict[str, tuple[Sentence, Sentence]] = {
    "it refuses the password": (_l("it refuses the password"), _l("Correct the password in REDIS_URL.")),
    "it is a replica that takes no values": (
        _l("it is a replica that takes no values"),
        _l("Let REDIS_URL name the master, or the sentinels, which know it."),
    ),
    "its memory is full": (
        _l("its memory is full"),
        _l("Give Redis more memory, or set its maxmemory-policy to allkeys-lru."),
    ),
    "it is still reading its file": (
        _l("it is still reading its file"),
        _l("Redis has just been started; it is used again as soon as it has read its file."),
    ),
    "it does not answer in time": (
        _l("it does not answer in time"),
        _l("Look at the load of the Redis server, and at the network on the way there."),
    ),
    "it answers too slowly": (
        _l("it answers too slowly"),
        _l("Look at the load of the Redis server, and at the network on the way there."),
    ),
    "no sentinel names a master": (
        _l("no sentinel names a master"),
        _l("Start the sentinels, or correct REDIS_URL: it names them and the master’s name."),
    ),
    "its certificate isn’t trusted, or it speaks no TLS": (
        _l("its certificate isn’t trusted, or it speaks no TLS"),
        _l("Name the file of its authority in REDIS_URL (ssl_ca_certs), or write redis:// where it speaks no TLS."),
    ),
    "it refuses what it is asked": (
        _l("it refuses what it is asked"),
        _l("Let the account of REDIS_URL read and write keys that begin with “rollcall:”."),
    ),
    "its answers make no sense": (
        _l("its answers make no sense"),
        _l("Look whether it is Redis that listens where REDIS_URL points."),
    ),
    "it can’t be reached": (
        _l("it can’t be reached"),
        _l("Start Redis, or correct REDIS_URL; it is used again as soon as it answers."),
    ),
}
"""What is wrong with the store, as `store.reason_of` has it, in the reader's language, and what to do."""


class Place(StrEnum):
    """Where the values are kept."""

    REDIS = "redis"
    SENTINEL = "sentinel"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Stale:
    """The change set that last made a query's values stale."""

    change_set_id: int
    action: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Query:
    """What the cache did for one query, in all processes, and in this one up to this moment.

    `stale` is None where nothing told of moved it, or the reader may not see it.
    """

    name: str
    sql: str
    tables: tuple[str, ...]
    refusal: str
    hits: int
    misses: int
    verified: int
    differing: int
    away: int
    writing: int
    refused: int
    too_large: int
    miss_seconds: float
    saved_seconds: float
    filled_at: datetime | None
    used_at: datetime
    differed_at: datetime | None
    stale: Stale | None = None

    @property
    def asked(self) -> int:
        """How often the store was looked in."""
        return self.hits + self.misses

    @property
    def passed(self) -> int:
        """How often the database was asked without looking."""
        return self.away + self.writing + self.refused

    @property
    def hit_rate(self) -> float:
        """Which share of what was looked for was there."""
        return self.hits / self.asked if self.asked else 0.0

    @property
    def seconds_a_miss(self) -> float:
        """How long the database took for it on average."""
        return self.miss_seconds / self.misses if self.misses else 0.0

    @property
    def bypasses(self) -> dict[Bypass, int]:
        """How often which reason kept it out, those that did."""
        return {why: count for why in Bypass if (count := getattr(self, why))}

    @property
    def groups(self) -> list[str]:
        """The names of the tokens that its values depend on."""
        known = versions.groups()
        return [versions.of_query(self.name), *(known[table] for table in self.tables if table in known)]


@dataclass(frozen=True, slots=True)
class Process:
    """The store as one process sees it; `is_here` is the one that tells this, and `is_seen` one that still lives."""

    name: str
    reason: str | None
    since: datetime
    at: datetime
    is_here: bool
    is_seen: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """All queries together; `reason` is why the store is out of use somewhere, `differing` are names of queries."""

    hits: int
    misses: int
    verified: int
    saved_seconds: float
    reason: str | None
    differing: list[str]

    @property
    def asked(self) -> int:
        """How often the store was looked in."""
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """Which share of what was looked for was there."""
        return self.hits / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """All there is to know; `memory` is used and allowed bytes (0: no limit), None where the store did not tell."""

    at: datetime
    place: Place
    trouble: Trouble | None
    memory: tuple[int, int] | None
    processes: list[Process]
    queries: list[Query]
    summary: Summary
    alarming: list[Query] = field(default_factory=list)


def report(actor: Actor) -> Report:
    """Return all there is to know, the queries asked most often first."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    at, store = now(), of_app().store
    found, seen = _queries(), signs.signs()
    latest = _latest()
    differing = _alarming(found, at, latest)
    return Report(
        at=at,
        place=_place(),
        trouble=store.trouble,
        memory=_memory() if store.trouble is None else None,
        processes=_processes(seen, at),
        queries=_with_stale(actor, found, latest),
        summary=_summary(found, seen, at, differing),
        alarming=differing,
    )


def summary(seen: Sequence[Sign], at: datetime) -> Summary:
    """Return all queries together; `seen` are all signs there are at that moment."""
    found = _queries()
    return _summary(found, seen, at, _alarming(found, at))


def trouble() -> Trouble | None:
    """Return what this process knows to be wrong with its store; asks neither that nor the database."""
    return of_app().store.trouble


def in_words(reason: str) -> tuple[Sentence, Sentence]:
    """Return what is wrong, to stand after a colon, and what to do."""
    return ADVICE.get(reason, (reason, _l("The log of this process tells more.")))


def _summary(found: Iterable[Query], seen: Sequence[Sign], at: datetime, differing: Iterable[Query]) -> Summary:
    found = list(found)
    reasons = [process.reason for process in _processes(seen, at) if process.is_seen and process.reason]
    return Summary(
        hits=sum(query.hits for query in found),
        misses=sum(query.misses for query in found),
        verified=sum(query.verified for query in found),
        saved_seconds=sum(query.saved_seconds for query in found),
        reason=next(iter(reasons), None),
        differing=[query.name for query in differing],
    )


def _queries() -> list[Query]:
    """Return the numbers of all processes with those that this one has not added up yet."""
    columns = CacheUse.__table__.columns
    rows = {row["name"]: dict(row) for row in db.session.execute(select(*columns)).mappings()}
    for name, use in of_app().uses.pending().items():
        row = rows.setdefault(name, {"name": name, **dict.fromkeys(COUNTED, 0)})
        row |= {"sql": use.plan.sql, "tables": ", ".join(use.plan.tables), "refusal": use.plan.refusal}
        row |= {what: row[what] + getattr(use, what) for what in COUNTED}
        for what in MOMENTS:
            row[what] = max(filter(None, (row.get(what), getattr(use, what))), default=None)
    return sorted(map(_query, rows.values()), key=lambda query: (-query.asked - query.passed, query.name))


def _query(row: dict[str, Any]) -> Query:
    return Query(**row | {"tables": tuple(filter(None, row["tables"].split(", ")))})


def _with_stale(actor: Actor, found: list[Query], latest: Mapping[str, int]) -> list[Query]:
    sets = {query.name: max((latest.get(group, 0) for group in query.groups), default=0) for query in found}
    told = journal.told(actor, {set_id for set_id in sets.values() if set_id})
    stale = {set_id: Stale(set_id, action, at) for set_id, (action, at) in told.items()}
    return [replace(query, stale=stale.get(sets[query.name])) for query in found]


def _latest() -> dict[str, int]:
    """Return the latest change set that moved a token, by the token's name."""
    of = CacheVersion
    query = select(of.name, func.max(of.change_set_id)).where(of.change_set_id.is_not(None)).group_by(of.name)
    return {name: set_id for name, set_id in db.session.execute(query) if set_id}


def _alarming(found: Sequence[Query], at: datetime, latest: Mapping[str, int] | None = None) -> list[Query]:
    """Return the queries of which an answer differed lately, and whose values were not cleared since."""
    differed = {q.name: q.differed_at for q in found if q.differed_at and q.differed_at > at - ALARMING}
    if not differed:
        return []
    latest = _latest() if latest is None else latest
    sets = {
        name: max(latest.get(one, 0) for one in (versions.of_query(name), versions.EVERYTHING)) for name in differed
    }
    rows = db.session.execute(select(ChangeSet.id, ChangeSet.at).where(ChangeSet.id.in_(set(sets.values()))))
    cleared_at = {set_id: moment for set_id, moment in rows}
    open_ones = {name for name, moment in differed.items() if moment >= cleared_at.get(sets[name], moment)}
    return [query for query in found if query.name in open_ones]


def _processes(seen: Iterable[Sign], at: datetime) -> list[Process]:
    """Return what each process said of the store; of this one, which tells it only each minute, what is so now."""
    if not of_app().store.is_remote:
        return []
    here, present = process_name(), trouble()
    found = {
        sign.name: Process(
            name=sign.name,
            reason=None if sign.is_good else sign.detail or UNKNOWN,
            since=sign.since,
            at=sign.at,
            is_here=sign.name == here,
            is_seen=sign.at >= at - SEEN_WITHIN,
        )
        for sign in seen
        if sign.kind is Kind.CACHE
    }
    told = found.get(here)
    if present or told:
        since = present.since if present else told.since if told and not told.reason else at
        found[here] = Process(here, present.reason if present else None, since, at, is_here=True, is_seen=True)
    return sorted(found.values(), key=lambda process: (not process.is_seen, process.reason is None, process.name))


def _place() -> Place:
    url = current_app.config["REDIS_URL"]
    if not url:
        return Place.MEMORY
    return Place.SENTINEL if url.startswith("redis+sentinel:") else Place.REDIS


def _memory() -> tuple[int, int] | None:
    try:
        return backends.memory(of_app().store.backend)
    except (RedisError, OSError):
        return None
