"""`flask worker` as real programs: several at once, ended politely or killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import operator
from app.actions import work
from app.actions.registry import Source
from app.changes.journal import Segment
from app.core.jobs.job import Job, State
from app.extensions import db
from tests.actions.counting import counts, make_roles, register, unregister
from tests.commands.serving import START as SERVE
from tests.commands.test_serve import execute, rows
from tests.core.jobs.queueing import leases, stored

pytestmark = pytest.mark.everywhere  # who kills whom in the middle of what, each engine decides for itself
ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60
START = Callable[..., "Worker"]


class Worker:
    """A running worker."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error,ignore::ResourceWarning",
            "DATABASE_URL": url,
            "INSTANCE_PATH": str(folder),
            "LOG_FORMAT": "json",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "tests.commands.working", "worker", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def begun(self) -> Worker:
        """Wait until it looks for jobs."""
        assert self.process.stdout
        assert "the worker begins" in self.process.stdout.readline()
        return self

    def end(self, how: signal.Signals | None = None) -> tuple[int, str]:
        """Send a signal, and return exit code and what was said."""
        if how is not None:
            self.process.send_signal(how)
        said = self.process.communicate(timeout=WAIT_SECONDS)[0]
        return self.process.returncode, said

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start_worker(context: Flask, database_url: str, tmp_path: Path) -> Iterator[START]:
    """Give a function that starts a worker on this run's database; all are gone before its tables are emptied."""
    running: list[Worker] = []
    register()

    def begin(*arguments: str) -> Worker:
        running.append(Worker(database_url, tmp_path, *arguments))
        return running[-1]

    yield begin
    for one in running:
        one.kill()
    unregister()
    db.session.rollback()


def begin(name: str, role_ids: list[int], seconds: float = 0) -> int:
    return work.start(name, actor=operator(), source=Source.CLI, role_ids=role_ids, seconds=seconds)


def wait_until(is_so: Callable[[], bool], worker: Worker | None = None) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert worker is None or worker.process.poll() is None, worker.end()
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def unfinished() -> int:
    db.session.rollback()
    query = select(func.count()).select_from(Job).where(Job.state.in_((State.WAITING, State.RUNNING)))
    return db.session.scalar(query) or 0


def segments(job_id: int) -> list[int]:
    query = select(Segment.number).where(Segment.change_set_id == stored(job_id).change_set_id)
    return list(db.session.scalars(query.order_by(Segment.number)))


@pytest.mark.once
def test_once_empties_the_queue_and_ends(start_worker: START) -> None:
    roles = make_roles(3)
    jobs = [begin("count_each", roles), begin("count_up", roles)]
    code, said = start_worker("--once").end()
    assert code == 0, said
    assert {stored(job_id).state for job_id in jobs} == {State.DONE}
    assert counts() == dict.fromkeys(roles, 2)


def test_worker_killed_in_the_middle_of_large_work_is_followed_by_another_that_goes_on_there(
    start_worker: START,
) -> None:
    roles = make_roles(8)
    job_id = begin("count_each", roles, seconds=0.3)
    first = start_worker()
    wait_until(lambda: stored(job_id).resume >= 2, first)
    first.kill()
    reached = stored(job_id).resume
    assert (stored(job_id).state, leases()) == (State.RUNNING, [job_id])
    assert sum(counts().values()) == reached < 8
    second = start_worker()
    wait_until(lambda: stored(job_id).state is State.DONE, second)
    assert counts() == dict.fromkeys(roles, 1)
    assert (stored(job_id).done, segments(job_id)) == (8, list(range(1, 9)))


@pytest.mark.once
@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_worker_that_is_told_to_end_ends_its_step_and_gives_the_rest_to_others(
    start_worker: START, how: signal.Signals
) -> None:
    roles = make_roles(6)
    job_id = begin("count_each", roles, seconds=0.3)
    worker = start_worker()
    wait_until(lambda: stored(job_id).resume >= 1, worker)
    code, said = worker.end(how)
    job = stored(job_id)
    assert (code, job.state, leases()) == (0, State.WAITING, []), said
    assert "Traceback" not in said
    assert 1 <= job.resume < 6
    assert sum(counts().values()) == job.resume


def begin_many(jobs: int, seconds: float) -> list[int]:
    """Start jobs of two steps, each with roles of its own."""
    roles = make_roles(2 * jobs)
    return [begin("count_each", roles[2 * number : 2 * number + 2], seconds) for number in range(jobs)]


def check_each_happened_once(ids: list[int]) -> None:
    assert {stored(job_id).state for job_id in ids} == {State.DONE}
    wrong = {role: count for role, count in counts().items() if count != 1}
    assert not wrong, f"done {sorted(wrong.values())} times instead of once"
    assert all(segments(job_id) == [1, 2] for job_id in ids)
    assert leases() == []


@pytest.mark.slow
def test_two_workers_do_each_step_of_many_jobs_once_though_one_is_killed(start_worker: START) -> None:
    workers = [worker.begun() for worker in (start_worker(), start_worker())]
    ids = begin_many(16, seconds=0.1)
    wait_until(lambda: unfinished() < 13, workers[0])
    workers[0].kill()
    wait_until(lambda: unfinished() == 0, workers[1])
    check_each_happened_once(ids)


@pytest.mark.slow
def test_two_workers_do_each_of_a_thousand_jobs_once_though_one_is_killed_every_five_seconds(
    start_worker: START,
) -> None:
    ids = begin_many(1000, seconds=0.02)
    workers, killed = [start_worker(), start_worker()], 0
    began = next_kill = time.monotonic()
    while unfinished():
        assert time.monotonic() - began < 1000, f"{unfinished()} jobs are left"
        for worker in workers:
            assert worker.process.poll() is None, worker.end()
        if time.monotonic() > next_kill:
            next_kill += 5
            workers.pop(0).kill()
            workers.append(start_worker())
            killed += 1
        time.sleep(0.2)
    assert killed > 3
    check_each_happened_once(ids)


def test_served_application_does_the_work_itself(start: SERVE, tmp_path: Path) -> None:
    served = start()
    served.welcome()
    instance = tmp_path / "instance"
    query = "SELECT state FROM jobs WHERE action = 'clean_up_jobs'"
    wait_until(lambda: rows(instance, query) == [("done",)])
    execute(
        instance,
        "INSERT INTO jobs (action, source, state, not_before, attempts, resume, done, is_cancel_asked, created_at,"
        " arguments) VALUES ('remove_jobs', 'cli', 'waiting', '2020-01-01', 0, 0, 0, 0, '2020-01-01',"
        " '{\"job_ids\": [999]}')",
    )
    wait_until(lambda: rows(instance, "SELECT state FROM jobs WHERE action = 'remove_jobs'") == [("done",)])
    code, err = served.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err
