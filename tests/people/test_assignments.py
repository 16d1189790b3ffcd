"""Job history with effective dates: whatever is recorded in whatever order, it stays whole and fits the record."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.clock import today
from app.core.problems import Invalid
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from tests.career import one, planned
from tests.sample import act
from tests.writing import commit, write

pytestmark = pytest.mark.usefixtures("context")

numbers = count()
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hired(**values):
    """Hire somebody."""
    return act("hire", values={"number": f"H{next(numbers)}", "first_name": "X", **values})


def spans(employee_id):
    """Return first days and ends of a job history."""
    return [(row.valid_from, row.valid_to) for row in assignments.of(employee_id)]


def check(employee_id):
    """Hold a history to what is always so, by the product's own rule and by eye."""
    assignments.check(employee_id)
    person, history = one(employee_id), assignments.of(employee_id)
    assert all(row.valid_to is not None and row.valid_to <= later.valid_from for row, later in pairwise(history))
    assert history[0].valid_from == person.hired_on
    jobs = [row for row in history if row.status is not Status.LEFT]
    assert [row for row in history if row.status is Status.LEFT] in ([], history[-1:])
    begun = [row for row in jobs if row.valid_from <= today()] or jobs[:1]
    for field in ("department_id", "role_id", "manager_id"):
        assert getattr(begun[-1], field) == getattr(person, field)
    if person.status is Status.LEFT:
        assert begun[-1].valid_to == person.left_on + timedelta(days=1) <= today() + timedelta(days=1)
    else:
        assert begun[-1].status is person.status
        assert begun[-1].valid_to is None or begun[-1].valid_to > today()
        assert history[-1].valid_to is None
    pay = list(db.session.scalars(db.select(Pay).where(Pay.employee_id == employee_id).order_by(Pay.valid_from)))
    assert all(row.valid_to is not None and row.valid_to <= later.valid_from for row, later in pairwise(pay))


DAYS = st.integers(-20, 30)
STEPS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(["active", "on_leave"]), st.none() | DAYS),
    st.tuples(st.just("leave by form"), DAYS, st.none()),
    st.tuples(st.just("leave"), DAYS, st.none()),
    st.tuples(st.just("return by form"), st.none(), st.none() | DAYS),
    st.tuples(st.just("come_back"), st.none(), DAYS),
    st.tuples(st.just("raise_pay"), st.integers(1, 9), DAYS),
    st.tuples(st.just("hired_on"), DAYS, st.none()),
    st.tuples(st.just("left_on"), DAYS, st.none()),
    st.tuples(st.just("cancel"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 20), st.none()),
)


@given(st.lists(STEPS, max_size=10))
@QUICK
def test_no_sequence_of_changes_breaks_a_history(clock, steps):
    start = today()
    person = hired(hired_on=start - timedelta(days=10))

    def take(what, value, day):
        on = start + timedelta(days=value if isinstance(value, int) else 0)
        valid_from = None if day is None else start + timedelta(days=day)
        values = {
            "change": {"status": value},
            "leave by form": {"status": "left", "left_on": on},
            "return by form": {"status": "active", "left_on": None},
            "hired_on": {"hired_on": on},
            "left_on": {"left_on": on},
        }
        if what in values:
            version = one(person).version
            act("change_employee", employee_id=person, version=version, values=values[what], valid_from=valid_from)
        elif what == "leave":
            act("leave", employee_ids=[person], left_on=on)
        elif what == "come_back":
            act("come_back", employee_ids=[person], valid_from=valid_from)
        elif what == "raise_pay":
            act("raise_pay", employee_ids=[person], amount=value, currency="EUR", valid_from=valid_from)
        elif what == "cancel":
            for stretch_id in planned(person)[:1]:
                act("cancel_planned", employee_id=person, assignment_id=stretch_id)

    for step in steps:
        if step[0] == "wait":
            clock.move(days=step[1])
            assert act("take_effect")["overdue"] == []
        else:
            with suppress(Invalid):
                take(*step)
        check(person)


CHANGES = st.tuples(
    st.sampled_from(["department_id", "role_id", "manager_id"]), st.integers(0, 2), st.integers(-20, 30) | st.none()
)


