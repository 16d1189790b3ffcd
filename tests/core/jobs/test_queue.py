"""The queue: the oldest job first, one worker a job, and nobody moves what is no longer theirs."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.changes.transaction import write
from app.core.jobs import queue
from app.core.jobs.job import Job, State
from app.core.jobs.queue import FOR_DAYS, Lane, LeaseLost
from app.extensions import db
from tests.clock import Clock
from tests.core.jobs.queueing import add, leases, stored, take, taken
from tests.threads import at_once

pytestmark = pytest.mark.usefixtures("context")


def test_jobs_are_taken_in_the_order_in_which_they_became_due(clock: Clock) -> None:
    later = add(not_before=clock.moment + timedelta(seconds=2))
    first, second = add(), add()
    assert [held.id for held in (taken(), taken())] == [first, second]
    assert take() is None
    clock.move(seconds=2)
    assert taken().id == later


def test_taken_job_tells_all_its_worker_needs(clock: Clock) -> None:
    job_id = add(
        "transfer", arguments={"ids": [1], "day": "2026-01-01"}, actor_id=7, session_id=8, reason="why", undoes_id=9
    )
    held = taken()
    assert (held.id, held.action, held.arguments) == (job_id, "transfer", {"ids": [1], "day": "2026-01-01"})
    assert (held.actor_id, held.session_id, held.source, held.reason, held.undoes_id) == (7, 8, "cli", "why", 9)
    assert (held.steps, held.change_set_id, held.resume, held.done) == (None, None, 0, 0)
    job = stored(job_id)
    assert (job.state, job.attempts, job.lease, job.started_at) == (State.RUNNING, 1, held.lease, clock.moment)


def test_of_many_workers_at_once_each_job_is_given_to_one(app: Flask) -> None:
    wanted = {add() for _ in range(12)}

    def work() -> list[int]:
        found = []
        while held := take():
            found.append(held.id)
        return found

    results = at_once(app, *[work] * 4)
    given = [job_id for found in results for job_id in found]
    assert sorted(given) == sorted(wanted)


def test_lease_that_ran_out_is_given_to_another_and_the_first_moves_nothing_any_more(clock: Clock) -> None:
    job_id = add()
    slow = taken()
    clock.move(seconds=29)
    assert take() is None
    clock.move(seconds=1)
    quick = taken()
    assert (quick.id, stored(job_id).attempts) == (job_id, 2)
    assert not write(lambda: queue.renew(slow, clock.moment))
    for move in (
        lambda: queue.plan(slow, [], 0),
        lambda: queue.advance(slow, 1, 1, None),
        lambda: queue.finish(slow),
        lambda: queue.release(slow),
        lambda: queue.fail(slow, "Too late."),
        lambda: queue.is_cancel_asked(slow),
    ):
        with pytest.raises(LeaseLost):
            write(move)
    job = stored(job_id)
    assert (job.state, job.resume, job.lease, leases()) == (State.RUNNING, 0, quick.lease, [job_id])
    write(lambda: queue.finish(quick))
    assert (stored(job_id).state, leases()) == (State.DONE, [])


def test_renewed_lease_is_nobody_elses(clock: Clock) -> None:
    add()
    held = taken()
    for _ in range(3):
        clock.move(seconds=20)
        assert write(lambda: queue.renew(held, clock.moment))
        assert take() is None


def test_step_of_a_worker_that_lost_its_lease_is_rolled_back_with_its_data(clock: Clock) -> None:
    job_id = add()
    slow = taken()
    clock.move(minutes=1)
    quick = taken()

    def step(held: queue.Held, word: str) -> None:
        db.session.add(
            Job(action=word, source="cli", state=State.DONE, not_before=clock.moment, created_at=clock.moment)
        )
        db.session.flush()
        queue.advance(held, 1, 10, 5)

    with pytest.raises(LeaseLost):
        write(lambda: step(slow, "late"))
    write(lambda: step(quick, "right"))
    db.session.rollback()
    assert db.session.scalars(select(Job.action).where(Job.id != job_id)).all() == ["right"]
    job = stored(job_id)
    assert (job.resume, job.done, job.change_set_id) == (1, 10, 5)


def test_step_that_takes_longer_than_its_heartbeat_is_committed_at_the_first_try(app: Flask) -> None:
    """Were the lease in the job's row, its renewal would be a change since the step's snapshot began."""
    add()
    held = taken()
    tries = []

    def step() -> None:
        tries.append(1)
        db.session.scalar(select(Job.id))
        if db.engine.dialect.name != "sqlite":  # which has one writer, so that the heartbeat waits instead
            at_once(app, lambda: write(lambda: queue.renew(held, held_at)))
        queue.advance(held, 1, 1, None)

    held_at = stored(held.id).created_at + timedelta(days=1)
    write(step)
    assert (tries, stored(held.id).resume) == ([1], 1)


def test_failed_try_waits_longer_each_time_until_it_is_given_up(clock: Clock) -> None:
    job_id = add()
    waits = []
    for _ in range(queue.MOST_ATTEMPTS - 1):
        assert not write(partial(queue.fail, taken(), "No."))
        job = stored(job_id)
        assert (job.state, job.error, leases()) == (State.WAITING, "No.", [])
        waits.append((job.not_before - clock.moment).total_seconds())
        assert take() is None
        clock.moment = job.not_before
    for wait, usual in zip(waits, (5, 25, 125, 625), strict=True):
        assert 0.7 * usual <= wait <= 1.3 * usual
    assert write(partial(queue.fail, taken(), "No."))
    assert (stored(job_id).state, stored(job_id).finished_at) == (State.FAILED, clock.moment)
    clock.move(days=1)
    assert take() is None


def test_patient_lane_tries_for_about_two_days_at_least_each_hour_or_so(clock: Clock) -> None:
    lane = Lane(frozenset({"nothing"}), is_others=False, patience=FOR_DAYS)
    job_id, began = add(), clock.moment
    waits = []
    for _ in range(FOR_DAYS.attempts - 1):
        assert not write(partial(queue.fail, taken(lane), "No."))
        waits.append((stored(job_id).not_before - clock.moment).total_seconds())
        assert take(lane=lane) is None
        clock.moment = stored(job_id).not_before
    for wait, usual in zip(waits, (5, 25, 125, 625, 3125, *[3600] * (FOR_DAYS.attempts - 6)), strict=True):
        assert 0.7 * usual <= wait <= 1.3 * usual
    assert timedelta(hours=36) < clock.moment - began < timedelta(hours=60)
    assert write(partial(queue.fail, taken(lane), "No."))
    assert (stored(job_id).state, stored(job_id).error) == (State.FAILED, "No.")
    assert write(lambda: queue.retry(job_id))
    assert not write(partial(queue.fail, taken(lane), "No."))


def test_patient_lane_outlives_workers_that_die_and_the_other_does_not(clock: Clock) -> None:
    patient = Lane(frozenset({"deliver"}), is_others=False, patience=FOR_DAYS)
    add("deliver")
    for _ in range(FOR_DAYS.attempts):
        assert take(lane=patient) is not None
        clock.move(minutes=1)
    assert take(lane=patient) is None
    assert set(db.session.scalars(select(Job.state))) == {State.FAILED}


def test_step_that_succeeds_gives_the_job_all_its_tries_again(clock: Clock) -> None:
    job_id = add()
    for _ in range(2 * queue.MOST_ATTEMPTS):
        held = taken()
        write(lambda held=held: queue.advance(held, held.resume + 1, held.done + 1, None))
        write(lambda held=held: queue.fail(held, "No."))
        assert stored(job_id).state is State.WAITING
        clock.moment = stored(job_id).not_before
    assert stored(job_id).resume == 2 * queue.MOST_ATTEMPTS


def test_job_over_which_every_worker_dies_is_given_up(clock: Clock) -> None:
    job_id = add()
    for attempt in range(1, queue.MOST_ATTEMPTS + 1):
        assert taken().id == job_id
        assert stored(job_id).attempts == attempt
        clock.move(minutes=1)
    other = add()
    assert taken().id == other
    job = stored(job_id)
    assert (job.state, leases()) == (State.FAILED, [other])
    assert "worker ended" in (job.error or "")


def test_rule_that_says_no_is_not_asked_again(clock: Clock) -> None:
    job_id = add(arguments={"ids": [1]})
    write(partial(queue.fail, taken(), "Not allowed.", is_final=True))
    job = stored(job_id)
    assert (job.state, job.error, job.arguments) == (State.FAILED, "Not allowed.", {"ids": [1]})


def test_failed_job_goes_on_where_it_was_given_up_when_somebody_says_so(clock: Clock) -> None:
    job_id = add()
    held = taken()
    write(lambda: queue.plan(held, [("a", {}), ("b", {})], 2))
    write(lambda: queue.advance(held, 1, 1, 77))
    write(lambda: queue.fail(held, "No.", is_final=True))
    assert write(lambda: queue.retry(job_id))
    assert not write(lambda: queue.retry(job_id))
    again = taken()
    assert (again.id, again.resume, again.done, again.change_set_id) == (job_id, 1, 1, 77)
    assert again.steps == [("a", {}), ("b", {})]
    assert (stored(job_id).attempts, stored(job_id).error, stored(job_id).finished_at) == (1, None, None)


def test_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked_to_end(clock: Clock) -> None:
    waiting = add(not_before=clock.moment + timedelta(days=1), arguments={"ids": [1]})
    running = add()
    held = taken()
    assert not queue.is_cancel_asked(held)
    assert write(lambda: queue.cancel(waiting))
    assert write(lambda: queue.cancel(running))
    assert (stored(waiting).state, stored(waiting).arguments) == (State.CANCELLED, None)
    assert stored(running).state is State.RUNNING
    assert queue.is_cancel_asked(held)
    db.session.rollback()
    assert write(lambda: queue.fail(held, "No."))  # no further try for what somebody wants to end
    assert (stored(running).state, leases()) == (State.CANCELLED, [])
    assert not write(lambda: queue.cancel(waiting))
    assert not write(lambda: queue.cancel(running))


def test_what_is_over_keeps_neither_arguments_nor_steps(clock: Clock) -> None:
    job_id = add(arguments={"name": "Ana"})
    held = taken()
    write(lambda: queue.plan(held, [("hire", {"name": "Ana"})], 1))
    assert (stored(job_id).arguments, stored(job_id).steps) == (None, [["hire", {"name": "Ana"}]])
    write(lambda: queue.finish(held))
    job = stored(job_id)
    assert (job.state, job.arguments, job.steps, job.finished_at) == (State.DONE, None, None, clock.moment)


def test_job_given_back_is_due_at_once_and_the_try_does_not_count(clock: Clock) -> None:
    job_id = add()
    for _ in range(2 * queue.MOST_ATTEMPTS):
        write(partial(queue.release, taken()))
    assert (stored(job_id).state, stored(job_id).attempts) == (State.WAITING, 0)


def test_key_is_taken_once() -> None:
    job_id = add(key="daily@2026-05-20")
    with pytest.raises(IntegrityError):
        add(key="daily@2026-05-20")
    assert db.session.scalars(select(Job.id)).all() == [job_id]


def test_what_was_over_long_ago_is_outdated_failed_jobs_later_and_idle_scheduled_ones_sooner(clock: Clock) -> None:
    def ended(how: str, **options: object) -> int:
        job_id = add(**options)
        held = taken()
        if how == "changed":
            write(lambda: queue.advance(held, 1, 1, 9))
        write(lambda: queue.fail(held, "No.", is_final=True) if how == "failed" else queue.finish(held))
        return job_id

    done, failed = ended("done"), ended("failed")
    idle, busy = ended("done", key="a@1"), ended("changed", key="a@2")
    waiting = add(not_before=clock.moment + timedelta(days=1000))
    found = {}
    for days in (0, 2, 31, 91):
        clock.move(days=days)
        found[days] = queue.outdated(clock.moment)
        clock.move(days=-days)
    assert found == {0: [], 2: [idle], 31: [done, idle, busy], 91: [done, failed, idle, busy]}
    write(lambda: queue.remove([done, failed, idle, busy, waiting]))
    assert db.session.scalars(select(Job.id)).all() == [waiting]
