"""The worker's loop: idle it only reads, a signal lets the step end, and a database that is away stops nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.changes.transaction import write
from app.core.database import engine, schema
from app.core.jobs import queue, worker
from app.core.jobs.job import Job, State
from app.core.jobs.queue import Held
from app.core.jobs.schedules import Every, Schedule, add_begun
from app.core.problems import Busy, Invalid, Outdated, Problem
from app.extensions import db
from tests.applications import application, migrate
from tests.clock import Clock
from tests.core.jobs.queueing import add, leases, stored, take, taken
from tests.services.plugin import ProxiedDatabase
from tests.threads import at_once

DAILY, HOURLY = Schedule("tidy", Every.DAY, "nothing"), Schedule("look", Every.HOUR, "nothing")


class Turns(threading.Event):
    """Ends a worker after so many waits; each wait takes no time and can do something."""

    def __init__(self, count: int, at_each: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.left, self.at_each, self.waits = count, at_each, []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        self.at_each()
        self.left -= 1
        if self.left <= 0:
            self.set()
        return self.is_set()


def nothing(_held: Held, _is_stopping: Callable[[], bool]) -> State:
    return State.DONE


def once(app: Flask, do: worker.Do = nothing, wanted: list[Schedule] | None = None) -> None:
    worker.work(app, do, write, wanted or [], threading.Event(), is_once=True)


def keys(app: Flask) -> list[str | None]:
    with app.app_context():
        return list(db.session.scalars(select(Job.key).order_by(Job.key)))


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """Give the statements that are run, COMMIT among them."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        seen.append(sql)

    def note_commit(_connection: Any) -> None:
        seen.append("COMMIT")

    with app.app_context():
        bound = db.engine
    event.listen(bound, "before_cursor_execute", note)
    event.listen(bound, "commit", note_commit)
    yield seen
    event.remove(bound, "before_cursor_execute", note)
    event.remove(bound, "commit", note_commit)


def test_idle_worker_reads_once_a_turn_writes_nothing_and_leaves_no_transaction_open(
    app: Flask, statements: list[str]
) -> None:
    once(app, wanted=[DAILY, HOURLY])  # what comes round is done
    with app.app_context():
        pool: Any = db.engine.pool
    statements.clear()
    open_ones: list[int] = []
    turns = Turns(5, lambda: open_ones.append(pool.checkedout()))
    worker.work(app, nothing, write, [], turns)
    assert [sql.partition(" ")[0] for sql in statements] == ["SELECT"] * 5
    assert open_ones == [0] * 5
    assert turns.waits == [worker.POLL_SECONDS] * 5
    statements.clear()
    once(app, wanted=[DAILY, HOURLY])  # another worker begins: it asks what there is, and finds it
    assert [sql.partition(" ")[0] for sql in statements] == ["SELECT"] * 2


def test_jobs_are_done_one_after_the_other_until_none_is_due(app: Flask) -> None:
    with app.app_context():
        wanted = [add(), add(), add()]
    seen: list[int] = []

    def do(held: Held, _is_stopping: Callable[[], bool]) -> State:
        seen.append(held.id)
        return State.DONE

    once(app, do)
    assert seen == wanted
    with app.app_context():
        assert {stored(job_id).state for job_id in wanted} == {State.DONE}
        assert leases() == []


@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (Invalid({"name": "Enter a name."}), State.FAILED, "Enter a name."),
        (Busy(), State.WAITING, str(Busy.sentence)),
        (ValueError("Ana's address"), State.WAITING, str(worker.UNFORESEEN)),
    ],
)
def test_job_that_fails_says_why_in_a_sentence_and_the_worker_goes_on(
    app: Flask, caplog: pytest.LogCaptureFixture, error: Exception, state: State, sentence: str
) -> None:
    with app.app_context():
        bad, good = add(), add()

    def do(held: Held, _is_stopping: Callable[[], bool]) -> State:
        if held.id == bad:
            raise error
        return State.DONE

    with caplog.at_level(logging.INFO):
        once(app, do)
    with app.app_context():
        assert (stored(bad).state, stored(bad).error) == (state, sentence)
        assert stored(good).state is State.DONE
        assert leases() == []
    told = [record for record in caplog.records if getattr(record, "job_id", None) == bad]
    assert len(told) == 1
    assert (told[0].exc_info is None) == isinstance(error, Invalid)


def test_worker_that_is_to_end_lets_the_job_end_its_step_and_gives_it_back(app: Flask) -> None:
    with app.app_context():
        first, second = add(), add()
    stopping = threading.Event()

    def do(_held: Held, is_stopping: Callable[[], bool]) -> State:
        stopping.set()
        return State.WAITING if is_stopping() else State.DONE

    worker.work(app, do, write, [], stopping)
    with app.app_context():
        assert [stored(job_id).state for job_id in (first, second)] == [State.WAITING, State.WAITING]
        assert (stored(first).attempts, leases()) == (0, [])
        assert taken().id in (first, second)


