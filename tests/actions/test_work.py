"""Large work: steps of one change set, each done once, with the rights of its moment, and to be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import actions
from app.access.actor import by_user, operator
from app.actions import registry, work
from app.actions.registry import Source, action
from app.changes.journal import ChangeSet, Segment
from app.core.jobs.job import Job, State
from app.core.problems import Forbidden, Invalid, NotFound
from app.extensions import db
from tests.actions.counting import NEEDS, counts, make_roles, register
from tests.clock import Clock
from tests.core.jobs.queueing import add, stored
from tests.sample import Sample, act

CLI = {"actor": operator(), "source": Source.CLI}


@pytest.fixture(autouse=True)
def counting(context: Flask) -> Iterator[None]:
    """Have actions that count, for this test alone."""
    before = dict(registry.ACTIONS)
    register()
    yield
    registry.ACTIONS.clear()
    registry.ACTIONS.update(before)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step be of three rows instead of a thousand."""
    monkeypatch.setattr(work, "STEP_ROWS", 3)


def do_jobs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SCHEDULES", [])
    work.do_jobs(app, threading.Event(), is_once=True)


def segments(set_id: int | None) -> list[int]:
    """Return how many changes each segment of a change set has."""
    db.session.rollback()
    query = select(Segment.count).where(Segment.change_set_id == set_id).order_by(Segment.number)
    return list(db.session.scalars(query))


def sets() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(ChangeSet)) or 0


def meanwhile(monkeypatch: pytest.MonkeyPatch, after: int, what: Callable[[], Any]) -> None:
    """Let something happen between two steps: after so many of them."""
    run, done = work.run, []

    def run_and_count(*arguments: Any, **named: Any) -> Any:
        outcome = run(*arguments, **named)
        done.append(1)
        if len(done) == after:
            what()
        return outcome

    monkeypatch.setattr(work, "run", run_and_count)


