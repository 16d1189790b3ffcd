"""Rows come back as they were, type by type; what can't is not kept, and rubbish is no rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.querycache import codec
from app.core.querycache.codec import Unreadable, Unwritable
from app.people.employee import EmploymentType, Status


class Size(Enum):
    """Choices that are numbers."""

    SMALL = 1
    LARGE = 2


MOMENTS = (st.datetimes() | st.datetimes(timezones=st.just(UTC))).map(lambda moment: moment.replace(fold=0))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.binary(),
    st.decimals(),
    st.dates(),
    MOMENTS,
    st.times().map(lambda moment: moment.replace(fold=0)),
)
COLUMNS = st.sampled_from([*SCALARS, st.one_of(*SCALARS), st.none() | MOMENTS, st.integers() | st.booleans()])
CHOICES = st.sampled_from([(Status, st.sampled_from(Status)), (Size, st.sampled_from(Size)), (None, None)])


@st.composite
def tables(draw: Any) -> tuple[list[tuple[Any, ...]], list[type[Enum] | None]]:
    """Build rows of random columns, and the classes of their choices."""
    count = draw(st.integers(0, 4))
    columns, enums = [], []
    for _ in range(draw(st.integers(1, 4))):
        enum, members = draw(CHOICES)
        values = draw(COLUMNS) if enum is None else draw(st.sampled_from([members, members | st.none()]))
        columns.append(draw(st.lists(values, min_size=count, max_size=count)))
        enums.append(enum)
    return list(zip(*columns, strict=True)), enums


def exactly(rows: Sequence[Any]) -> list[str]:
    """Return rows in words that tell every type and digit apart."""
    return [repr(row) for row in rows]


def there_and_back(rows: list[tuple[Any, ...]], enums: Sequence[type[Enum] | None] | None = None) -> list[Any]:
    enums = enums if enums is not None else [None] * len(rows[0])
    return codec.decode(codec.encode(rows, enums), enums)


@given(tables())
@settings(max_examples=200, deadline=None)
def test_rows_come_back_exactly(table: tuple[list[tuple[Any, ...]], list[type[Enum] | None]]) -> None:
    rows, enums = table
    back = there_and_back(rows, enums)
    assert exactly(back) == exactly(rows)
    assert type(back) is list
    assert all(type(row) is tuple for row in back)


@pytest.mark.parametrize(
    "value",
    [
        *(Decimal(one) for one in ("-0.00", "1E+5", "0.10", "NaN", "sNaN", "-Infinity", "12345678901234567890.123456")),
        *(0, 1, True, False, 10**40, -1, 0.1, -0.0, 5e-324, float("inf"), float("nan")),
        *("", "\x00", "\u2028", "'\"\\", "山田 🎉", "null", "NaN"),
        *(
            b"",
            b"\x00\xff",
            date.min,
            date.max,
            time.max,
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(1, 1, 1, tzinfo=UTC),
        ),
    ],
    ids=repr,
)
def test_value_comes_back_exactly(value: Any) -> None:
    for rows in ([(value,)], [(value,), (None,)], [(value,), ("x",), (Decimal(1),)]):
        assert exactly(there_and_back(rows)) == exactly(rows)


def test_no_rows_come_back_as_no_rows() -> None:
    assert there_and_back([], [None, Status]) == []


class Loud(str):
    """A text with something of its own."""

    __slots__ = ()


class Other(StrEnum):
    """Choices of another column."""

    ACTIVE = "active"


UNWRITABLE = {
    "a list": [([],)],
    "a dict": [({},)],
    "an object": [(object(),)],
    "a UUID": [(UUID(int=1),)],
    "a span": [(timedelta(1),)],
    "a text that is more": [(Loud("x"),)],
    "one among others": [(1,), (object(),), (None,)],
    "a choice where none is expected": [(Status.ACTIVE,)],
    "half a character": [("\ud800",)],
    "two halves": [("\ud83d\ude00",)],
    "too many digits": [(10**5000,)],
    "another zone": [(datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1))),)],
    "a time of another zone": [(time(1, tzinfo=timezone(timedelta(hours=1))),)],
    "an hour's second time": [(time(1, fold=1),)],
    "rows without columns": [()],
    "rows of different length": [(1, 2), (1,)],
    "more columns than there are": [(1, 2)],
}


@pytest.mark.parametrize("what", UNWRITABLE)
def test_what_would_not_come_back_exactly_is_not_written(what: str) -> None:
    with pytest.raises(Unwritable):
        codec.encode(UNWRITABLE[what], [None])


def test_choice_of_another_class_is_not_written() -> None:
    with pytest.raises(Unwritable):
        codec.encode([(Other.ACTIVE,)], [Status])


def test_a_column_of_one_type_is_told_once() -> None:
    rows = [(date(2020, 1, 1), Status.ACTIVE, 1), (date(2020, 1, 2), Status.LEFT, None)]
    assert codec.encode(rows, [None, Status, None]) == (
        b'[["date",["2020-01-01","2020-01-02"]],["enum",["active","left"]],["",[1,null]]]'
    )


RUBBISH = [
    b"",
    b"\xff",
    b"null",
    b"1",
    b'"x"',
    b"[1]",
    b"[[1]]",
    b'[["",1]]',
    b'[["","text"]]',
    b'[["",{}]]',
    b'[["date",[1]]]',
    b'[["date",["2020-13-01"]]]',
    b'[["moment",["x"]]]',
    b'[["decimal",["x"]]]',
    b'[["decimal",[[]]]]',
    b'[["bytes",["0"]]]',
    b'[["enum",["unknown"]]]',
    b'[["enum",[[]]]]',
    b'[["mixed",[1]]]',
    b'[["mixed",[["",[]]]]]',
    b'[["__import__",["os"]]]',
    b'[["",[1]],["",[1]]]',
    b"[" * 100_000,
    b'[["mixed",[' * 5_000,
]


@pytest.mark.parametrize("data", RUBBISH, ids=lambda data: repr(data[:30]))
def test_rubbish_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        codec.decode(data, [Status])


def test_columns_of_different_length_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        codec.decode(b'[["",[1,2]],["",[1]]]', [None, None])


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([*codec.READ, "", "enum", "mixed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=12,
)


@given(st.binary() | JSONS.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_whatever_is_read_is_rows_or_unreadable(data: bytes) -> None:
    try:
        rows = codec.decode(data, [EmploymentType, None])
    except Unreadable:
        return
    assert all(type(row) is tuple for row in rows)
