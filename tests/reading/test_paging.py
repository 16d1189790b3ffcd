"""Pages found by key: every row exactly once, whichever way one walks."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from app.access.actor import operator
from app.core.querycache import EVERYBODY
from app.core.querycache.cached import of_app
from app.extensions import db
from app.people.employee import Employee, EmploymentType, Status, name_key
from app.reading import paging
from app.reading.paging import Count, Order, Place
from app.reading.people import SORTS, Wanted, people
from tests.writing import KNOWINGLY, commit

pytestmark = pytest.mark.usefixtures("context")

DAY = date(2020, 1, 1)
MOST_PAGES = 200


def fill(count: int, start: int = 0) -> None:
    """Add people, most of them with the name, day and status that others have too."""
    rows = []
    for i in range(start, start + count):
        number, first, last = f"N{(i * 7919) % 100_003:06}", "Ada", ("Ng", "Ng", "Özil", "Okafor")[i % 4]
        status = (Status.ACTIVE, Status.ACTIVE, Status.ON_LEAVE, Status.LEFT)[i % 4]
        rows.append(
            {
                "number": number,
                "number_key": number.lower(),
                "first_name": first,
                "last_name": last,
                "name_key": name_key(first, last),
                "status": status,
                "employment_type": EmploymentType.PERMANENT,
                "fte": 1,
                "hired_on": DAY + timedelta(days=i % 3),
                "left_on": DAY + timedelta(days=9) if status is Status.LEFT else None,
                "version": 1,
            }
        )
    db.session.execute(insert(Employee), rows, execution_options=KNOWINGLY)
    commit()


def asked(place: Place = Place(), **wanted):  # noqa: B008 it can't be changed
    """Return a page of people."""
    return people(operator(), Wanted(place=place, **wanted))


def forwards(place: Place | None = Place(), meanwhile=None, **wanted) -> list[list[int]]:  # noqa: B008
    """Return the ids page by page, from a place on."""
    pages = []
    while place is not None:
        assert len(pages) < MOST_PAGES, "the walk does not end"
        page = asked(place, **wanted)
        pages.append([row.id for row in page.rows])
        place = Place(after=page.next) if page.next else None
        if meanwhile:
            meanwhile()
    return pages


def backwards(place: Place | None, **wanted) -> list[list[int]]:
    """Return the ids page by page, from a place back to the beginning, the first page first."""
    pages = []
    while place is not None:
        assert len(pages) < MOST_PAGES, "the walk does not end"
        page = asked(place, **wanted)
        pages.insert(0, [row.id for row in page.rows])
        place = Place(before=page.previous) if page.previous else None
    return pages


def flat(pages: list[list[int]]) -> list[int]:
    """Return the ids of all pages."""
    return [row_id for page in pages for row_id in page]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("is_descending", [False, True])
def test_whole_list_is_walked_once_in_every_direction(sort, is_descending):
    fill(57)
    for size in (1, 7, 20, 56, 57, 58):
        wanted = {"sort": sort, "is_descending": is_descending, "size": size}
        there = forwards(**wanted)
        assert len(flat(there)) == len(set(flat(there))) == 57
        assert all(len(page) == size for page in there[:-1])
        back = backwards(Place(is_last=True), **wanted)
        assert flat(back) == flat(there)
        assert all(len(page) == size for page in back[1:])


@pytest.mark.parametrize("sort", SORTS)
def test_order_is_that_of_the_sort_value_and_turns_round(sort):
    fill(40)
    rows = asked(sort=sort, size=200).rows
    values = [row.sort_value for row in rows]
    assert values == sorted(values)
    turned = asked(sort=sort, size=200, is_descending=True).rows
    assert [row.id for row in turned] == [row.id for row in reversed(rows)]


@given(count=st.integers(0, 40), size=st.integers(1, 15), sort=st.sampled_from(list(SORTS)), turned=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_rows_in_pages_of_any_size(count, size, sort, turned):
    db.session.execute(Employee.__table__.delete(), execution_options=KNOWINGLY)
    commit()
    if count:
        fill(count)
    wanted = {"sort": sort, "is_descending": turned, "size": size}
    there = flat(forwards(**wanted))
    assert sorted(there) == sorted(set(there))
    assert len(there) == count == asked(**wanted).count
    assert flat(backwards(Place(is_last=True), **wanted)) == there


@pytest.mark.parametrize("sort", SORTS)
def test_rows_added_meanwhile_never_hide_or_repeat_one_that_was_there(sort):
    fill(50)
    before = {row.id for row in asked(sort=sort, size=200).rows}
    added = iter(range(1000, 2000, 3))
    walked = flat(forwards(sort=sort, size=6, meanwhile=lambda: fill(1, next(added))))
    assert len(walked) == len(set(walked))
    assert before <= set(walked)


def test_there_and_back_again_gives_the_same_page():
    fill(30)
    first = asked(size=10)
    second = asked(Place(after=first.next), size=10)
    again = asked(Place(before=second.previous), size=10)
    assert [row.id for row in again.rows] == [row.id for row in first.rows]
    assert again.previous is None
    assert again.next is not None


def test_page_with_nothing_beyond_its_place_shows_the_beginning():
    fill(5)
    last = asked(sort="number", size=200).rows[-1]
    page = asked(Place(after=paging.write_cursor(last.sort_value, last.id)), sort="number")
    assert len(page.rows) == 5
    assert page.previous is page.next is None


def cursor(value: object) -> str:
    """Return a value as cursors are written."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


