"""Words for what the database holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.access.grants import FIELDS as GRANTED
from app.access.grants import Action, Scope, Subject
from app.people.employee import Employee, EmploymentType, Status
from app.people.history import PayPeriod
from app.ui import labels

pytestmark = pytest.mark.usefixtures("context")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        ("", ""),
        ("<b>", "<b>"),
        (0, "0"),
        (True, "Yes"),
        (False, "No"),
        (Status.ON_LEAVE, "On leave"),
        (date(2026, 3, 31), "Mar 31, 2026"),
        (Decimal("0.500"), "0.5"),
        (Decimal("1234.5"), "1,234.5"),
    ],
)
def test_value_is_shown_as_people_read_it(value, words):
    assert labels.shown(value) == words


def test_moment_is_shown_with_its_time():
    assert labels.shown(datetime(2026, 3, 31, 14, 5, tzinfo=UTC)).startswith("Mar 31, 2026")


@pytest.mark.parametrize("enum", [Status, EmploymentType, PayPeriod, Subject, Action, Scope])
def test_every_choice_has_words(enum):
    assert {member for member in enum if str(labels.WORDS.get(member, "")) in ("", member.value)} == set()


def test_every_field_that_is_shown_has_a_label():
    shown = {name for fields in GRANTED.values() for name in fields}
    assert shown <= set(labels.FIELDS)
    assert shown <= {column.key for column in Employee.__table__.columns}


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Okafor", "AO"),
        ("Anna Maria von Trapp", "AT"),
        ("Cher", "C"),
        ("山田 花子", "山花"),
        ("", "?"),
        ("  ", "?"),
    ],
)
def test_initials_stand_in_for_a_photo(name, letters):
    assert labels.initials(name) == letters


def test_last_day_is_the_one_before_the_end():
    assert labels.last_day(date(2024, 3, 1)) == date(2024, 2, 29)
    assert labels.last_day(None) is None
