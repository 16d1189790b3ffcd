"""Recorded changes in words: one block a record, people with their job and pay history."""

from __future__ import annotations

from datetime import date

import pytest

from app import actions
from app.access.actor import by_user, operator
from app.access.grants import GROUP_OF, Action, Scope, Subject
from app.actions import Source
from app.actions.deliveries import DELIVERIES
from app.changes.tracking import TRACKED, Change, Operation, told_fields
from app.people.employee import Employee
from app.reading import journal
from app.reading.differences import OF_ALL, OF_PEOPLE, group_of, readable
from app.ui.differences import described
from app.ui.labels import ACTIONS, ENTITIES, FIELDS
from tests.sample import account

pytestmark = pytest.mark.usefixtures("context")

EVERYBODY = {(Action.VIEW, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.JOURNAL)}


# Whoever adds a field or a table has to say who sees it


def test_every_told_field_belongs_to_a_group_and_has_words():
    assert set(told_fields(Employee)) <= GROUP_OF.keys()
    assert TRACKED.keys() | {"change_sets"} == OF_PEOPLE.keys() | OF_ALL.keys() == ENTITIES.keys()
    unnamed = {name for model in TRACKED.values() for name in told_fields(model)} - FIELDS.keys()
    assert not unnamed, f"give these a label in app/ui/labels.py: {unnamed}"


def test_every_action_has_words():
    done = {*actions.registry.ACTIONS, *DELIVERIES, "opening", "import", "ask_approval", "approve"}
    assert done == set(ACTIONS), "say in app/ui/labels.py what each action did"


def test_what_nobody_sorted_is_for_almost_nobody():
    assert group_of("employees", "made_up") is Subject.NOTES
    assert group_of("made_up", "name") is Subject.SYSTEM


# What happened


def test_transfer_is_told_as_one_with_its_job_history(sample):
    eli, platform = sample.people["Eli"], sample.departments["Engineering"]
    arguments = {
        "employee_id": eli,
        "version": 1,
        "values": {"department_id": platform, "manager_id": sample.people["Bo"]},
        "valid_from": date(2026, 3, 1),
    }
    preview = actions.run("change_employee", actor=operator(), source=Source.CLI, preview=True, **arguments)
    shown = described(operator(), preview.changes)
    done = actions.run("change_employee", actor=operator(), source=Source.CLI, **arguments)
    assert described(operator(), journal.one(operator(), done.change_set_id).entry.changes) == shown
    assert len(shown) == 1
    assert (shown[0].name, shown[0].kind, shown[0].what) == ("Eli García", "Employee 104", "Transferred")
    assert [(line.label, line.before, line.after) for line in shown[0].lines] == [
        ("Department", "Platform", "Engineering"),
        ("Manager", "Cy Müller", "Bo Lindqvist"),
    ]
    assert shown[0].notes == [
        "Job from Feb 1, 2021 ended on Feb 28, 2026",
        "Job from Mar 1, 2026: Engineering, Engineer, under Bo Lindqvist",
    ]


def test_pay_is_told_with_its_currency(sample):
    eli = sample.people["Eli"]
    for day, amount in (("2025-01-01", "50000"), ("2026-01-01", "60000.50")):
        outcome = actions.run(
            "raise_pay",
            actor=operator(),
            source=Source.CLI,
            employee_ids=[eli],
            valid_from=day,
            amount=amount,
            currency="EUR",
            period="year",
            pay_reason="Review",
        )
    item = described(operator(), outcome.changes)[0]
    assert item.what == "Pay"
    assert sorted(item.notes) == [
        "Pay from Jan 1, 2025 ended on Dec 31, 2025",
        "Pay from Jan 1, 2026: €60,000.50 a year (Review)",
    ]


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        (("employees", Operation.UPDATE, {"custom": {"a": "1"}}, {"custom": {"a": "2", "b": "3"}}), "Changed", "'b'"),
        (("employees", Operation.UPDATE, {}, {}), "Changed", "has been erased"),
        (("employees", Operation.ERASE, {}, {"number": "erased-1"}), "Erased", "erased-1"),
        (("assignments", Operation.CREATE, {}, {}), "Job history", "has been erased"),
        (("pay", Operation.DELETE, {}, {}), "Pay", "has been erased"),
        (("pay", Operation.UPDATE, {"reason": "x"}, {"reason": None}), "Pay", "Reason: x → –"),
        (("employees", Operation.UPDATE, {"department_id": 10**6}, {"department_id": None}), "Transferred", "removed"),
    ],
)
def test_what_is_no_longer_there_is_told_all_the_same(sample, change, what, words):
    entity, operation, before, after = change
    told = Change(entity, sample.people["Eli"], sample.people["Eli"], operation, before, after)
    item = described(operator(), [told])[0]
    assert item.what == what
    assert words in str(item)


def test_record_of_which_nothing_may_be_seen_tells_nothing(sample, make_role):
    actor = by_user(account(make_role("plain", EVERYBODY), "plain@sample.example"))
    changes = [Change("pay", 1, sample.people["Eli"], Operation.UPDATE, {"amount": 1}, {"amount": 2})]
    changes += [Change("roles", sample.roles["Clerk"], None, Operation.UPDATE, {"level": 1}, {"level": 2})]
    for difference in readable(actor, changes):
        assert (difference.is_hidden, difference.entity, difference.id, difference.fields) == (True, "", 0, [])
    assert [item.hidden_records for item in described(actor, changes)] == [2]


def test_row_changed_in_several_steps_is_told_once_from_first_to_last(sample):
    def step(operation, before, after):
        return Change("roles", sample.roles["Clerk"], None, operation, before, after)

    made = step(Operation.CREATE, {}, {"title": "Clerk", "level": 1})
    raised = step(Operation.UPDATE, {"level": 1}, {"level": 2})
    back = step(Operation.UPDATE, {"level": 2, "family": None}, {"level": 1, "family": "Office"})
    gone = step(Operation.DELETE, {"title": "Clerk", "level": 2}, {})

    def told(*changes):
        items = described(operator(), changes)
        assert len(items) == 1
        return items[0].what, [(line.label, line.before, line.after) for line in items[0].lines]

    assert told(made, raised) == ("Added", [("Title", None, "Clerk"), ("Level", None, "2")])
    assert told(raised, back) == ("Changed", [("Family", "", "Office")])
    assert told(raised, gone) == ("Removed", [("Title", "Clerk", None), ("Level", "1", None)])
    assert told(made, gone) == ("Removed", [("Title", "Clerk", None), ("Level", "2", None)])
