"""`run`, the only door to changes: one transaction, previews, retries, and nothing half done."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from app import actions
from app.access.actor import by_user, operator
from app.access.grants import Action, Subject
from app.actions import registry
from app.actions.registry import Source, action, run
from app.core.problems import Conflict, Forbidden, Invalid
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Assignment
from tests.sample import act
from tests.threads import at_once


@pytest.fixture
def named(context):
    """Return a decorator that registers an action for this test alone."""
    before = dict(registry.ACTIONS)
    yield action
    registry.ACTIONS.clear()
    registry.ACTIONS.update(before)


def one(employee_id):
    """Return somebody, fresh from the database."""
    db.session.rollback()
    return db.session.get_one(Employee, employee_id)


@pytest.mark.usefixtures("context")
def test_outcome_tells_each_field_that_changed(sample):
    bo = sample.people["Bo"]
    values = {"phone": "+1 2", "location": "Oslo", "first_name": "Bo"}
    done = run("change_employee", actor=operator(), source=Source.CLI, employee_id=bo, version=1, values=values)
    (change,) = done.changes
    assert (change.entity, change.id, change.person_id) == ("employees", bo, bo)
    assert (change.before, change.after) == (
        {"phone": "+999 101", "location": None},
        {"phone": "+1 2", "location": "Oslo"},
    )
    assert done.value == bo
    assert one(bo).version == 2


@pytest.mark.usefixtures("context")
def test_preview_tells_the_changes_and_keeps_none(sample):
    cy = sample.people["Cy"]
    arguments = {
        "employee_id": cy,
        "version": 1,
        "values": {"department_id": sample.departments["Board"]},
        "valid_from": date(2024, 1, 1),
    }
    shown = run("change_employee", actor=operator(), source=Source.CLI, preview=True, **arguments)
    assert one(cy).department_id == sample.departments["Engineering"]
    assert one(cy).version == 1
    done = run("change_employee", actor=operator(), source=Source.CLI, **arguments)
    assert [(c.entity, c.operation, c.before, c.after) for c in shown.changes] == [
        (c.entity, c.operation, c.before, c.after) for c in done.changes
    ]
    assert ("assignments", {"valid_to": None}, {"valid_to": date(2024, 1, 1)}) in [
        (c.entity, c.before, c.after) for c in done.changes
    ]
    assert one(cy).department_id == sample.departments["Board"]


@pytest.mark.usefixtures("context")
def test_preview_of_a_new_record_leaves_no_trace():
    values = {"number": "1", "first_name": "X", "hired_on": date(2020, 1, 1)}
    shown = run("hire", actor=operator(), source=Source.CLI, preview=True, values=values)
    assert [c.after["number"] for c in shown.changes if c.entity == "employees"] == ["1"]
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 0
    assert db.session.scalar(select(func.count()).select_from(Assignment)) == 0


def test_function_of_an_action_stays_what_it_was(named):
    @named("seven", needs=None)
    def seven(actor):
        return 7

    assert seven(None) == 7
    assert run("seven", actor=operator(), source="cli").value == 7


def test_sources_are_the_words_that_will_stand_in_the_journal():
    assert {str(source) for source in Source} == {"panel", "web", "api", "import", "cli", "system"}


def test_preview_shows_a_thousand_records_at_most():
    assert registry.PREVIEW_ROWS == 1000


def test_preview_of_too_many_records_is_refused(named, monkeypatch):
    monkeypatch.setattr(registry, "PREVIEW_ROWS", 3)

    @named("make_many", needs=None)
    def make_many(actor, count):
        db.session.add_all(Employee(number=str(i), first_name="X", hired_on=date(2020, 1, 1)) for i in range(count))

    def preview(count):
        return run("make_many", actor=operator(), source=Source.CLI, preview=True, count=count)

    assert len({c.id for c in preview(3).changes}) == 3
    with pytest.raises(Invalid, match="more than 3 records"):
        preview(4)
    run("make_many", actor=operator(), source=Source.CLI, count=4)
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 4


@pytest.mark.usefixtures("context")
def test_unknown_field_is_refused_and_nothing_is_saved(sample):
    bo = sample.people["Bo"]
    for field in ("version", "id", "name_key", "nonsense"):
        with pytest.raises(Invalid) as refused:
            act("change_employee", employee_id=bo, version=1, values={"phone": "1", field: "x"})
        assert refused.value.errors.keys() == {field}
    assert one(bo).phone == "+999 101"


def test_unknown_action_source_and_second_action_of_a_name_are_faults(named):
    with pytest.raises(KeyError):
        run("nonsense", actor=operator(), source=Source.CLI)
    with pytest.raises(ValueError, match="rumour"):
        run("hire", actor=operator(), source="rumour", values={})
    with pytest.raises(ValueError, match="two actions called hire"):
        named("hire", needs=None)(lambda actor: None)


def test_right_is_needed_before_the_action_begins(named, sample):
    began = []

    @named("only_hr", needs=(Action.EDIT, Subject.EMPLOYMENT))
    def only_hr(actor):
        began.append(actor.access_role)

    with pytest.raises(Forbidden):
        run("only_hr", actor=by_user(sample.users["staff"]), source=Source.WEB)
    run("only_hr", actor=by_user(sample.users["hr"]), source=Source.WEB)
    assert began == ["hr"]


def test_rights_are_those_of_the_moment_not_those_of_the_request(named, sample):
    @named("only_hr", needs=(Action.EDIT, Subject.EMPLOYMENT))
    def only_hr(actor):
        raise AssertionError("must not begin")

    hr = by_user(sample.users["hr"])
    act("change_user", user_id=sample.users["hr"], version=1, values={"is_active": False})
    with pytest.raises(Forbidden):
        run("only_hr", actor=hr, source=Source.WEB)


def test_what_fails_in_the_middle_leaves_nothing(named):
    @named("half", needs=None)
    def half(actor):
        db.session.add(Employee(number="1", first_name="X", hired_on=date(2020, 1, 1)))
        db.session.flush()
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        run("half", actor=operator(), source=Source.CLI)
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 0


def test_unforeseen_broken_constraint_is_a_neutral_sentence(named, caplog, monkeypatch, sample):
    monkeypatch.delitem(actions.registry.as_problem.__globals__["WORDS"], "uq_employees_number_key")

    @named("twice", needs=None)
    def twice(actor):
        db.session.add(Employee(number="100", first_name="X", hired_on=date(2020, 1, 1)))

    with pytest.raises(Invalid) as refused:
        run("twice", actor=operator(), source=Source.API)
    words = str(refused.value)
    assert words == "This doesn’t fit the other records, so it was not saved."
    assert [record.constraint for record in caplog.records] == ["uq_employees_number_key"]
    assert len(sample.people) == 7


def test_of_changes_from_the_same_version_one_is_saved_and_the_others_are_told(app, sample):
    bo = sample.people["Bo"]

    def change(version, phone):
        return lambda: act("change_employee", employee_id=bo, version=version, values={"phone": phone})

    for version in (1, 2, 3):
        phones = [f"+{version} {i}" for i in range(4)]
        results = at_once(app, *(change(version, phone) for phone in phones))
        kinds = [type(result) for result in results]
        assert (kinds.count(int), kinds.count(Conflict)) == (1, 3), results
        with app.app_context():
            person = one(bo)
            assert (person.phone, person.version) == (phones[kinds.index(int)], version + 1)


def test_work_that_meets_another_is_repeated_until_it_fits(app, sample, named):
    @named("count_up", needs=None)
    def count_up(actor, employee_id):
        person = db.session.get(Employee, employee_id)
        person.notes = str(int(person.notes or 0) + 1) if (person.notes or "0").isdigit() else "1"

    bo = sample.people["Bo"]
    act("change_employee", employee_id=bo, version=1, values={"notes": "0"})
    results = at_once(app, *[lambda: act("count_up", employee_id=bo)] * 4)
    assert [r for r in results if isinstance(r, Exception)] == []
    assert one(bo).notes == "4"


def test_number_is_given_once_however_many_ask_at_once(app):
    def hire():
        return act("hire", values={"number": "7", "first_name": "X", "hired_on": date(2020, 1, 1)})

    results = at_once(app, *[hire] * 4)
    assert [type(r) for r in results].count(int) == 1, results
    refused = [r for r in results if isinstance(r, Invalid)]
    assert [list(r.errors) for r in refused] == [["number"]] * 3, results


def test_what_comes_after_the_commit_is_done_once_it_is_there(named):
    seen = []

    @named("later", needs=None, after=lambda: seen.append(db.session.scalar(select(func.count(Employee.id)))) or "done")
    def later(actor, number):
        db.session.add(Employee(number=number, first_name="X", hired_on=date(2020, 1, 1)))

    def do(number, **options):
        return run("later", actor=operator(), source=Source.CLI, number=number, **options)

    assert (do("1", preview=True).afterwards, seen) == (None, [])
    assert (do("1").afterwards, seen) == ("done", [1])
    with pytest.raises(Invalid):
        do("1")
    assert seen == [1]