@given(st.lists(CHANGES | st.integers(1, 15), max_size=10))
@QUICK
def test_a_change_holds_from_its_day_until_the_history_changes_the_same_again(clock, sample, steps):
    """Each field is also kept as one value a day, which a change overwrites as far as the old value went on."""
    people = sample.people
    choices = {
        "department_id": list(sample.departments.values()),
        "role_id": list(sample.roles.values()),
        "manager_id": [people["Ada"], people["Hana"], None],
    }
    first, length = today() - timedelta(days=20), 200
    person = hired(hired_on=first, **{field: values[0] for field, values in choices.items()})
    told = {field: [values[0]] * length for field, values in choices.items()}
    for step in steps:
        now = (today() - first).days
        if isinstance(step, int):
            clock.move(days=step)
            act("take_effect")
        else:
            field, choice, day = step
            value, at = choices[field][choice], now if day is None else 20 + day
            was = told[field][at]
            action = {"department_id": "transfer", "role_id": "assign_role", "manager_id": "change_manager"}[field]
            act(action, employee_ids=[person], **{field: value}, valid_from=first + timedelta(days=at))
            while at < length and told[field][at] == was:
                told[field][at], at = value, at + 1
    history = assignments.of(person)
    for field, values in told.items():
        for at, value in enumerate(values):
            day = first + timedelta(days=at)
            (stretch,) = [s for s in history if s.valid_from <= day and (s.valid_to is None or s.valid_to > day)]
            assert getattr(stretch, field) == value
        assert getattr(one(person), field) == values[(today() - first).days]
    check(person)


def test_replaced_value_goes_from_the_day_on_wherever_it_is_held(sample):
    ada, bo, hana = (sample.people[name] for name in ("Ada", "Bo", "Hana"))
    person = hired(hired_on=date(2020, 1, 1), manager_id=bo)
    act("change_manager", employee_ids=[person], manager_id=hana, valid_from=date(2021, 1, 1))
    act("change_manager", employee_ids=[person], manager_id=bo, valid_from=date(2022, 1, 1))
    write(lambda: assignments.replace("manager_id", [(one_of(person), bo, ada)], date(2020, 7, 1)))
    assert [(row.valid_from, row.manager_id) for row in assignments.of(person)] == [
        (date(2020, 1, 1), bo),
        (date(2020, 7, 1), ada),
        (date(2021, 1, 1), hana),
        (date(2022, 1, 1), ada),
    ]
    assert one(person).manager_id == ada


def one_of(employee_id):
    """Return somebody, loaded by the write that is under way."""
    return db.session.get_one(Employee, employee_id)


def spoil(row, **values):
    """Change a row past all rules."""
    for field, value in values.items():
        setattr(row, field, value)
    commit()


@pytest.mark.parametrize(
    ("which", "values", "words"),
    [
        (0, {"valid_to": date(2022, 1, 1)}, "would say two things on 2021-01-01."),
        (1, {"status": Status.ON_LEAVE}, "would not fit their record of today."),
        (1, {"valid_to": date(2022, 1, 1)}, "would not fit their record of today."),
        (1, {"valid_from": date(2199, 1, 1)}, "would not fit their record of today."),
    ],
)
def test_history_that_is_not_whole_is_told(sample, which, values, words):
    person = hired(hired_on=date(2020, 1, 1))
    act("assign_role", employee_ids=[person], role_id=sample.roles["Clerk"], valid_from=date(2021, 1, 1))
    assignments.check(person, *sample.people.values())
    spoil(assignments.of(person)[which], **values)
    with pytest.raises(Invalid) as told:
        assignments.check(*sample.people.values(), person)
    assert str(told.value).endswith(words)


def test_history_of_a_leaver_that_goes_on_is_told(sample):
    flo = sample.people["Flo"]
    spoil(assignments.of(flo)[0], valid_to=date(2020, 7, 1))
    with pytest.raises(Invalid):
        assignments.check(flo)


def test_pay_that_overlaps_is_told():
    person = hired(hired_on=date(2020, 1, 1))
    for year in (2020, 2021):
        db.session.add(Pay(employee_id=person, amount=1, currency="EUR", valid_from=date(year, 1, 1)))
    commit()
    with pytest.raises(Invalid):
        assignments.check(person)


def test_who_has_no_history_gets_one_by_the_first_change(sample):
    person = hired(hired_on=date(2020, 1, 1), role_id=sample.roles["Clerk"])
    for row in db.session.scalars(db.select(Assignment).where(Assignment.employee_id == person)):
        db.session.delete(row)
    commit()
    act("assign_role", employee_ids=[person], role_id=sample.roles["Engineer"], valid_from=date(2021, 1, 1))
    assert spans(person) == [(date(2020, 1, 1), date(2021, 1, 1)), (date(2021, 1, 1), None)]
    check(person)
