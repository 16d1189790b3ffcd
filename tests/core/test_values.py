"""Values as they come from outside, made fit for their columns."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.models import User
from app.core.problems import Invalid
from app.core.values import LONGEST_TEXT, clean
from app.people.employee import Employee, Status
from app.people.history import Pay
from app.people.role import Role

pytestmark = pytest.mark.usefixtures("context")


def one(model, field, value):
    """Return a value cleaned for its column."""
    return clean(model, {field: value}, (field,))[field]


def refusal(model, field, value):
    """Return the sentences that refuse a value."""
    with pytest.raises(Invalid) as refused:
        one(model, field, value)
    assert refused.value.errors.keys() == {field}
    return " ".join(str(sentence) for sentence in refused.value.errors[field])


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("first_name", "  Ada ", "Ada"),
        ("first_name", "", None),
        ("first_name", 7, "7"),
        ("hired_on", "2020-02-29", date(2020, 2, 29)),
        ("hired_on", date(2020, 1, 1), date(2020, 1, 1)),
        ("hired_on", " ", None),
        ("fte", "0.75", Decimal("0.75")),
        ("fte", "7.5e-1", Decimal("0.75")),
        ("fte", 0.5, Decimal("0.5")),
        ("status", "on_leave", Status.ON_LEAVE),
        ("status", Status.LEFT, Status.LEFT),
        ("department_id", "12", 12),
        ("department_id", None, None),
    ],
)
def test_value_becomes_what_its_column_takes(field, value, kept):
    assert one(Employee, field, value) == kept


@pytest.mark.parametrize("value", ["yesterday", "2021-02-29", "31.12.2020", "2020-13-01", "1899-12-31", "2200-01-01"])
def test_impossible_date_is_refused_in_words(value):
    assert refusal(Employee, "hired_on", value).startswith("Enter a ")


@pytest.mark.parametrize(
    "value",
    ["half", "NaN", "sNaN", "-Infinity", "1e400", "1e999999999", "1e-999999999999999999", "0.1234", "10", "1" * 10_000],
)
def test_impossible_number_is_refused_in_words(value):
    assert refusal(Employee, "fte", value) in {
        "Enter a number.",
        "This number is too large.",
        "Use at most 3 decimal places.",
    }


def test_amount_that_does_not_fit_is_refused():
    assert one(Pay, "amount", "999999999999.99") == Decimal("999999999999.99")
    assert refusal(Pay, "amount", "1000000000000") == "This number is too large."
    assert refusal(Pay, "amount", "0.005") == "Use at most 2 decimal places."


@pytest.mark.parametrize("value", ["seven", "7.5", "1e3", "", "9" * 5000, str(2**31)])
def test_what_is_no_whole_number_is_refused_or_empty(value):
    if value:
        assert refusal(Role, "level", value) in {"Enter a whole number.", "This number is too large."}
        assert refusal(Employee, "department_id", value) == "Choose one of the list."
    else:
        assert (one(Role, "level", value), one(Employee, "department_id", value)) == (None, None)


@pytest.mark.parametrize("value", ["fired", "ACTIVE", "Status.ACTIVE"])
def test_unknown_choice_is_refused(value):
    assert refusal(Employee, "status", value) == "Choose one of the list."


@pytest.mark.parametrize("value", ["ada", "ada@", "@x", "a b@x", "a@b@c", "ada@x y"])
@pytest.mark.parametrize("field", ["email", "personal_email"])
def test_what_is_no_address_is_refused(field, value):
    assert refusal(Employee, field, value) == "Enter an e-mail address like name@company.com."


@pytest.mark.parametrize(
    ("model", "field", "most"),
    [
        (Employee, "first_name", Employee.NAME_LENGTH),
        (Employee, "number", Employee.NUMBER_LENGTH),
        (Employee, "notes", Employee.NOTES_LENGTH),
        (Role, "description", Role.DESCRIPTION_LENGTH),
    ],
)
def test_too_long_text_is_refused_with_both_lengths(model, field, most):
    assert one(model, field, "𝒳" * most) == "𝒳" * most
    words = refusal(model, field, "x" * (most + 1))
    assert words == f"Use at most {most} characters; this has {most + 1}."


def test_text_without_a_limit_fits_the_smallest_engine():
    assert LONGEST_TEXT * 4 < 2**16


def test_boolean_is_what_is_there():
    assert one(User, "is_active", True) is True
    assert one(User, "is_active", False) is False


def test_field_that_is_not_offered_is_refused():
    with pytest.raises(Invalid) as refused:
        clean(Employee, {"version": 9, "name_key": "x", "nonsense": 1, "phone": "1"}, ("phone",))
    assert refused.value.errors.keys() == {"version", "name_key", "nonsense"}


def test_all_errors_come_at_once():
    with pytest.raises(Invalid) as refused:
        clean(Employee, {"hired_on": "x", "fte": "x", "number": ""}, ("hired_on", "fte", "number"), ("number",))
    assert refused.value.errors.keys() == {"hired_on", "fte", "number"}


@given(value=st.one_of(st.text(), st.floats(), st.integers(), st.decimals(), st.none(), st.booleans()))
@pytest.mark.parametrize("field", ["hired_on", "fte", "department_id", "status", "email", "first_name"])
def test_no_value_causes_anything_but_a_refusal(field, value):
    told = {}
    try:
        one(Employee, field, value)
    except Invalid as refused:
        told = refused.errors
    assert told.keys() <= {field}
