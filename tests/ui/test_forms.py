"""Forms that carry text as it was typed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.core.problems import Invalid
from app.people.employee import Status
from app.ui import forms


class Sample(forms.RecordForm):
    """A form with a field of each kind."""

    number = forms.text("number", required=True)
    hired_on = forms.day("hired_on")
    manager_id = forms.lookup("manager_id", "employee")


@pytest.fixture
def posted(app):
    """Return a function that reads a form from what a browser sent."""

    def post(**data):
        with app.test_request_context("/", method="POST", data=data):
            return Sample(data={"version": 3, "number": "7", "manager_id": 5}, meta={"csrf": False})

    return post


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("12", 12), (" 12 ", 12), ("", None), ("  ", None), ("x", "x"), ("-1", "-1"), ("²", "²"), ("9" * 30, "9" * 30)],
)
def test_look_up_holds_an_id_or_what_was_sent(posted, sent, kept):
    assert posted(manager_id=sent)["manager_id"].data == kept


def test_what_was_not_sent_stays_as_it_is(posted):
    assert posted(number="8").typed("number", "manager_id") == {"number": "8", "manager_id": 5}


@pytest.mark.parametrize(
    ("sent", "version"),
    [("4", 4), ("", 0), ("x", 0), ("-1", 0), ("1.0", 0), ("²", 0), ("１", 0), ("9" * 5000, 0)],
)
def test_version_is_a_number_or_none_at_all(posted, sent, version):
    assert posted(version=sent).made_from() == version


def test_form_carries_the_values_it_was_made_from(posted):
    form = posted()
    form.remember({"number": '7 <"&é', "hired_on": date(2020, 1, 2), "manager_id": 5, "salary": 9})
    again = posted(was=form["was"].data, number="8", hired_on="", manager_id="6")
    assert again.original() == {"number": '7 <"&é', "hired_on": "2020-01-02", "manager_id": 5}
    assert posted(number="8").original() == {}


@pytest.mark.parametrize(
    "was",
    [
        "",
        "x",
        "[]",
        "null",
        '"number"',
        "[" * 100_000,
        '{"number": ' + "9" * 5000 + "}",
        '{"number": 4294967296, "manager_id": -1, "hired_on": ["2020-01-01"]}',
        '{"number": NaN, "manager_id": 1.5, "hired_on": {}}',
        '{"number": "\\ud800", "hired_on": "\\u0000"}',
        '{"version": "1", "was": "{}", "csrf_token": "x", "salary": "9", "": "x"}',
    ],
)
def test_values_that_no_form_ever_held_are_not_taken_for_the_original(posted, was):
    assert posted(was=was).original() == {}


def test_errors_stand_at_their_fields_and_the_rest_on_top(posted):
    form = posted(number="8")
    form.add_errors(Invalid({"number": "Taken.", "": "On the whole.", "elsewhere": ["One.", "Two."]}))
    form.add_errors(Invalid({"number": "Too short."}))
    assert form["number"].errors == ["Taken.", "Too short."]
    assert form.form_errors == ["On the whole.", "One.", "Two."]


def test_typed_leaves_out_fields_that_the_form_does_not_have(posted):
    assert posted(number="8", hired_on="x").typed("number", "hired_on", "salary") == {"number": "8", "hired_on": "x"}


def test_stored_values_are_spelled_for_typing():
    values = {"a": date(2026, 3, 31), "b": Decimal("0.500"), "c": Decimal(100), "d": Status.LEFT, "e": None, "f": "x"}
    assert forms.as_typed(values) == {"a": "2026-03-31", "b": "0.5", "c": "100", "d": "left", "e": None, "f": "x"}
