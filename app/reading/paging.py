"""Pages found by key instead of by number: the last of a million costs what the first does."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.core import querycache
from app.core.columns import UtcDateTime
from app.core.querycache import estimates
from app.core.text import UNSTORABLE
from app.extensions import db

Row = TypeVar("Row")
COUNTED_UP_TO = 10_000
LONGEST_CURSOR = 2_000


class Count(NamedTuple):
    """How many rows there are: just so many, more than that (`is_capped`), or about that, of late (`is_about`)."""

    number: int
    is_capped: bool = False
    is_about: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: after a row, before a row, at the end, or (all empty) at the beginning."""

    after: str | None = None
    before: str | None = None
    is_last: bool = False

    @property
    def is_backwards(self) -> bool:
        """Whether the page is read from its end."""
        return self.is_last or self.before is not None


@dataclass(slots=True)
class Page(Generic[Row]):
    """One page of a list: its rows, the cursors of its neighbours (None: there is none), how many rows in all."""

    rows: list[Row]
    previous: str | None = None
    next: str | None = None
    count: int = 0
    count_is_capped: bool = False
    count_is_about: bool = False
    size: int = 50
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by: a column that an index stands behind, made unique by the id."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    is_descending: bool = False

    @property
    def columns(self) -> list[InstrumentedAttribute[Any]]:
        """Return the columns sorted by; a unique one stands alone, or MariaDB sorts the whole table by the two."""
        return [self.column] if self.column.property.columns[0].unique else [self.column, self.id]

    def clauses(self, is_backwards: bool) -> list[ColumnElement[Any]]:
        """Return the ORDER BY."""
        return [column.desc() if self.is_descending != is_backwards else column.asc() for column in self.columns]

    def settled(self, place: Place) -> Place:
        """Return the place, or the beginning for a cursor that nobody gave out."""
        cursor = place.before or place.after
        return Place() if cursor and _read(cursor, self.column) is None else place

    def beyond(self, cursor: str, is_backwards: bool) -> ColumnElement[bool] | None:
        """Return the condition for the rows beyond the cursor; None for a cursor that nobody gave out."""
        place = _read(cursor, self.column)
        if place is None:
            return None
        value, row_id = place
        # The first half alone bounds the walk of the index; engines don't see that through a plain OR.
        if self.is_descending != is_backwards:
            return and_(self.column <= value, or_(self.column < value, self.id < row_id))
        return and_(self.column >= value, or_(self.column > value, self.id > row_id))


def listed(
    ids: Select[*tuple[Any, ...]],
    order: Order,
    place: Place,
    size: int,
    read: Callable[[Subquery, bool], list[Row]],
    key: Callable[[Row], tuple[Any, int]],
    count: Callable[[Select[*tuple[Any, ...]]], Count] | None = None,
) -> Page[Row]:
    """Return one page of `ids`, a SELECT of id and sort column, and how many rows there are in all.

    `read` makes rows of the chosen ids, in the order of `Order.clauses`; `key` gives a row's sort value and id; `count`
    is how to count them, without the cache where nothing is said.
    """
    place = order.settled(place)
    rows = read(placed(ids, order, place, size).subquery(), place.is_backwards)
    if not rows and place != Place():  # what stood there is gone meanwhile
        place = Place()
        rows = read(placed(ids, order, place, size).subquery(), place.is_backwards)
    made = page(rows, place, size, key)
    made.count, made.count_is_capped, made.count_is_about = (count or count_up_to)(ids)
    return made


def walked(
    ids: Select[*tuple[Any, ...]],
    order: Order,
    size: int,
    read: Callable[[Subquery, bool], list[Row]],
    key: Callable[[Row], tuple[Any, int]],
) -> Iterator[Row]:
    """Yield the rows of a whole list, read so many at a time by key so that nothing piles up; the rest as `listed`."""
    place: Place | None = Place()
    while place is not None:
        made = page(read(placed(ids, order, place, size).subquery(), False), place, size, key)
        yield from made.rows
        place = Place(after=made.next) if made.next else None


def placed(ids: Select[*tuple[Any, ...]], order: Order, place: Place, size: int) -> Select[*tuple[Any, ...]]:
    """Return `ids`, a SELECT of id and sort column, narrowed to one page and a row more, in the order it is read."""
    cursor = place.before if place.is_backwards else place.after
    beyond = order.beyond(cursor, place.is_backwards) if cursor else None
    narrowed = ids if beyond is None else ids.where(beyond)
    return narrowed.order_by(*order.clauses(place.is_backwards)).limit(size + 1)


def page(rows: Sequence[Row], place: Place, size: int, key: Callable[[Row], tuple[Any, int]]) -> Page[Row]:
    """Return the page made of rows read by `placed`; `key` gives a row's sort value and id."""
    kept = list(rows[:size])
    has_more = len(rows) > size
    if place.is_backwards:
        kept.reverse()
    made: Page[Row] = Page(kept, size=size)
    if kept:
        has_next = place.before is not None if place.is_backwards else has_more
        has_previous = has_more if place.is_backwards else place.after is not None
        made.next = write_cursor(*key(kept[-1])) if has_next else None
        made.previous = write_cursor(*key(kept[0])) if has_previous else None
    return made


def count_up_to(ids: Select[*tuple[Any, ...]]) -> Count:
    """Return how many rows there are, or that there are more than a cap: counting all of them would cost a scan."""
    found = db.session.execute(up_to_cap(ids)).scalar_one()
    return Count(min(found, COUNTED_UP_TO), is_capped=found > COUNTED_UP_TO)


def count_kept(name: str, scope: str, *, is_search: bool) -> Callable[[Select[*tuple[Any, ...]]], Count]:
    """Return how to count a list whose count is kept by the query cache; above the cap, about, but for a search."""

    def count(ids: Select[*tuple[Any, ...]]) -> Count:
        found = querycache.rows(name, up_to_cap(ids), scope)[0][0]
        if found <= COUNTED_UP_TO:
            return Count(found)
        about = None if is_search else estimates.about(ids, scope)
        return Count(COUNTED_UP_TO, is_capped=True) if about is None else Count(about, is_about=True)

    return count


def up_to_cap(ids: Select[*tuple[Any, ...]]) -> Select[int]:
    """Return the SELECT of how many rows there are, up to one more than the cap."""
    return select(func.count()).select_from(ids.order_by(None).limit(COUNTED_UP_TO + 1).subquery())


def write_cursor(value: Any, row_id: int) -> str:
    """Return a row's place in the list as text for a URL."""
    plain = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([plain, row_id], ensure_ascii=False).encode()).decode().rstrip("=")


def _read(cursor: str, column: InstrumentedAttribute[Any]) -> tuple[Any, int] | None:
    if len(cursor) > LONGEST_CURSOR:
        return None
    try:
        value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if (
            not isinstance(row_id, int)
            or isinstance(row_id, bool)
            or not 0 <= row_id < 2**31
            or not isinstance(value, str)
        ):
            return None
        if column.type.python_type is date:
            return date.fromisoformat(value), row_id
        if isinstance(column.type, UtcDateTime):
            return _moment(value), row_id
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return None
    return None if UNSTORABLE.search(value) else (value, row_id)


def _moment(text: str) -> datetime:
    """Return a moment that `write_cursor` wrote; raise ValueError for one that no column takes."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError(text)
    return moment