def test_large_work_is_one_change_set_in_segments_of_which_each_is_a_transaction(
    app: Flask, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = make_roles(8)
    before = sets()
    job_id = work.start("count_up", **CLI, reason=" Spring ", role_ids=roles)
    assert counts() == dict.fromkeys(roles, 0)
    assert (stored(job_id).state, stored(job_id).total) == (State.WAITING, None)
    do_jobs(app, monkeypatch)
    assert counts() == dict.fromkeys(roles, 1)
    job = stored(job_id)
    assert (job.state, job.done, job.total, job.resume, job.arguments, job.steps) == (State.DONE, 8, 8, 3, None, None)
    assert segments(job.change_set_id) == [3, 3, 2]
    assert sets() == before + 1
    told = db.session.get_one(ChangeSet, job.change_set_id)
    assert (told.action, told.source, told.reason, told.request_id) == ("count_up", "cli", "Spring", f"job-{job_id}")


def test_steps_are_computed_once_and_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = make_roles(4)
    job_id = work.start("count_each", **CLI, role_ids=roles)
    asked: list[int] = []

    def each(actor: Any, role_ids: list[int]) -> list[Any]:
        asked.append(1)
        return [("count_up", {"role_ids": [role_id]}) for role_id in role_ids]

    registry.ACTIONS["count_each"] = registry.Named("count_each", NEEDS, lambda actor: None, steps=each)
    stop = threading.Event()
    meanwhile(monkeypatch, 2, stop.set)
    work.do_jobs(app, stop)
    job = stored(job_id)
    assert (job.state, job.resume, job.done, job.total) == (State.WAITING, 2, 2, 4)
    assert [counts()[role] for role in roles] == [1, 1, 0, 0]
    do_jobs(app, monkeypatch)
    assert counts() == dict.fromkeys(roles, 1)
    assert (asked, segments(stored(job_id).change_set_id)) == ([1], [1, 1, 1, 1])


def test_small_work_is_done_at_once_and_large_work_by_a_worker(few: None) -> None:
    roles = make_roles(4)
    for name in ("count_up", "count_each"):
        done = work.run_or_start(name, **CLI, role_ids=roles[:3])
        assert isinstance(done, actions.Outcome)
        assert done.change_set_id is not None
    assert [counts()[role] for role in roles] == [2, 2, 2, 0]
    job_ids = [work.run_or_start(name, **CLI, role_ids=roles) for name in ("count_up", "count_each")]
    assert [stored(int(str(job_id))).state for job_id in job_ids] == [State.WAITING] * 2
    assert [counts()[role] for role in roles] == [2, 2, 2, 0]


def test_arguments_go_to_the_action_as_json_has_them(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    action("look", needs=None)(lambda actor, **arguments: seen.append(arguments))
    values = {"on": date(2026, 3, 31), "pay": Decimal("10.50"), "source": Source.CLI}
    work.start("look", **CLI, values=values, ids=(1, 2), note=None)
    do_jobs(app, monkeypatch)
    assert seen == [{"values": {"on": "2026-03-31", "pay": "10.5", "source": "cli"}, "ids": [1, 2], "note": None}]


def test_job_that_changes_nothing_leaves_no_change_set(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sets()
    jobs = [work.start(name, **CLI, role_ids=ids) for name in ("count_up", "count_each") for ids in ([], [0])]
    do_jobs(app, monkeypatch)
    assert {stored(job_id).state for job_id in jobs} == {State.DONE}
    assert {stored(job_id).change_set_id for job_id in jobs} == {None}
    assert sets() == before


def test_who_has_not_the_right_can_not_start_it(sample: Sample) -> None:
    for start in (work.start, work.run_or_start):
        with pytest.raises(Forbidden):
            start("count_up", actor=by_user(sample.users["staff"]), source=Source.WEB, role_ids=[1])
    assert db.session.scalars(select(Job.id)).all() == []


def test_each_step_has_the_rights_of_its_moment_and_what_was_done_stays(
    app: Flask, sample: Sample, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = make_roles(7)
    hr = sample.users["hr"]
    job_id = work.start("count_up", actor=by_user(hr), source=Source.PANEL, role_ids=roles)
    meanwhile(monkeypatch, 1, lambda: act("change_user", user_id=hr, version=1, values={"is_active": False}))
    do_jobs(app, monkeypatch)
    job = stored(job_id)
    assert (job.state, job.done, job.total, job.actor_id) == (State.FAILED, 3, 7, hr)
    assert "has been switched off" in (job.error or "")
    assert [counts()[role] for role in roles] == [1] * 3 + [0] * 4
    assert segments(job.change_set_id) == [3]


def test_cancelled_job_ends_before_its_next_step(app: Flask, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = make_roles(7)
    job_id = work.start("count_up", **CLI, role_ids=roles)
    meanwhile(monkeypatch, 2, lambda: act("cancel_job", job_id=job_id))
    do_jobs(app, monkeypatch)
    job = stored(job_id)
    assert (job.state, job.done, job.steps) == (State.CANCELLED, 6, None)
    assert [counts()[role] for role in roles] == [1] * 6 + [0]


def test_crash_between_two_steps_is_tried_again_from_there(
    app: Flask, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.jobs.queue.FIRST_WAIT_SECONDS", 0)
    roles = make_roles(5)
    job_id = work.start("count_up", **CLI, role_ids=roles)

    def crash() -> None:
        raise ConnectionResetError

    meanwhile(monkeypatch, 1, crash)
    do_jobs(app, monkeypatch)
    job = stored(job_id)
    assert (job.state, job.done, job.error) == (State.DONE, 5, None)
    assert counts() == dict.fromkeys(roles, 1)
    assert segments(job.change_set_id) == [3, 2]


def test_rule_that_says_no_fails_the_job_with_its_sentence_until_somebody_tries_again(
    app: Flask, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = make_roles(4)
    job_id = work.start("count_up", **CLI, role_ids=roles)

    def refuse() -> None:
        raise Invalid({"role_ids": "This role is closed."})

    with monkeypatch.context() as patch:
        meanwhile(patch, 1, refuse)
        do_jobs(app, monkeypatch)
    assert (stored(job_id).state, stored(job_id).error) == (State.FAILED, "This role is closed.")
    act("retry_job", job_id=job_id)
    do_jobs(app, monkeypatch)
    assert stored(job_id).state is State.DONE
    assert counts() == dict.fromkeys(roles, 1)


def test_jobs_are_controlled_by_who_started_them_and_by_administrators(sample: Sample) -> None:
    users = {role: by_user(user_id) for role, user_id in sample.users.items()}

    def control(role: str, job_id: int) -> Any:
        actor = users[role]
        assert actor is not None
        return actions.run("cancel_job", actor=actor, source=Source.PANEL, job_id=job_id)

    def waiting(owner: str | None) -> int:
        return add(actor_id=sample.users[owner] if owner else None)

    for role, owner, refused in (
        ("staff", "hr", NotFound),
        ("staff", None, NotFound),
        ("hr", "staff", NotFound),
        ("auditor", "staff", Forbidden),
        ("auditor", None, Forbidden),
    ):
        job_id = waiting(owner)
        with pytest.raises(refused):
            control(role, job_id)
        assert stored(job_id).state is State.WAITING
    for role, owner in (("staff", "staff"), ("administrator", "staff"), ("administrator", None)):
        job_id = waiting(owner)
        control(role, job_id)
        assert stored(job_id).state is State.CANCELLED
        with pytest.raises(Invalid):
            control(role, job_id)
        with pytest.raises(Invalid):
            act("retry_job", job_id=job_id)
    with pytest.raises(NotFound):
        control("administrator", 0)


def test_clean_up_comes_round_each_day_and_leaves_nothing_where_there_is_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SCHEDULES", [one for one in work.SCHEDULES if one.name == "clean_up_jobs"])
    before = sets()
    for _ in range(2):
        work.do_jobs(app, threading.Event(), is_once=True)
    db.session.rollback()
    (job,) = db.session.scalars(select(Job))
    assert (job.action, job.state, job.total, job.change_set_id) == ("clean_up_jobs", State.DONE, 0, None)
    assert job.key is not None
    assert job.key.startswith("clean_up_jobs@")
    assert sets() == before


def test_clean_up_removes_what_was_over_long_ago(
    app: Flask, few: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        work.start("count_up", **CLI, role_ids=[])
    do_jobs(app, monkeypatch)
    clock.move(days=31)
    recent = work.start("count_up", **CLI, role_ids=[])
    clean_up = work.start("clean_up_jobs", **CLI)
    do_jobs(app, monkeypatch)
    assert db.session.scalars(select(Job.id).order_by(Job.id)).all() == [recent, clean_up]
    assert (stored(clean_up).done, stored(clean_up).total) == (5, 5)
