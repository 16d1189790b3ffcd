"""One person's record: what its reader sees, and what they may change."""

from __future__ import annotations

from datetime import timedelta

from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.core.clock import today
from app.people import assignments
from app.reading import person
from tests.sample import account, act
from tests.writing import commit


def test_group_that_can_not_be_seen_can_not_be_edited_unseen(sample, make_role, context):
    grants = {
        (Action.VIEW, Subject.DIRECTORY): Scope.ALL,
        (Action.EDIT, Subject.DIRECTORY): Scope.ALL,
        (Action.EDIT, Subject.NOTES): Scope.ALL,
    }
    actor = by_user(account(make_role("blind", grants), "blind@sample.example"))
    record = person.by_id(actor, sample.people["Eli"])
    assert "notes" not in record.values
    assert record.editable == [Subject.DIRECTORY]


def test_what_is_planned_is_marked_and_kept_from_whom_it_is_about(sample, context):
    eli, tomorrow = sample.people["Eli"], today() + timedelta(days=1)
    act("raise_pay", employee_ids=[eli], amount=1, currency="EUR")
    act("raise_pay", employee_ids=[eli], amount=2, currency="EUR", valid_from=tomorrow)
    act("transfer", employee_ids=[eli], department_id=sample.departments["Board"], valid_from=tomorrow)
    act("leave", employee_ids=[eli], left_on=tomorrow, leaving_reason="Found stealing")

    def seen_by(role):
        return person.with_history(person.by_id(by_user(sample.users[role]), eli))

    record = seen_by("hr")
    assert [(job.is_planned, job.is_overdue, job.status) for job in record.jobs] == [
        (True, False, "left"),
        (True, False, "active"),
        (False, False, "active"),
    ]
    assert [(pay.amount, pay.is_planned) for pay in record.pay] == [(2, True), (1, False)]
    assert record.values["leaving_reason"] == "Found stealing"
    own = seen_by("staff")
    assert [(job.is_planned, job.valid_to) for job in own.jobs] == [(False, None)]
    assert [(pay.amount, pay.valid_to) for pay in own.pay] == [(1, None)]
    assert own.values["leaving_reason"] is None


def test_change_that_could_not_take_effect_is_told(sample, context):
    eli = sample.people["Eli"]
    assignments.of(eli)[-1].department_id = sample.departments["Board"]
    commit()
    (job,) = person.with_history(person.by_id(by_user(sample.users["hr"]), eli)).jobs
    assert (job.is_planned, job.is_overdue) == (False, True)
