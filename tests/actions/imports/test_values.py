from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.imports import values
from app.actions.imports.values import Refused


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("Production       ", "Production"), ("\u200b Zoe\u0308  A\xa0B\t", "Zoë A B"), ("a\x07b", "a b"), ("\ufeff", "")],
)
def test_cell_is_cleaned(cell, expected):
    assert values.clean(cell) == expected


def test_joiners_that_a_script_needs_stay():
    assert values.clean("می\u200cخواهم") == "می\u200cخواهم"


def test_lines_of_an_address_stay_lines():
    assert values.clean_lines(" 1 High  St \r\nTown\r\n") == "1 High St\nTown"


@given(st.text())
def test_cleaning_twice_changes_nothing(cell):
    assert values.clean(values.clean(cell)) == values.clean(cell)
    assert values.clean_lines(values.clean_lines(cell)) == values.clean_lines(cell)


@pytest.mark.parametrize("cell", ["", " ", "-", "—", "n/a", "N/A", "#N/A", "(blank)", "<null>"])
def test_nothing_is_nothing_everywhere(cell):
    assert values.text(cell) == values.word(cell) == ""


@pytest.mark.parametrize("cell", ["N/A-StillEmployed", "N/A - still employed", "NULL", "None", "n.a.", "na", "nan"])
def test_word_for_nothing_counts_only_where_a_word_is_expected(cell):
    assert values.word(cell) == ""
    assert values.text(cell) == cell


@pytest.mark.parametrize(
    ("cell", "expected"), [("10026", "10026"), ("10026.0", "10026"), (" E-7.0a ", "E-7.0a"), ("007", "007")]
)
def test_number_is_kept_as_text(cell, expected):
    assert values.number(cell) == expected


@pytest.mark.parametrize("cell", ["ann@example.org", "mailto:ann@example.org", "Ann.O'Leary+x@sub.example.org"])
def test_email_is_taken(cell):
    assert values.email(cell) == cell.removeprefix("mailto:")


@pytest.mark.parametrize("cell", ["ann", "ann@", "@x.org", "a b@x.org", "a@b", "a@x.org; b@x.org", "Ann <a@x.org>"])
def test_what_is_no_email_is_refused(cell):
    with pytest.raises(Refused, match="no e-mail address"):
        values.email(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Active", "active"),
        ("LOA", "on_leave"),
        ("Leave of Absence", "on_leave"),
        ("on_leave", "on_leave"),
        ("Voluntarily Terminated", "left"),
        ("Terminated for Cause", "left"),
        ("RETIRED ", "left"),
        ("", ""),
        ("n/a", ""),
    ],
)
def test_status_is_known_by_many_words(cell, expected):
    assert values.status(cell) == expected


def test_unknown_status_is_refused():
    with pytest.raises(Refused, match="“Pending” is no status"):
        values.status("Pending")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("Full-Time", "permanent"), ("Fixed term", "fixed_term"), ("Praktikant", "intern"), ("Freelancer", "contractor")],
)
def test_employment_type_is_known_by_many_words(cell, expected):
    assert values.employment_type(cell) == expected


def test_unknown_employment_type_is_refused():
    with pytest.raises(Refused, match="no kind of employment"):
        values.employment_type("Wizard")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("0.5", "0.5"),
        ("0,75", "0.75"),
        ("50 %", "0.5"),
        ("66.6%", "0.666"),
        ("100", "1"),
        ("100%", "1"),
        ("1", "1"),
        ("1.5", "1.5"),
    ],
)
def test_share_of_full_time_is_read(cell, expected):
    assert values.fte(cell) == Decimal(expected)


@pytest.mark.parametrize("cell", ["37.5", "0", "-1", "1.51", "200%", "half", "1e-1", "∞", "0.0001"])
def test_what_could_be_hours_is_refused(cell):
    with pytest.raises(Refused, match="no share of full time"):
        values.fte(cell)


def test_no_share_is_none():
    assert values.fte(" ") is None


def test_long_cell_is_shown_short():
    assert len(values.shown("x" * 200)) == 60
