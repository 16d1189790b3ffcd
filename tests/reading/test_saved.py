"""Who saved what a record holds now, as far as its reader may know."""

from __future__ import annotations

import pytest

from app import actions
from app.access.actor import by_user, operator
from app.core.clock import now
from app.people.employee import Employee
from app.reading.saved import last_saved
from tests.sample import account, stored


@pytest.fixture
def save(app, context, sample):
    """Return a function by which a user (None: the operator) changes fields of Bo."""

    def change(user_id, **values):
        bo = sample.people["Bo"]
        actor = by_user(user_id) if user_id else operator()
        version = stored(app, Employee, bo).version
        actions.run("change_employee", actor=actor, source="panel", employee_id=bo, version=version, values=values)

    return change


@pytest.fixture
def told(sample):
    """Return a function that tells a user (None: the operator) who saved some fields of Bo."""

    def ask(user_id, *fields):
        actor = by_user(user_id) if user_id else operator()
        found = last_saved(actor, "employees", sample.people["Bo"], fields)
        assert found is None or abs((now() - found.when).total_seconds()) < 60
        return found and found.who

    return ask


def test_who_saved_a_field_last_is_told_whoever_saved_others_since(save, told, sample):
    hr, administrator = sample.users["hr"], sample.users["administrator"]
    save(administrator, phone="+1", location="Oslo")
    save(hr, phone="+2")
    save(None, notes="Of no concern")
    assert told(hr, "phone") == "Hana 山田"
    assert told(hr, "location") == "Ada Okafor"
    assert told(hr, "phone", "location") is None  # several people
    assert told(hr, "notes") is None  # the operator has no name
    assert told(hr) is None
    assert last_saved(operator(), "employees", 10**6, ["phone"]) is None


def test_account_without_a_person_is_named_only_to_who_may_see_accounts(save, told, sample):
    save(account("hr", "office@sample.example"), phone="+1")
    assert told(None, "phone") == told(sample.users["administrator"], "phone") == "office@sample.example"
    assert told(sample.users["staff"], "phone") is None


def test_person_whom_the_reader_may_not_see_is_not_named(save, told, sample, make_role):
    save(sample.users["hr"], phone="+1")
    assert told(account(make_role("blind", {}), "blind@sample.example"), "phone") is None