def test_heartbeat_keeps_a_long_job_and_ends_with_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.01)
    renewed = threading.Event()
    renew = queue.renew

    def note(*arguments: Any) -> bool:
        renewed.set()
        return renew(*arguments)

    monkeypatch.setattr(queue, "renew", note)
    with app.app_context():
        add()

    def do(_held: Held, _is_stopping: Callable[[], bool]) -> State:
        assert renewed.wait(20)
        return State.DONE

    before = threading.active_count()
    once(app, do)
    assert threading.active_count() == before
    with app.app_context():
        assert db.session.scalars(select(Job.state)).all() == [State.DONE]


def test_job_that_another_worker_took_meanwhile_is_left_to_it(app: Flask, clock: Clock) -> None:
    with app.app_context():
        job_id = add()

    def do(_held: Held, _is_stopping: Callable[[], bool]) -> State:
        clock.move(minutes=1)
        assert take() is not None
        return State.DONE

    once(app, do)
    with app.app_context():
        assert (stored(job_id).state, leases()) == (State.RUNNING, [job_id])


def test_work_that_comes_round_is_added_once_by_however_many_workers(app: Flask, clock: Clock) -> None:
    seen: list[dict[str, str]] = [{}, {}, {}, {}]

    def look(mine: dict[str, str]) -> Callable[[], None]:
        return lambda: add_begun([DAILY, HOURLY], mine, write)

    for _ in range(2):
        assert at_once(app, *map(look, seen)) == [None] * 4
    assert keys(app) == ["look@2026-05-20T09", "tidy@2026-05-20"]
    clock.move(hours=1)
    at_once(app, *map(look, seen))
    clock.move(days=3)  # nobody worked meanwhile; what was missed is not made up for hour by hour
    at_once(app, *map(look, seen))
    assert keys(app) == [
        "look@2026-05-20T09",
        "look@2026-05-20T10",
        "look@2026-05-23T10",
        "tidy@2026-05-20",
        "tidy@2026-05-23",
    ]


def test_running_worker_notices_that_a_day_began(app: Flask, clock: Clock) -> None:
    worker.work(app, nothing, write, [DAILY], Turns(3, lambda: clock.move(hours=10)))
    assert keys(app) == ["tidy@2026-05-20", "tidy@2026-05-21"]
    with app.app_context():
        assert set(db.session.scalars(select(Job.state))) == {State.DONE}


def test_worker_that_stumbles_for_days_goes_on_and_says_so_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Schedule):
        def key(self, at: datetime) -> str:
            raise ValueError(at)

    turns = Turns(1500)
    worker.work(app, nothing, write, [Broken("a", Every.DAY, "nothing")], turns)
    assert [record.getMessage() for record in caplog.records] == ["the worker stumbled and goes on"]
    assert (turns.waits[:3], turns.waits[-1]) == ([2, 4, 8], worker.LONGEST_WAIT_SECONDS)


def test_worker_survives_a_database_that_is_away_and_says_so_once(
    proxied_database: ProxiedDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(connect=2, statement=2))
    with application(proxied_database.url) as app:
        migrate(app)
        caplog.clear()

        def go_on() -> None:
            if turns.left == 5:
                proxied_database.proxy.refuse()
            if turns.left == 2:
                proxied_database.proxy.restore()
                with app.app_context():
                    add()

        turns = Turns(6, go_on)
        with caplog.at_level(logging.INFO):
            worker.work(app, nothing, write, [], turns)
        with app.app_context():
            assert db.session.scalars(select(Job.state)).all() == [State.DONE]
    told = [record.getMessage() for record in caplog.records if record.name == worker.__name__]
    assert [words for words in told if "can't be reached" in words] == [told[0]]
    assert told[1:] == ["job", "the worker can work again"]
    assert turns.waits == [1, 1, 2, 4, 8, 1], "it asks less often while nobody answers"


def test_worker_whose_tables_are_another_versions_takes_no_job(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        add()
    monkeypatch.setattr(schema, "HEAD", schema.HEAD + 1)
    with pytest.raises(Outdated):
        once(app, lambda *_: pytest.fail("it was done all the same"))
    worker.work(app, nothing, write, [], Turns(2))
    assert [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR] == [str(Outdated())]
    monkeypatch.undo()
    once(app)
    with app.app_context():
        assert db.session.scalar(select(Job.state)) is State.DONE


def test_connection_cut_in_the_middle_of_a_job_is_a_try_that_failed(proxied_database: ProxiedDatabase) -> None:
    with application(proxied_database.url) as app:
        migrate(app)
        with app.app_context():
            job_id = add()

        def do(_held: Held, _is_stopping: Callable[[], bool]) -> State:
            proxied_database.proxy.cut()
            with suppress(Problem):
                write(lambda: db.session.scalar(select(Job.id)))
            db.session.scalar(select(Job.id))
            raise Busy

        once(app, do)
        with app.app_context():
            assert (stored(job_id).state, stored(job_id).attempts) == (State.WAITING, 1)


def test_worker_that_only_empties_the_queue_fails_where_it_can_not(
    proxied_database: ProxiedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(connect=2))
    with application(proxied_database.url) as app:
        proxied_database.proxy.refuse()
        began = time.monotonic()
        with pytest.raises(Exception, match=r"[Cc]onnect"):
            once(app)
        assert time.monotonic() - began < 20
