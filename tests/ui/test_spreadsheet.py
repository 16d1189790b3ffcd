"""CSV that spreadsheets open as text, streamed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.imports.table import unguarded
from app.people.employee import Status
from app.ui.spreadsheet import csv_lines

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=30)


def read(pieces):
    """Return the rows of a file made of pieces, without its header."""
    text = "".join(pieces)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1:]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("Ada", "Ada"),
        (7, "7"),
        (Decimal("0.500"), "0.5"),
        (Decimal(100), "100"),
        (date(2026, 3, 31), "2026-03-31"),
        (datetime(2026, 3, 31, 14, 5, 6, 7, tzinfo=UTC), "2026-03-31T14:05:06+00:00"),
        (Status.ON_LEAVE, "on_leave"),
        ("=1+1", "'=1+1"),
        (" \t=1", "' \t=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("a=1", "a=1"),
    ],
)
def test_cell_is_plain_and_no_formula(value, cell):
    assert read(csv_lines(["x"], [[value]])) == [[cell]]


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=8))
def test_file_read_again_gives_back_what_was_written(rows):
    again = [[unguarded(cell) for cell in row] for row in read(csv_lines(["a", "b"], rows))]
    assert again == rows


@given(TEXTS)
def test_no_cell_begins_a_formula(text):
    [[cell]] = read(csv_lines(["x"], [[text]])) or [[""]]
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


def test_rows_are_taken_as_they_are_written():
    taken = []

    def rows():
        for number in range(1000):
            taken.append(number)
            yield ["x" * 10]

    lines = csv_lines(["x"], rows())
    next(lines), next(lines)
    assert len(taken) == 0
    next(lines)
    assert 0 < len(taken) < 300
    assert len(list(lines)) >= 4
    assert len(taken) == 1000
