"""Pay: raised from a day on, for one person or many, corrected, removed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.access.actor import by_user
from app.actions import Source, run
from app.core.problems import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.people import assignments
from app.people.history import Pay
from app.people.pay import raised
from tests.career import TODAY, TOMORROW, YESTERDAY, hire, leave, one, planned, refused
from tests.sample import act

pytestmark = pytest.mark.usefixtures("context")
FIRST, LATER = date(2023, 1, 1), date(2024, 1, 1)


def rows(employee_id):
    """Return somebody's pay, fresh from the database."""
    db.session.rollback()
    return list(db.session.scalars(db.select(Pay).where(Pay.employee_id == employee_id).order_by(Pay.valid_from)))


def pay(employee_id):
    """Return somebody's pay in short: first day, day after the last, amount."""
    return [(row.valid_from, row.valid_to, row.amount) for row in rows(employee_id)]


def raise_pay(*people, **values):
    """Raise the pay of these people."""
    return act("raise_pay", employee_ids=list(people), **values)


@pytest.fixture
def dee(sample):
    """Return somebody who is paid 1,000.01 EUR a month."""
    raise_pay(sample.people["Dee"], amount="1000.01", currency="eur", period="month", valid_from=FIRST)
    return sample.people["Dee"]


@pytest.mark.parametrize(
    ("amount", "percent", "expected"),
    [
        ("1000.01", "2.5", "1025.01"),
        ("0.50", "1", "0.51"),
        ("0.49", "1", "0.49"),
        ("100.00", "0.005", "100.01"),
        ("100.00", "0.0049", "100.00"),
        ("999999999.99", "3.3", "1032999999.99"),
        ("1000.00", "-10", "900.00"),
    ],
)
def test_raise_is_rounded_to_the_cent_half_a_cent_up(amount, percent, expected):
    assert raised(Decimal(amount), Decimal(percent)) == Decimal(expected)


def test_raise_by_per_cent_is_of_what_each_is_paid_on_that_day(sample, dee):
    eli = sample.people["Eli"]
    raise_pay(eli, amount=2000, currency="USD", valid_from=FIRST)
    assert raise_pay(dee, eli, percent="2.5", valid_from=LATER, pay_reason="Yearly review") == 2
    assert pay(dee) == [(FIRST, LATER, Decimal("1000.01")), (LATER, None, Decimal("1025.01"))]
    assert [(row.currency, row.period, row.reason) for row in (rows(dee)[1], rows(eli)[1])] == [
        ("EUR", "month", "Yearly review"),
        ("USD", "year", "Yearly review"),
    ]


def test_raise_may_be_planned_or_dated_before_a_later_one_which_stays(dee):
    raise_pay(dee, percent=10, valid_from=TOMORROW)
    raise_pay(dee, amount=1500, valid_from=LATER)
    assert pay(dee) == [
        (FIRST, LATER, Decimal("1000.01")),
        (LATER, TOMORROW, Decimal(1500)),
        (TOMORROW, None, Decimal("1100.01")),
    ]


def test_raise_on_the_day_of_another_takes_its_place(dee):
    raise_pay(dee, amount=1500, valid_from=FIRST)
    assert pay(dee) == [(FIRST, None, Decimal(1500))]
    assert (rows(dee)[0].currency, rows(dee)[0].period) == ("EUR", "month")


def test_pay_ends_with_the_work_also_where_it_is_raised_after_the_leaving_was_planned(dee):
    leave(dee, TOMORROW)
    end = rows(dee)[0].valid_to
    raise_pay(dee, percent=1)
    assert [row[1] for row in pay(dee)] == [TODAY, end]
    leave(dee, YESTERDAY)
    assert [row[1] for row in pay(dee)] == [TODAY]


def test_pay_of_who_had_none_begins_on_the_day_and_lasts_until_the_leaving(sample):
    person = hire("N")
    leave(person, TOMORROW)
    raise_pay(person, amount=1, currency="EUR")
    (leaving,) = planned(person)
    ends = {row.id: row.valid_from for row in assignments.of(person)}
    assert pay(person) == [(TODAY, ends[leaving], Decimal(1))]