FORGED = [
    "x",
    "%",
    "====",
    "\x00",
    "é",
    "a" * 5000,
    cursor(None),
    cursor({}),
    cursor([]),
    cursor(["a"]),
    cursor(["a", 1, 2]),
    cursor(["a", "1"]),
    cursor(["a", True]),
    cursor(["a", -1]),
    cursor(["a", 2**31]),
    cursor(["a", 1.5]),
    cursor([1, 1]),
    cursor([None, 1]),
    cursor([["a"], 1]),
    cursor(["a\x00b", 1]),
    cursor(["a\ud800", 1]),
    base64.urlsafe_b64encode(b"[" * 1200).decode(),
    base64.urlsafe_b64encode(b'["a", ' + b"9" * 1400 + b"]").decode(),
    base64.urlsafe_b64encode(b"\xff\xfe[1]").decode(),
]


@pytest.mark.parametrize("sort", SORTS)
def test_cursor_that_nobody_gave_out_shows_the_beginning(sort):
    fill(8)
    first = [row.id for row in asked(sort=sort, size=5).rows]
    for forged in FORGED:
        for place in (Place(after=forged), Place(before=forged), Place(after=forged, before=forged)):
            page = asked(place, sort=sort, size=5)
            assert [row.id for row in page.rows] == first, forged
            assert page.previous is None


@pytest.mark.parametrize("sort", SORTS)
def test_well_formed_cursor_of_somebody_else_is_only_a_place(sort):
    fill(8)
    for value in ("", "zzz", "2020-01-01", "0001-01-01", "9999-12-31", "%", "'; DROP TABLE", "𝒳"):
        for place in (Place(after=cursor([value, 3])), Place(before=cursor([value, 3]))):
            assert asked(place, sort=sort, size=5).rows, value


def test_count_stops_at_its_cap(monkeypatch):
    fill(30)
    ids = db.select(Employee.id)
    for cap, count in ((30, Count(30)), (29, Count(29, is_capped=True))):
        monkeypatch.setattr(paging, "COUNTED_UP_TO", cap)
        assert paging.count_up_to(ids) == count


@pytest.mark.parametrize("cap", [29, 30])
def test_count_above_its_cap_is_about_but_for_a_search(monkeypatch, cap):
    monkeypatch.setattr(paging, "COUNTED_UP_TO", cap)
    of_app().store.backend.clear()
    fill(30)
    ids = db.select(Employee.id).where(Employee.first_name == "Ada")
    for _time in range(2):
        for is_search in (False, True):
            about = Count(29, is_capped=True) if is_search else Count(30, is_about=True)
            found = paging.count_kept("test.count", EVERYBODY, is_search=is_search)(ids)
            assert found == (about if cap < 30 else Count(30))


def test_list_is_walked_whole_without_its_pages():
    fill(23)
    ids, order = db.select(Employee.id, Employee.number_key), Order(Employee.number_key, Employee.id)

    def read(chosen, _is_backwards):
        query = db.select(Employee.number_key, Employee.id).join(chosen, chosen.c.id == Employee.id)
        return list(db.session.execute(query.order_by(*order.clauses(False))))

    for size in (1, 5, 22, 23, 24):
        found = [row.number_key for row in paging.walked(ids, order, size, read, tuple)]
        assert found == sorted(set(found))
        assert len(found) == 23
