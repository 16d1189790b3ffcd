"""Large work waits as a whole, before there is a job; once it was looked at, its steps do not wait again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import operator
from app.access.grants import Action, Subject
from app.actions import work
from app.actions.four_eyes import deciding, digest
from app.actions.registry import Source
from app.changes.approvals import Verdict
from app.changes.journal import ChangeSet, Segment
from app.core.jobs.job import Job, State
from app.core.problems import HeldBack, TooMany
from app.extensions import db
from app.people.role import Role
from tests.actions.four_eyes.house import House, change, do, held, role, rules_of, verdict, waiting, who
from tests.core.jobs.queueing import stored
from tests.sample import act

PANEL = Source.PANEL


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step be of a hundred rows instead of a thousand, and nothing come round by itself."""
    monkeypatch.setattr(work, "STEP_ROWS", 100)
    monkeypatch.setattr(work, "SCHEDULES", [])


def started(user_id: int, name: str, **arguments: Any) -> int:
    """Start work that has to be held back; return the id of what waits."""
    with pytest.raises(HeldBack) as waits:
        work.run_or_start(name, actor=who(user_id), source=PANEL, reason="Autumn", **arguments)
    return waits.value.approval_id


def approve(user_id: int, approval_id: int) -> int:
    """Approve large work; return the id of the job."""
    job_id = deciding.approve(who(user_id), approval_id, source=PANEL)
    assert isinstance(job_id, int)
    return job_id


def jobs() -> int:
    """Return how many jobs there are that change something."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Job).where(Job.action != "send_mail")) or 0


def touched() -> int:
    """Return how many job titles were changed."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Role).where(Role.description.is_not(None))) or 0


def test_large_work_waits_before_there_is_a_job(house: House, roles: list[int], app: Flask) -> None:
    approval_id = started(house.hr, "touch", role_ids=roles)
    found = waiting(approval_id)
    assert (found.action, found.rules, found.records, found.reason) == ("touch", "rows", 250, "Autumn")
    assert digest.is_of_steps(found.digest)
    assert (jobs(), touched()) == (0, 0)
    assert started(house.hr, "touch", role_ids=roles) == approval_id
    with pytest.raises(TooMany):
        deciding.preview(who(house.ben), approval_id)
    job_id = approve(house.ben, approval_id)
    approved = waiting(approval_id)
    assert (approved.verdict, approved.job_id, approved.arguments) == (Verdict.APPROVED, job_id, None)
    told = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
    assert (told.action, told.arguments) == ("approve", {"approval_id": approval_id, "job_id": job_id})
    work.do_jobs(app, threading.Event(), is_once=True)
    job = stored(job_id)
    assert (job.state, job.actor_id, job.reason, job.done, touched()) == (State.DONE, house.hr, "Autumn", 250, 250)
    segments = select(Segment.count).where(Segment.change_set_id == job.change_set_id).order_by(Segment.number)
    assert list(db.session.scalars(segments)) == [100, 100, 50]


def test_steps_of_an_approved_job_do_not_wait_again(
    house: House, roles: list[int], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP_ROWS", 220)
    job_id = approve(house.ben, started(house.hr, "touch", role_ids=roles))
    work.do_jobs(app, threading.Event(), is_once=True)
    assert (stored(job_id).state, touched()) == (State.DONE, 250)


def test_what_an_approved_job_changed_is_not_counted(house: House, roles: list[int], app: Flask) -> None:
    approve(house.ben, started(house.hr, "touch", role_ids=roles))
    work.do_jobs(app, threading.Event(), is_once=True)
    do(house.hr, "touch", role_ids=roles[:100])
    do(house.hr, "touch", role_ids=roles[:100])
    held(house.hr, "touch", role_ids=roles[:1])


def test_large_work_that_would_be_about_others_is_not_done(house: House, roles: list[int], named: Any) -> None:
    after: list[int] = roles[:]

    def steps(_actor: Any) -> list[Any]:
        return [("touch", {"role_ids": after[:120]}), ("touch", {"role_ids": after[120:]})]

    named("touch_all", needs=(Action.EDIT, Subject.ORGANISATION), steps=steps)(lambda actor: None)
    approval_id = started(house.hr, "touch_all")
    after.pop()
    with pytest.raises(deciding.Outdated):
        approve(house.ben, approval_id)
    assert (verdict(approval_id), jobs()) == (Verdict.OUTDATED, 0)


def test_job_does_the_steps_that_were_approved(house: House, roles: list[int], named: Any, app: Flask) -> None:
    after: list[int] = roles[:150]

    def steps(_actor: Any) -> list[Any]:
        return [("touch", {"role_ids": after[:]})]

    named("touch_all", needs=(Action.EDIT, Subject.ORGANISATION), steps=steps)(lambda actor: None)
    approve(house.ben, started(house.hr, "touch_all"))
    after.extend(roles[150:])
    work.do_jobs(app, threading.Event(), is_once=True)
    assert touched() == 150


def test_no_job_is_a_way_around_a_rule(house: House, roles: list[int], app: Flask) -> None:
    for name, arguments in (
        ("change_user", change(house.hr, access_role_id=role("administrator"))),
        ("erase_person", {"employee_id": house.sample.people["Dee"]}),
    ):
        with pytest.raises(HeldBack) as waits:
            work.start(name, actor=who(house.ana), source=PANEL, **arguments)
        assert len(rules_of(waits.value.approval_id)) == 1
    assert jobs() == 0


def test_small_work_is_started_without_waiting_and_counted(house: House, roles: list[int], app: Flask) -> None:
    for some in (roles[:90], roles[90:180]):
        job_id = work.start("touch", actor=who(house.hr), source=PANEL, role_ids=some)
        work.do_jobs(app, threading.Event(), is_once=True)
        assert stored(job_id).state is State.DONE
    with pytest.raises(HeldBack):
        work.start("touch", actor=who(house.hr), source=PANEL, role_ids=roles[:30])


def test_undo_of_a_large_set_is_as_large_as_the_set(house: House, roles: list[int], app: Flask) -> None:
    approve(house.ben, started(house.hr, "touch", role_ids=roles))
    work.do_jobs(app, threading.Event(), is_once=True)
    set_id = db.session.scalar(select(Job.change_set_id).where(Job.action == "touch"))
    with pytest.raises(HeldBack) as waits:
        work.start("undo", actor=who(house.hr), source=PANEL, undoes=set_id, change_set_id=set_id, despite=False)
    found = waiting(waits.value.approval_id)
    assert (found.rules, found.records, found.undoes_id) == ("rows", 250, set_id)
    job_id = approve(house.ben, found.id)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert (stored(job_id).state, touched()) == (State.DONE, 0)


def test_operator_starts_what_they_want(house: House, roles: list[int], app: Flask) -> None:
    work.start("touch", actor=operator(), source=Source.CLI, role_ids=roles)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert touched() == 250


def test_nothing_is_weighed_where_there_is_nobody_to_ask(house: House, roles: list[int]) -> None:
    act("change_user", **change(house.ben, is_active=False))
    assert isinstance(work.run_or_start("touch", actor=who(house.hr), source=PANEL, role_ids=roles), int)
