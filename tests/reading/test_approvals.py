"""Who reads which approvals, and what of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.access.actor import Actor, by_user
from app.access.grants import Action, Scope, Subject
from app.changes.approvals import Approval, Verdict
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs.job import Job
from app.core.problems import NotFound
from app.extensions import db
from app.reading import approvals as reading
from app.reading.approvals import Wanted, Which
from tests.approving import add, second_administrator
from tests.asking import asked
from tests.caching import believed, taken
from tests.clock import Clock
from tests.core.jobs import queueing
from tests.sample import Sample, account


def actor(user_id: int) -> Actor:
    found = by_user(user_id)
    assert found is not None
    return found


def ids(who: Actor, which: Which) -> list[int]:
    return [row.id for row in reading.approvals(who, Wanted(which=which)).rows]


def test_who_decides_sees_all_and_everybody_else_what_they_asked_for(context: Flask, sample: Sample) -> None:
    hr, administrator = actor(sample.users["hr"]), actor(sample.users["administrator"])
    first = add(context, hr.user_id or 0)
    own = add(context, administrator.user_id or 0)
    done = add(context, hr.user_id or 0, verdict=Verdict.APPROVED)
    assert ids(administrator, Which.WAITING) == [own, first]
    assert ids(administrator, Which.MINE) == [own]
    assert ids(administrator, Which.DECIDED) == [done]
    assert ids(hr, Which.WAITING) == [first]
    assert ids(hr, Which.MINE) == [done, first]
    assert ids(hr, Which.DECIDED) == [done]
    assert ids(actor(sample.users["auditor"]), Which.WAITING) == []
    with pytest.raises(NotFound):
        reading.approval(hr, own)
    with pytest.raises(NotFound):
        reading.approval(actor(sample.users["auditor"]), first)
    with pytest.raises(NotFound):
        reading.approval(administrator, done + 1)


def test_row_tells_who_asked_who_decided_and_what_its_reader_may_do(context: Flask, sample: Sample) -> None:
    hr, second = sample.users["hr"], second_administrator(context)
    decided = {"verdict": Verdict.REFUSED, "decided_at": now(), "decided_by_id": second, "answer": "Not yet."}
    refused = add(context, hr, rules="administration rows", **decided)
    waiting = add(context, hr)
    row = reading.approval(actor(sample.users["administrator"]), refused)
    assert (row.who, row.decider, row.answer) == ("Hana 山田", "second@sample.example", "Not yet.")
    assert row.rules == ("administration", "rows")
    assert [(row.is_own, row.may_decide) for row in _each_reader(sample, waiting)] == [(False, True), (True, False)]
    gone = add(context, 99_999)
    assert reading.approval(actor(sample.users["administrator"]), gone).who is None


def _each_reader(sample: Sample, approval_id: int) -> list[reading.ApprovalRow]:
    return [reading.approval(actor(sample.users[role]), approval_id) for role in ("administrator", "hr")]


def test_nobody_decides_on_what_they_asked_for_themselves(context: Flask, sample: Sample) -> None:
    own = add(context, sample.users["administrator"])
    assert not reading.approval(actor(sample.users["administrator"]), own).may_decide
    assert reading.approval(actor(second_administrator(context)), own).may_decide


def test_what_waited_for_too_long_has_expired_before_anybody_notes_it(context: Flask, sample: Sample) -> None:
    administrator = actor(sample.users["administrator"])
    late = add(context, sample.users["hr"], expires_at=now() - timedelta(seconds=1))
    assert reading.approval(administrator, late).verdict is Verdict.EXPIRED
    assert ids(administrator, Which.WAITING) == []
    assert ids(administrator, Which.DECIDED) == [late]
    assert reading.waiting(administrator) == reading.Waiting(0, 0)


def test_what_waits_for_the_reader_is_counted_apart_from_their_own(context: Flask, sample: Sample) -> None:
    hr, administrator = sample.users["hr"], sample.users["administrator"]
    for owner in (hr, hr, administrator):
        add(context, owner)
    add(context, hr, verdict=Verdict.WITHDRAWN)
    assert reading.waiting(actor(administrator)) == reading.Waiting(for_reader=2, own=1)
    assert reading.waiting(actor(hr)) == reading.Waiting(for_reader=0, own=2)
    assert reading.waiting(actor(sample.users["auditor"])) == reading.Waiting(0, 0)


def test_number_that_waits_is_kept_and_right_to_the_second(context: Flask, sample: Sample, clock: Clock) -> None:
    hr, administrator = actor(sample.users["hr"]), actor(sample.users["administrator"])
    for seconds in (10, 20):
        add(context, sample.users["hr"], expires_at=clock.now() + timedelta(seconds=seconds))
    with believed(context):
        for seconds, left in ((0, 2), (9.9, 2), (0.1, 1), (9.9, 1), (0.1, 0)):
            clock.move(seconds=seconds)
            assert reading.waiting(administrator) == reading.Waiting(for_reader=left)
            assert reading.waiting(hr) == reading.Waiting(own=left)
        assert taken(context)["approvals.waiting"] == (8, 2)
        withdrawn = add(context, sample.users["hr"], expires_at=clock.now() + timedelta(days=1))
        assert reading.waiting(hr).own == 1
        write(lambda: db.session.execute(update(Approval).where(Approval.id == withdrawn).values(verdict="refused")))
        assert reading.waiting(hr).own == 0


def test_more_than_are_read_are_counted_all_the_same(
    context: Flask, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_UP_TO", 3)
    administrator = actor(sample.users["administrator"])
    for number in range(1, 6):
        add(context, sample.users["hr"], expires_at=now() - timedelta(seconds=1))
        add(context, sample.users["hr"])
        assert reading.waiting(administrator) == reading.Waiting(for_reader=number)
    add(context, sample.users["administrator"])
    assert reading.waiting(administrator) == reading.Waiting(for_reader=5, own=1)


def test_list_takes_as_many_statements_for_many_rows_as_for_one(context: Flask, sample: Sample) -> None:
    administrator = actor(sample.users["administrator"])
    add(context, sample.users["hr"])
    with asked() as one:
        reading.approvals(administrator, Wanted(which=Which.WAITING))
    for user_id in [*sample.users.values()] * 3:
        add(context, user_id, asked_at=now() + timedelta(seconds=user_id))
    with asked() as many:
        page = reading.approvals(administrator, Wanted(which=Which.WAITING, size=10))
    assert (len(page.rows), page.count, page.next is not None) == (10, 16, True)
    assert len(one) == len(many) == 2


def test_change_set_knows_the_approval_it_came_from_at_once_or_by_a_job(context: Flask, sample: Sample) -> None:
    hr, administrator = sample.users["hr"], actor(sample.users["administrator"])
    at_once = add(context, hr, verdict=Verdict.APPROVED, change_set_id=70, decided_by_id=administrator.user_id)
    job_id = queueing.add("move_people")
    write(lambda: db.session.execute(update(Job).where(Job.id == job_id).values(change_set_id=71)))
    by_job = add(context, hr, verdict=Verdict.APPROVED, job_id=job_id)
    assert [row and row.id for row in (reading.of_set(administrator, n) for n in (70, 71, 72))] == [
        at_once,
        by_job,
        None,
    ]
    row = reading.approval(administrator, by_job)
    assert (row.change_set_id, row.job_id) == (71, job_id)


def test_job_that_is_gone_is_not_told_of(context: Flask, sample: Sample) -> None:
    approval = add(context, sample.users["hr"], verdict=Verdict.APPROVED, job_id=99_999, change_set_id=5)
    row = reading.approval(actor(sample.users["administrator"]), approval)
    assert (row.job_id, row.change_set_id) == (None, 5)


def test_person_of_an_erasure_is_told_to_who_may_see_the_approval(context: Flask, sample: Sample) -> None:
    about = add(context, sample.users["administrator"], action="erase_person", arguments={"employee_id": 5})
    second = actor(second_administrator(context))
    assert reading.person_asked_for(second, about) == 5
    assert reading.person_asked_for(actor(sample.users["hr"]), about) is None
    assert reading.person_asked_for(second, add(context, sample.users["hr"])) is None


def test_right_to_administer_accounts_is_what_opens_them(
    context: Flask, sample: Sample, make_role: Callable[..., str]
) -> None:
    waiting = add(context, sample.users["hr"])
    make_role("keeper", {(Action.ADMINISTER, Subject.ACCOUNTS): Scope.ALL})
    keeper = actor(account("keeper", "keeper@sample.example"))
    assert reading.approval(keeper, waiting).may_decide
