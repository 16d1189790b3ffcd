"""Asking the cache, and looking at what it keeps and which tokens there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, insert, select, text

from app.core import querycache
from app.core.database.engine import WRITING, end_transaction
from app.core.querycache import cached, codec, versions
from app.core.querycache.cached import EVERYBODY, QueryCache
from app.core.querycache.versions import CacheVersion, Token
from app.extensions import db
from app.people.role import Role
from tests.writing import KNOWINGLY

Rows = list[tuple[str, int, int, int | None]]
LATEST = 2**31 - 1
"""The id of a change set after all others."""
TITLES = select(Role.title).order_by(Role.title)


def ask(statement: Any = TITLES, scope: str = EVERYBODY, name: str = "titles") -> codec.Rows:
    """Ask the cache."""
    return querycache.rows(name, statement, scope)


def counted(mine: QueryCache, name: str = "titles") -> dict[str, int]:
    """Return what was counted for a query, without zeros and times."""
    use = mine.uses.totals()[name]
    kinds = ("hits", "misses", "verified", "differing", "away", "writing", "refused", "too_large")
    return {kind: count for kind in kinds if (count := getattr(use, kind))}


def key_of(mine: QueryCache, statement: Any = TITLES, name: str = "titles") -> str:
    """Return the key of a question at this moment."""
    plan, values = mine.plans.of(statement, db.engine.dialect)
    return cached._key(mine, name, plan, values, EVERYBODY)


def add_role(title: str) -> None:
    """Commit a role on another connection."""
    with db.engine.begin() as connection:
        row = {"title": title, "title_key": title, "version": 1}
        connection.execute(insert(Role).values(row).execution_options(**KNOWINGLY))


def tokens() -> dict[str, Token]:
    """Return the tokens of this moment."""
    end_transaction()
    return dict(versions.tokens())


@contextmanager
def writing() -> Iterator[Connection]:
    """Give a connection in a write transaction of its own, past the actions."""
    options = {WRITING: True, **KNOWINGLY}
    with db.engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def impatient() -> Iterator[Connection]:
    """Give such a connection that waits for locks for a second only; nobody else gets it afterwards."""
    with writing() as connection:
        connection.detach()
        is_mysql = connection.dialect.name == "mysql"
        connection.execute(text("SET innodb_lock_wait_timeout = 1" if is_mysql else "SET lock_timeout = '1s'"))
        yield connection


def stored() -> Rows:
    """Return the rows of tokens that others see."""
    with db.engine.connect() as connection:
        of = CacheVersion
        return [tuple(row) for row in connection.execute(select(of.name, of.high, of.low, of.change_set_id))]
