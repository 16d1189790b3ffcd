"""Read-only: once it is on, nothing is committed any more; who looks, and who signs in or out, goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import Actor, by_user, operator
from app.actions import read_only as switching
from app.actions import work
from app.actions.read_only import SWITCHING, read_only_while
from app.actions.registry import ACTIONS, Source, run
from app.changes.journal import ChangeSet
from app.changes.read_only import Cause, ReadOnly, ReadOnlyMode, ReadOnlyState, state
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs import queue
from app.core.jobs.job import Job, State
from app.core.problems import Busy, Invalid, Passing
from app.extensions import db
from app.people.role import Role
from tests.actions import counting
from tests.asking import asked
from tests.clock import Clock
from tests.sample import Sample
from tests.threads import at_once

pytestmark = pytest.mark.usefixtures("context")


def switch(is_on: bool, why: str | None = None) -> None:
    run(SWITCHING, actor=operator(), source=Source.CLI, reason=why, is_on=is_on, why=why)


def add_role(title: str, actor: Actor | None = None) -> None:
    run("create_role", actor=actor or operator(), source=Source.CLI, values={"title": title})


def roles() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Role.id))) or 0


@pytest.fixture
def administrator(sample: Sample) -> Actor:
    found = by_user(sample.users["administrator"])
    assert found is not None
    db.session.rollback()
    return found


def test_everybody_is_refused_while_it_is_on_and_told_why(administrator: Actor) -> None:
    before = roles()
    switch(True, "We move to the new server")
    found = state()
    assert found is not None
    assert (found.cause, found.reason) == (Cause.SWITCH, "We move to the new server")
    for actor in (administrator, operator()):
        with pytest.raises(ReadOnly, match=r"for the moment: We move to the new server\. Nothing was saved"):
            add_role("Cook", actor)
    assert roles() == before
    switch(False)
    assert state() is None
    add_role("Cook", administrator)
    assert roles() == before + 1


def test_switching_is_told_and_twice_the_same_is_refused() -> None:
    switch(True, "Why not")
    told = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
    assert (told.action, told.reason, told.arguments) == (SWITCHING, "Why not", {"is_on": True})
    with pytest.raises(Invalid, match="on already"):
        switch(True)
    switch(False)
    with pytest.raises(Invalid, match="off already"):
        switch(False)
    with pytest.raises(Invalid, match="at most 500"):
        switch(True, "x" * 501)


def test_the_setting_refuses_as_well(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(context.config, "READ_ONLY", True)
    with pytest.raises(ReadOnly) as refused:
        add_role("Cook")
    assert refused.value.state.cause is Cause.SETTING


def test_a_change_takes_no_statement_more_because_of_it(administrator: Actor) -> None:
    with asked() as found:
        add_role("Cook", administrator)
    about = [one for one in found if "read_only" in one]
    assert len(about) == 1
    assert "FROM users" in about[0]
    if db.engine.dialect.name != "sqlite":
        assert ("FOR SHARE" if db.engine.dialect.name == "postgresql" else "LOCK IN SHARE MODE") in about[0]


def test_a_preview_goes_on(administrator: Actor) -> None:
    switch(True)
    with asked() as found:
        run("create_role", actor=administrator, source=Source.PANEL, preview=True, values={"title": "Cook"})
    assert not [one for one in found if "read_only" in one]


def test_only_what_is_needed_meanwhile_goes_on() -> None:
    assert {name for name, one in ACTIONS.items() if one.goes_on} == {
        SWITCHING,
        "clear_cache",
        "end_session",
        "note_deployment",
        "note_restore",
    }


def test_switching_on_waits_for_a_change_that_is_under_way(app: Flask, administrator: Actor) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def change() -> None:
        def wait(_set_id: int | None) -> None:
            begun.set()
            assert go_on.wait(10)
            order.append("changed")

        run("create_role", actor=administrator, source=Source.CLI, also=wait, values={"title": "Cook"})

    def switch_on() -> None:
        assert begun.wait(10)
        threading.Timer(0.3, go_on.set).start()
        switch(True)
        order.append("switched")

    before = roles()
    assert at_once(app, change, switch_on) == [None, None]
    assert order == ["changed", "switched"]
    assert roles() == before + 1


def test_once_it_is_on_nothing_more_is_committed_however_many_write(app: Flask, administrator: Actor) -> None:
    committed, stop = list[float](), threading.Event()

    def change(number: int) -> None:
        for turn in range(10_000):
            if stop.is_set():
                return
            try:
                add_role(f"Role {number}-{turn}", operator() if number % 2 else administrator)
            except ReadOnly:
                committed.append(0)
                return
            except Busy:
                continue

    def switch_on() -> int:
        time.sleep(0.4)
        switch(True)
        with db.engine.connect() as connection:
            return connection.scalar(select(func.count(Role.id))) or 0

    try:
        *_writers, then = at_once(app, *(lambda n=n: change(n) for n in range(6)), switch_on)
    finally:
        stop.set()
    assert len(committed) == 6, "each of them was refused in the end"
    assert roles() == then > 10


def test_a_migration_holds_it_for_as_long_as_it_runs(clock: Clock) -> None:
    with read_only_while("a new column"):
        found = state()
        assert found is not None
        assert (found.cause, found.reason) == (Cause.MIGRATION, "a new column")
        with pytest.raises(ReadOnly, match="is being updated"):
            add_role("Cook")
        db.session.rollback()
    add_role("Cook")
    with pytest.raises(ZeroDivisionError), read_only_while("a new column"):
        raise ZeroDivisionError
    add_role("Porter")


def test_a_migration_leaves_it_on_that_somebody_switched_on() -> None:
    switch(True, "Spring cleaning")
    with read_only_while("a new column"):
        assert state() == ReadOnlyState(Cause.SWITCH, "Spring cleaning")
        db.session.rollback()
    assert state() == ReadOnlyState(Cause.SWITCH, "Spring cleaning")


def test_a_migration_that_died_holds_it_for_two_minutes_and_one_that_lives_on_and_on(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "RENEWED_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(switching, "_release", lambda _holder: None)
    with read_only_while("a new column"):
        clock.move(seconds=100)
        deadline = time.monotonic() + 10
        while held_until() < clock.now() + switching.HELD:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        clock.move(seconds=119)
        assert state() is not None
        db.session.rollback()
    clock.move(seconds=121)
    assert state() is None
    add_role("Cook")


def held_until() -> datetime:
    db.session.rollback()
    found: datetime | None = db.session.scalar(select(ReadOnlyMode.held_until))
    assert found is not None
    return found


@pytest.fixture
def counted() -> Iterator[None]:
    counting.register()
    yield
    counting.unregister()


@pytest.mark.usefixtures("counted")
def test_jobs_wait_and_go_on_where_they_were(app: Flask) -> None:
    ids = counting.make_roles(2)
    work.start("count_each", actor=operator(), source=Source.CLI, role_ids=ids)
    switch(True)
    with pytest.raises(ReadOnly):
        work.start("count_each", actor=operator(), source=Source.CLI, role_ids=ids)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert set(counting.counts().values()) == {0}
    switch(False)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert set(counting.counts().values()) == {1}


@pytest.mark.usefixtures("counted")
def test_a_job_that_runs_stops_before_its_next_step_and_no_try_is_counted(app: Flask) -> None:
    ids = counting.make_roles(3)
    work.start("count_each", actor=operator(), source=Source.CLI, role_ids=ids)
    db.session.rollback()
    done = list[int]()

    def stop_after_one() -> bool:
        if sum(counting.counts().values()) == 1 and not done:
            done.append(1)
            switch(True)
        return False

    due = queue.due(now())
    assert due is not None
    held = write(lambda: queue.claim(due, now()))
    assert held is not None
    assert work.do(held, stop_after_one) is State.WAITING
    write(lambda: queue.release(held))
    assert sum(counting.counts().values()) == 1
    job = db.session.scalars(select(Job).where(Job.id == held.id)).one()
    assert (job.state, job.attempts, job.resume, job.error) == (State.WAITING, 0, 1, None)
    db.session.rollback()
    switch(False)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert set(counting.counts().values()) == {1}


def test_it_passes_so_a_job_or_a_program_may_try_again() -> None:
    assert issubclass(ReadOnly, Passing)
    assert issubclass(ReadOnly, Invalid)
