"""One application for a test run, on the database that the run is for; each test begins with empty tables."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask, has_app_context
from sqlalchemy import Table, delete, exists, func, insert, select, update

from app.access.grants import Action, Scope, Subject
from app.accounts import passwords
from app.accounts.models import AccessRole, GrantRow, User
from app.changes.read_only import ReadOnlyMode
from app.changes.tracking import KNOWINGLY
from app.core.querycache import versions
from app.core.querycache.uses import Uses
from app.extensions import db
from tests.applications import application, migrate
from tests.browsing import Browser
from tests.clock import Clock
from tests.hashing import CountingHasher
from tests.sample import Kept, Sample
from tests.writing import JOURNAL

pytest_plugins = ["tests.services.plugin"]

# Looking for garbage after every 700 objects takes an eighth of the tests' time; what lies around meanwhile is little.
gc.set_threshold(100_000, 20, 20)

KEPT = {"access_roles", "grants", "schema_state", "cache_versions", "read_only"}
"""What the migrations filled in; every test may count on it. Tokens that went would come back with other rows."""


@pytest.fixture(scope="session")
def migrated_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Give the application of this run."""
    instance: Path = tmp_path_factory.mktemp("instance")
    with application(database_url, INSTANCE_PATH=str(instance), SERVER_TIMING="1", CACHE_VERIFY="1") as app:
        migrate(app)
        yield app


@pytest.fixture
def app(migrated_app: Flask) -> Iterator[Flask]:
    """Give the application with empty tables; what a test leaves behind is removed after it."""
    yield migrated_app
    with migrated_app.app_context():
        empty_tables()
    uses = migrated_app.extensions["querycache"].uses.totals()
    migrated_app.extensions["querycache"].uses = Uses()
    assert not [name for name, use in uses.items() if use.differing], "the cache answered what was not so"


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """Give the application inside a context, for tests that call its rooms without a browser."""
    with app.app_context():
        yield app


@pytest.fixture(scope="session")
def kept_sample() -> Kept:
    """Keep the rows of the small organisation, once a test had it made."""
    return Kept()


@pytest.fixture
def sample(app: Flask, kept_sample: Kept) -> Sample:
    """Give a small organisation with an account of each access role: made once by actions, then put back as it was."""
    with app.app_context():
        return kept_sample.put_back()


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Give a signed-out browser."""
    return Browser(app)


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingHasher]:
    """Give a cheap hasher of passwords that counts, in place of the real one, which is slow by design."""
    cheap = CountingHasher()
    monkeypatch.setattr(passwords, "HASHER", cheap)
    passwords._dummy.cache_clear()
    yield cheap
    passwords._dummy.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that stands still until the test moves it."""
    return Clock().replace(monkeypatch)


Grants = Mapping[tuple[Action, Subject], Scope]


@pytest.fixture
def make_role(app: Flask) -> Iterator[Callable[[str, Grants], str]]:
    """Give a function that makes an access role with these grants and returns its name; it goes after the test."""
    made: list[str] = []

    def make(name: str, grants: Grants) -> str:
        made.append(name)
        with app.app_context(), db.engine.begin() as connection:
            connection = connection.execution_options(**{KNOWINGLY: True})
            row = {"name": name, "is_builtin": False, "version": 1}
            role_id = connection.execute(insert(AccessRole).values(row)).inserted_primary_key[0]
            for (action, subject), scope in grants.items():
                words = {"action": str(action), "subject": str(subject), "scope": str(scope)}
                connection.execute(insert(GrantRow).values(access_role_id=role_id, version=1, **words))
        if has_app_context():
            db.session.rollback()  # what the test reads from now on is from after it
        return name

    yield make
    if has_app_context():
        db.session.rollback()  # it may hold locks on what goes now
    with app.app_context(), db.engine.begin() as connection:
        connection = connection.execution_options(**{KNOWINGLY: True})
        roles = select(AccessRole.id).where(AccessRole.name.in_(made)).scalar_subquery()
        connection.execute(delete(User).where(User.access_role_id.in_(roles)))
        connection.execute(delete(GrantRow).where(GrantRow.access_role_id.in_(roles)))
        connection.execute(delete(AccessRole).where(AccessRole.name.in_(made)))


def empty_tables() -> None:
    """Remove every row but what the migrations made; rows that refer to each other are parted first."""
    tables = [table for table in reversed(db.metadata.sorted_tables) if table.name not in {*KEPT, *JOURNAL}]
    with db.engine.begin() as connection:
        connection = connection.execution_options(**{KNOWINGLY: True})
        is_filled = connection.execute(select(*(exists().select_from(table) for table in tables))).one()
        filled = [table for table, is_so in zip(tables, is_filled, strict=True) if is_so]
        for table in filled:
            if loops := looping(table):
                connection.execute(update(table).values(dict.fromkeys(loops)))
        for table in filled:
            connection.execute(table.delete())
        if connection.scalar(select(func.count()).select_from(versions.CacheVersion)) > versions.FOLDED_FROM:
            versions.fold(connection)
        connection.execute(update(versions.CacheVersion).values(change_set_id=None))  # which was of the test before
        connection.execute(update(ReadOnlyMode).values(on_until=None, held_until=None, holder=None))


def looping(table: Table) -> list[str]:
    """Return the columns by which a table refers to itself, or back to one that refers to it."""
    return [
        column.name
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table is table or (table.name, column.name) == ("departments", "lead_id")
    ]
