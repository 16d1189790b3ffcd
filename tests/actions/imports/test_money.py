from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.imports.money import Mark, currency, evidence, money, period
from app.actions.imports.values import Refused


@pytest.mark.parametrize(
    ("cell", "amount", "code"),
    [
        ("62506", "62506", None),
        ("62506.5", "62506.50", None),
        ("62506,50", "62506.50", None),
        ("62,506", "62506", None),
        ("62.506", "62506", None),
        ("1,234.56", "1234.56", None),
        ("1.234,56", "1234.56", None),
        ("1.234.567", "1234567", None),
        ("12,34,567", "1234567", None),
        ("1 234,56", "1234.56", None),
        ("1\u202f234,56 €", "1234.56", "EUR"),
        ("CHF 5'000.–", "5000", "CHF"),
        ("$62,506", "62506", "USD"),
        ("US$ 62,506.00", "62506", "USD"),
        ("£30k".replace("k", "000"), "30000", "GBP"),
        ("62506 USD", "62506", "USD"),
        ("0", "0", None),
        ("62506.000", "62506", None),
    ],
)
def test_amount_is_read(cell, amount, code):
    found = money(cell, None if "000" not in cell or "." not in cell else evidence(["1.50"]))
    assert found.amount == Decimal(amount)
    assert (not found.currencies) if code is None else (code in found.currencies)


@pytest.mark.parametrize(
    "cell", ["-5", "(500)", "12 or 13", "1.2.3", "1,23,4", "5e3", "sixty", "62506.505", "1,234,56", "10000000000000"]
)
def test_what_is_no_pay_is_refused(cell):
    with pytest.raises(Refused):
        money(cell)


def test_empty_cell_is_no_amount():
    assert money(" - ") is None


def test_dollar_sign_means_any_dollar_but_nothing_else():
    assert {"USD", "CAD", "AUD"} <= set(money("$5").currencies)
    assert "EUR" not in money("$5").currencies
    assert money("$5 CAD").currencies == ("CAD",)
    with pytest.raises(Refused, match="unknown currency"):
        money("$5 EUR")
    with pytest.raises(Refused, match="unknown currency"):
        money("5 gold")


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["62506", "1,234", "1.234"], None),
        (["1,234", "1,234.56"], Mark.DOT),
        (["1.234", "17,5"], Mark.COMMA),
        (["17.5", "17,5"], Mark.MIXED),
    ],
)
def test_decimal_mark_is_proved_by_the_whole_column(cells, mark):
    assert evidence(cells) is mark


def test_mark_of_the_column_decides_and_three_decimals_are_refused():
    assert money("1.234", Mark.COMMA).amount == 1234
    assert money("1,234", Mark.DOT).amount == 1234
    with pytest.raises(Refused):
        money("1.234", Mark.DOT)
    with pytest.raises(Refused, match="two amounts"):
        money("1.234", Mark.MIXED)
    assert money("17.50", Mark.MIXED).amount == Decimal("17.50")


@pytest.mark.parametrize(
    ("cell", "code"), [("usd", "USD"), (" EUR ", "EUR"), ("€", "EUR"), ("zł", "PLN"), ("", ""), ("n/a", "")]
)
def test_currency_is_read(cell, code):
    assert currency(cell) == code


@pytest.mark.parametrize("cell", ["$", "kr", "ZZZ", "Dollar", "US"])
def test_what_names_no_single_currency_is_refused(cell):
    with pytest.raises(Refused, match="no currency"):
        currency(cell)


@pytest.mark.parametrize(
    ("cell", "found"), [("Annual", "year"), ("per month", "month"), ("hourly", "hour"), ("p.a.", "year"), ("", "")]
)
def test_period_is_read(cell, found):
    assert period(cell) == found


def test_other_period_is_refused():
    with pytest.raises(Refused, match="no pay period"):
        period("fortnightly")


@given(st.decimals(0, 999_999_999, places=2))
def test_every_amount_is_read_back(amount):
    assert money(f"{amount:,}", Mark.DOT).amount == amount
    assert money(f"{amount}").amount == amount
    assert money(f"{amount:,}".translate(str.maketrans(",.", ".,")), Mark.COMMA).amount == amount


@given(st.text("0123456789.,-'$€ EURk()"))
def test_no_text_breaks_the_reader(cell):
    with suppress(Refused):
        found = money(cell, evidence([cell]))
        assert found is None or found.amount >= 0
