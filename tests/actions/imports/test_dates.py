from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.imports.dates import Order, birth_date, coming_date, decide, evidence, is_ambiguous, past_date
from app.actions.imports.values import Refused

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2011-07-05",
            "2011/7/5",
            "20110705",
            "2011-07-05 00:00:00",
            "2011-07-05T08:30:00.000Z",
            "5.7.2011",
            "05.07.11",
        ),
        *(
            "7/5/11",
            "7/5/2011",
            "07-05-2011",
            "7/5/2011 12:00:00 AM",
            "5-Jul-11",
            "5 July 2011",
            "Jul 5, 2011",
            "July 5th, 2011",
        ),
        " 7/5/11 ",
    ],
)
def test_one_day_is_read_from_each_way_to_write_it(cell):
    assert past_date(cell, Order.MONTH, TODAY) == date(2011, 7, 5)


def test_order_of_the_column_decides():
    assert past_date("7/5/11", Order.DAY, TODAY) == date(2011, 5, 7)
    assert past_date("7.5.11", Order.MONTH, TODAY) == date(2011, 5, 7)
    assert past_date("31/5/11", Order.MONTH, TODAY) == date(2011, 5, 31)
    assert past_date("5/31/11", Order.DAY, TODAY) == date(2011, 5, 31)


def test_column_of_both_orders_takes_only_what_is_clear():
    assert past_date("31/5/11", Order.MIXED, TODAY) == date(2011, 5, 31)
    assert past_date("5/5/11", Order.MIXED, TODAY) == date(2011, 5, 5)
    with pytest.raises(Refused, match="can be two days"):
        past_date("7/5/11", Order.MIXED, TODAY)


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["7/5/11", "7/31/11"], Order.MONTH),
        (["7/5/11", "31-7-11"], Order.DAY),
        (["7/31/11", "31/7/11"], Order.MIXED),
        (["7/5/11", "31.7.11", "2011-07-31", "", "n/a", "x"], None),
    ],
)
def test_order_is_proved_by_the_whole_column(cells, order):
    assert evidence(cells) is order


def test_column_that_proves_nothing_follows_the_others_then_month_first():
    assert decide({"a": Order.DAY, "b": None}) == {"a": Order.DAY, "b": Order.DAY}
    assert decide({"a": None, "b": None}) == {"a": Order.MONTH, "b": Order.MONTH}
    assert decide({"a": Order.DAY, "b": None, "c": Order.MONTH})["b"] is Order.MONTH


def test_only_a_day_with_two_readings_is_ambiguous():
    assert is_ambiguous("7/5/11")
    assert not any(is_ambiguous(cell) for cell in ("7/7/11", "7/31/11", "7.5.11", "2011-07-05", ""))


@pytest.mark.parametrize(
    ("cell", "year"),
    [("7/10/83", 1983), ("5/1/68", 1968), ("5/1/26", 1926), ("1/1/13", 1913), ("1/1/12", 2012), ("1/1/00", 2000)],
)
def test_two_digit_birth_year_makes_a_grown_person(cell, year):
    assert birth_date(cell, Order.MONTH, TODAY).year == year


@pytest.mark.parametrize(("cell", "year"), [("1/7/08", 2008), ("1/7/27", 2027), ("1/7/28", 1928), ("1/7/99", 1999)])
def test_two_digit_year_of_employment_is_not_beyond_next_year(cell, year):
    assert past_date(cell, Order.MONTH, TODAY).year == year


@pytest.mark.parametrize(("cell", "year"), [("1/7/08", 2008), ("1/7/45", 2045), ("1/7/99", 1999)])
def test_two_digit_year_of_an_end_is_the_nearest(cell, year):
    assert coming_date(cell, Order.MONTH, TODAY).year == year


@pytest.mark.parametrize(
    ("read", "cell", "words"),
    [
        (past_date, "31/31/2011", "doesn't exist"),
        (past_date, "2011-02-30", "doesn't exist"),
        (past_date, "0/5/11", "doesn't exist"),
        (past_date, "40729", "no date that can be read"),
        (past_date, "soon", "no date that can be read"),
        (past_date, "5 Julember 2011", "no date that can be read"),
        (past_date, "7/5-11", "no date that can be read"),
        (past_date, "2011-0705", "no date that can be read"),
        (past_date, "2028-01-01", "not between 1900 and next year"),
        (past_date, "0011-07-05", "not between 1900 and next year"),
        (coming_date, "9999-12-31", "not a year that can be meant"),
        (birth_date, "2026-11-21", "can't be a birth date"),
        (birth_date, "1899-12-31", "can't be a birth date"),
    ],
)
def test_what_is_no_day_is_refused(read, cell, words):
    with pytest.raises(Refused, match=words):
        read(cell, Order.MONTH, TODAY)


@pytest.mark.parametrize("read", [past_date, coming_date, birth_date])
def test_empty_cell_is_no_day(read):
    assert read(" N/A ", Order.MONTH, TODAY) is None


@given(
    st.dates(date(1950, 1, 1), TODAY), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%b %d, %Y"])
)
def test_every_day_is_read_back(day, form):
    assert past_date(day.strftime(form), Order.MONTH, TODAY) == day


@given(st.dates(date(1930, 1, 1), TODAY - timedelta(days=366 * 15)))
def test_every_working_age_survives_two_digit_years(day):
    assert birth_date(f"{day.month}/{day.day}/{day.year % 100:02}", Order.MONTH, TODAY) == day


@given(st.text("0123456789/-. apJulmT:"))
def test_no_text_breaks_the_reader(cell):
    with suppress(Refused):
        found = past_date(cell, Order.MIXED, TODAY)
        assert found is None or 1900 <= found.year <= 2027
