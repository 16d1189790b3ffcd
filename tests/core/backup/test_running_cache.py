"""A restore under processes that go on: what they cached is never shown for what is there now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.core import querycache
from app.core.problems import Problem
from app.core.querycache import versions
from app.core.querycache.codec import Rows
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from tests.applications import application
from tests.caching import believed
from tests.core.backup.backing import back_up, put_back
from tests.core.querycache.stores import NAME, QUESTION, outcome, unhurried, using
from tests.sample import act


@pytest.fixture
def processes(holding: Flask, redis_url: str, tmp_path: Path) -> Iterator[dict[str, Flask]]:
    """Give applications on one database, as processes have them: one caches in its memory, two share a Redis."""
    url = db.engine.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        stack.enter_context(unhurried())
        found = {}
        for name, store in (("memory", ""), ("redis", redis_url), ("other redis", redis_url)):
            settings = {"INSTANCE_PATH": str(tmp_path / name), "CACHE_VERIFY": "0"}
            found[name] = stack.enter_context(application(url, **settings))
            stack.enter_context(using(found[name], store))
            stack.enter_context(believed(found[name]))
        yield found


def names(app: Flask) -> Rows | None:
    """Ask through the cache, in a request of its own; None where nobody would be signed in, and see nothing."""
    with app.test_request_context():
        try:
            if not versions.tokens() or not db.session.scalar(select(Employee.id).limit(1)):
                return None
            return querycache.rows(NAME, QUESTION, querycache.EVERYBODY)
        finally:
            db.session.remove()


def stored() -> Rows:
    """Ask the database."""
    db.session.rollback()
    found = [tuple(row) for row in db.session.execute(QUESTION)]
    db.session.rollback()
    return found


def rename(word: str) -> None:
    """Give a department another name."""
    db.session.rollback()
    row = db.session.scalars(select(Department).order_by(Department.id)).first()
    assert row is not None
    act("change_department", department_id=row.id, version=row.version, values={"name": word})
    db.session.remove()


@pytest.mark.redis
def test_every_process_shows_what_is_there_now_through_restores_and_edits(
    processes: dict[str, Flask], tmp_path: Path
) -> None:
    """Also when ids, versions and counts come again with other content, as they do after a restore.

    The backup is of one moment: what is changed while it is written is not in it.
    """
    first = stored()
    meanwhile = iter(["while it was written"])
    path = back_up(tmp_path / "first.backup", progress=lambda *_: [rename(word) for word in meanwhile]).path
    seen = []
    for step in ("written", "restored", "edited", "restored again"):
        if step.startswith("edited"):
            rename(step)
        elif step.startswith("restored"):
            put_back(path)
        seen.append(stored())
        for app in processes.values():
            assert names(app) == seen[-1], step
            assert outcome(app) == "hit"  # so it was not for want of a cache
    assert seen[1] == seen[3] == first
    assert len({str(rows) for rows in seen}) == 3


@pytest.mark.redis
def test_whoever_asks_while_it_goes_on_gets_what_was_or_what_is_and_keeps_nothing_in_between(
    processes: dict[str, Flask], tmp_path: Path
) -> None:
    path, before = back_up(tmp_path / "first.backup").path, stored()
    rename("Since then")
    since, wrong, count = stored(), [], 0
    ended = threading.Event()

    def ask(app: Flask) -> None:
        nonlocal count
        while not ended.is_set():
            try:
                found = names(app)
            except (SQLAlchemyError, Problem):  # the tables are not there just now
                continue
            count += found is not None
            if found not in (None, before, since):
                wrong.append(found)

    readers = [threading.Thread(target=ask, args=(app,)) for app in processes.values()]
    for reader in readers:
        reader.start()
    try:
        put_back(path)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert count
    assert all(names(app) == before == stored() for app in processes.values())