def test_raise_that_can_not_be_says_whose_and_why(sample, dee):
    people = sample.people
    for values, words in (
        ({"percent": 3}, {"percent": "Eli García: There is no pay on that day to raise. Enter an amount."}),
        ({"amount": 3}, {"currency": "Eli García: There is no pay on that day yet. Enter the currency."}),
        ({}, {"percent": "Enter either a percentage or a new amount."}),
        ({"percent": 3, "amount": 3}, {"percent": "Enter either a percentage or a new amount."}),
        (
            {"percent": 3, "currency": "EUR"},
            {"currency": "A raise by per cent keeps currency and period. Leave them empty."},
        ),
        ({"amount": -1}, {"amount": "Enter an amount of 0 or more."}),
        ({"amount": "1.001"}, {"amount": "Use at most 2 decimal places."}),
        ({"amount": 1, "currency": "E1R"}, {"currency": "Enter a currency like EUR."}),
        ({"amount": 1, "currency": "EUR", "period": "week"}, {"period": "Choose one of the list."}),
        ({"percent": "lots"}, {"percent": "Enter a number."}),
        (
            {"amount": 1, "currency": "EUR", "valid_from": date(2020, 1, 1)},
            {"valid_from": "Eli García: This is before the first day of work."},
        ),
    ):
        assert refused(raise_pay, dee, people["Eli"], **values) == words
    for share in (0, -100, 1001, "NaN", "Infinity"):
        assert refused(raise_pay, dee, percent=share).keys() == {"percent"}
    assert refused(raise_pay, people["Flo"], amount=1, currency="EUR") == {
        "valid_from": "This is after the last day of work."
    }
    assert pay(dee) == [(FIRST, None, Decimal("1000.01"))]


def test_correction_of_pay_changes_the_stretch_and_not_its_days(dee):
    row = rows(dee)[0]
    values = {"amount": "1100", "reason": "Typo"}
    act("correct_pay", employee_id=dee, pay_id=row.id, values=values, version=row.version)
    assert pay(dee) == [(FIRST, None, Decimal(1100))]
    with pytest.raises(Conflict):
        act("correct_pay", employee_id=dee, pay_id=row.id, values=values, version=row.version - 1)
    for wrong in ({"amount": ""}, {"amount": "-1"}, {"currency": "euro"}, {"valid_from": TODAY}):
        with pytest.raises(Invalid):
            act("correct_pay", employee_id=dee, pay_id=row.id, values=wrong)


def test_pay_that_is_removed_gives_its_days_to_the_one_before(dee):
    raise_pay(dee, percent=1, valid_from=LATER)
    raise_pay(dee, percent=1, valid_from=TOMORROW)
    act("remove_pay", employee_id=dee, pay_id=rows(dee)[1].id)
    assert [row[:2] for row in pay(dee)] == [(FIRST, TOMORROW), (TOMORROW, None)]
    act("remove_pay", employee_id=dee, pay_id=rows(dee)[0].id)
    assert [row[:2] for row in pay(dee)] == [(TOMORROW, None)]


def test_pay_of_somebody_else_is_not_there_and_takes_the_right(sample, dee):
    row = rows(dee)[0].id
    with pytest.raises(NotFound):
        act("remove_pay", employee_id=sample.people["Eli"], pay_id=row)
    manager = by_user(sample.users["manager"])
    for action, arguments in (
        ("raise_pay", {"employee_ids": [dee], "percent": 1}),
        ("correct_pay", {"employee_id": dee, "pay_id": row, "values": {"amount": 1}}),
        ("remove_pay", {"employee_id": dee, "pay_id": row}),
    ):
        with pytest.raises(Forbidden):
            run(action, actor=manager, source=Source.PANEL, **arguments)
    assert one(dee).status == "active"
