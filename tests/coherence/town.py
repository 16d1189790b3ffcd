"""Several processes of one house in one: applications on the same database, with a store of their own or a shared one.

Whoever reads asks through the cache and compares: with the database in the same snapshot, and, in a new snapshot, with
what somebody outside the application reads there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

import redis
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, select

from app.access.actor import Actor, by_session_token
from app.accounts import sessions
from app.accounts.models import User
from app.changes.transaction import write
from app.core.clock import now
from app.core.database.engine import REQUEST, WRITING, engine_options
from app.core.querycache.backends import PREFIX
from app.core.querycache.codec import Rows
from app.core.querycache.uses import Use
from app.extensions import cache, db
from tests.applications import application
from tests.coherence.questions import QUESTIONS, ask, asked, told

T = TypeVar("T")
SECRET = "the same in all processes of a house"
Copy = dict[Any, Any]


class Stale(AssertionError):
    """A reader was told what was not so."""


class Process:
    """An application as another process of the house would be one: it shares the database, and perhaps the store."""

    def __init__(self, app: Flask, redis_url: str) -> None:
        self.app = app
        self.client = redis.Redis.from_url(redis_url) if redis_url else None
        self.cache = app.extensions["querycache"]

    def forget(self) -> None:
        """Empty its store."""
        if self.client is None:
            self.app.extensions["cache"][cache].clear()
        else:
            self.client.flushdb()

    def forget_one(self, number: int) -> None:
        """Let one value go."""
        if keys := sorted(self.copied()):
            key = keys[number % len(keys)]
            if self.client is None:
                self.app.extensions["cache"][cache].delete(key)
            else:
                self.client.delete(key)

    def copied(self) -> Copy:
        """Return all that the store holds."""
        if self.client is None:
            return dict(self.app.extensions["cache"][cache]._kept.items())
        keys = list(self.client.scan_iter(f"{PREFIX}*"))
        return dict(zip(keys, self.client.mget(keys), strict=True)) if keys else {}

    def put_back(self, copy: Copy) -> None:
        """Let the store hold again what it held once: a server begun again from an old file does that."""
        self.forget()
        for key, value in copy.items():
            if self.client is None:
                self.app.extensions["cache"][cache].set(key, value[0], timeout=value[1])
            elif value is not None:
                self.client.set(key, value)

    def help_up(self) -> None:
        """Let a store that was slow for a moment be used again, as the keeper's thread does."""
        if self.cache.store.trouble is not None:
            self.cache.store.probe()

    def uses(self) -> dict[str, Use]:
        """Return what its cache did, by query."""
        found: dict[str, Use] = self.cache.uses.totals()
        return found


class Snapshot:
    """A request of a reader that is not over: its snapshot stays, whatever others commit."""

    def __init__(self, process: Process, token: str) -> None:
        self._context = copy_context()
        self._pushed = process.app.app_context()
        self._context.run(self._pushed.push)
        self.actor = self.run(by_session_token, token, now())

    def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something inside the request."""
        return self._context.run(work, *arguments)

    def close(self) -> None:
        """End the request."""
        self._context.run(self._pushed.pop)


@dataclass
class Town:
    """The processes, by name; the tokens of signed-in readers; and an engine that no application knows."""

    processes: dict[str, Process]
    tokens: dict[str, str] = field(default_factory=dict)
    reads: int = 0

    def __post_init__(self) -> None:
        url = next(iter(self.processes.values())).app.config["DATABASE_URL"]
        self.outside = outside(url)

    def read(self, process: str, reader: str, names: tuple[str, ...] = tuple(QUESTIONS)) -> dict[str, Rows]:
        """Ask as in a request of its own, and compare; raise `Stale`."""
        self.processes[process].help_up()
        with self.processes[process].app.app_context():
            actor = by_session_token(self.tokens[reader], now())
            return self.compared(actor, names) if actor else {}

    def compared(self, actor: Actor, names: tuple[str, ...] = tuple(QUESTIONS)) -> dict[str, Rows]:
        """Ask in the context at hand, where nobody else commits meanwhile, and compare; raise `Stale`."""
        found = {}
        for name in names:
            found[name] = ask(name, actor)
            self.reads += 1
            statement, _scope = asked(name, actor)
            compare(name, found[name], [tuple(row) for row in db.session.execute(statement)], "its snapshot")
            compare(name, found[name], self.outside_rows(statement), "the database by now")
        return found

    def outside_rows(self, statement: Any) -> Rows:
        """Return the rows as somebody reads them who came just now and never heard of a cache."""
        with self.outside.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def uses(self, what: str) -> int:
        """Return a number of all processes and queries together."""
        return sum(getattr(use, what) for process in self.processes.values() for use in process.uses().values())

    def check(self) -> None:
        """Raise `Stale` where a process itself found that its cache differed."""
        for process in self.processes.values():
            if wrong := [name for name, use in process.uses().items() if use.differing]:
                raise Stale(f"the cache itself found differences in {wrong}")


def outside(url: str) -> Engine:
    """Return an engine for a database that no application knows: what it commits moves no token."""
    return create_engine(url, **engine_options(make_url(url), REQUEST))


def compare(name: str, found: Rows, wanted: Rows, whose: str) -> None:
    """Raise `Stale` where rows are not those wanted."""
    seen, there = told(found), told(wanted)
    if seen != there:
        wrong, missing = [row for row in seen if row not in there], [row for row in there if row not in seen]
        raise Stale(f"{name}: not what {whose} holds: {wrong}, but {missing}")


def past_the_cache(work: Callable[[], T]) -> T:
    """Do something that asks the database only, in the same snapshot."""
    info = db.session().info
    info[WRITING] = True
    try:
        return work()
    finally:
        info[WRITING] = False


@contextmanager
def town(database_url: str, **stores: str) -> Iterator[Town]:
    """Give processes with these stores: a Redis server's URL, or "" for memory.

    The first verifies all its hits, as the whole test suite does; the others give what is kept, whatever it is.
    """
    with ExitStack() as stack:
        made: dict[str, Process] = {}
        for place, (name, redis_url) in enumerate(stores.items()):
            settings = {"SECRET_KEY": SECRET, "REDIS_URL": redis_url, "CACHE_VERIFY": "0" if place else "1"}
            app = stack.enter_context(application(database_url, **settings))
            made[name] = Process(app, redis_url)
            if made[name].client:
                stack.callback(made[name].client.close)
        found = Town(made)
        stack.callback(found.outside.dispose)
        yield found


def sign_in(*emails: str) -> dict[str, str]:
    """Return the tokens of accounts that sign in now, by the part of the address before the @."""
    found = {}
    for email in emails:
        user = select(User).where(User.email == email)
        found[email.partition("@")[0]] = write(
            lambda user=user: sessions.start(db.session.scalars(user).one(), None, None)
        )
    return found
