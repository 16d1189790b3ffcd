"""Dates as staff lists write them; what one cell leaves open, its whole column decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum

from flask_babel import gettext as _

from app.actions.imports.values import Refused, shown, word

_TIME = r"(?:[T ]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[AaPp][Mm]|[+-]\d{2}:?\d{2})?)?"
_ISO = re.compile(rf"(\d{{4}})([-/.]?)(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_NUMBERS = re.compile(rf"(\d{{1,2}})([-/.])\s?(\d{{1,2}})\2\s?(\d{{4}}|\d{{2}}){_TIME}")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[\s.-]*([A-Za-z]{3,9})\.?,?[\s-]*(\d{4}|\d{2})")
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.?[\s-]*(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+(\d{4}|\d{2})")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

# Nobody on a staff list is younger; it decides between 2011 and 1911 for a birth date with a two-digit year.
YOUNGEST = 14


class Order(StrEnum):
    """What comes first in 7/5/11."""

    DAY = "day"
    MONTH = "month"
    MIXED = "mixed"


def evidence(cells: Iterable[str]) -> Order | None:
    """Return which order the dates of a column prove by a number above 12, or None where all could be either.

    Only dates with slashes or dashes count: with full stops the day always comes first.
    """
    day = month = False
    for cell in cells:
        found = _NUMBERS.fullmatch(word(cell))
        if found and found[2] != ".":
            day = day or int(found[1]) > 12 >= int(found[3])
            month = month or int(found[3]) > 12 >= int(found[1])
    if day and month:
        return Order.MIXED
    return Order.DAY if day else Order.MONTH if month else None


def decide(found: Mapping[str, Order | None]) -> dict[str, Order]:
    """Return the order of each column: as proved in it, else as the other columns agree, else month first."""
    proved = {order for order in found.values() if order in (Order.DAY, Order.MONTH)}
    other = proved.pop() if len(proved) == 1 else Order.MONTH
    return {field: order or other for field, order in found.items()}


def is_ambiguous(cell: str) -> bool:
    """Tell whether the cell reads as two different dates, depending on the order."""
    found = _NUMBERS.fullmatch(word(cell))
    return bool(found and found[2] != "." and int(found[1]) <= 12 and int(found[3]) <= 12 and found[1] != found[3])


def past_date(cell: str, order: Order, today: date) -> date | None:
    """Return a day of employment, at most a year ahead; a two-digit year is of this century until then.

    None for an empty cell. Raises `Refused`.
    """
    found = _parsed(cell, order, lambda year: 2000 + year if 2000 + year <= today.year + 1 else 1900 + year)
    if found and not 1900 <= found.year <= today.year + 1:
        raise Refused(_("“%(cell)s” is not between 1900 and next year.", cell=shown(cell)))
    return found


def coming_date(cell: str, order: Order, today: date) -> date | None:
    """Return the end of something, which may lie ahead; a two-digit year is the nearest one to today.

    None for an empty cell. Raises `Refused`.
    """

    def century(year: int) -> int:
        return min((1900 + year, 2000 + year, 2100 + year), key=lambda full: abs(full - today.year))

    found = _parsed(cell, order, century)
    if found and not 1900 <= found.year <= today.year + 100:
        raise Refused(_("“%(cell)s” is not a year that can be meant.", cell=shown(cell)))
    return found


def birth_date(cell: str, order: Order, today: date) -> date | None:
    """Return a birth date, never in the future; a two-digit year makes the person at least 14 years old.

    None for an empty cell. Raises `Refused`.
    """
    found = _parsed(cell, order, lambda year: 2000 + year if 2000 + year <= today.year - YOUNGEST else 1900 + year)
    if found and not (found < today and found.year >= 1900):
        raise Refused(_("“%(cell)s” can't be a birth date.", cell=shown(cell)))
    return found


def _parsed(cell: str, order: Order, century: Callable[[int], int]) -> date | None:
    found = word(cell)
    if not found:
        return None
    parts = _parts(found, order, cell)
    if parts is None:
        raise Refused(_("“%(cell)s” is no date that can be read: write it as 2024-12-31.", cell=shown(cell)))
    year, month, day = parts
    try:
        return date(century(int(year)) if len(year) == 2 else int(year), month, day)
    except ValueError as error:
        raise Refused(_("“%(cell)s” is a day that doesn't exist.", cell=shown(cell))) from error


def _parts(found: str, order: Order, cell: str) -> tuple[str, int, int] | None:
    """Return year (as written), month and day, or None for what is no date."""
    if iso := _ISO.fullmatch(found):
        if iso[2] or len(iso[3]) == len(iso[4]) == 2:
            return iso[1], int(iso[3]), int(iso[4])
        return None
    if numbers := _NUMBERS.fullmatch(found):
        one, two, year = int(numbers[1]), int(numbers[3]), numbers[4]
        if numbers[2] == "." or one > 12:
            return year, two, one
        if two > 12:
            return year, one, two
        if order is Order.MIXED and one != two:
            raise Refused(
                _(
                    "“%(cell)s” can be two days, and the column has both orders: write 2024-12-31.",
                    cell=shown(cell),
                )
            )
        return (year, two, one) if order is Order.DAY else (year, one, two)
    for pattern, day, name in ((_DAY_NAME, 1, 2), (_NAME_DAY, 2, 1)):
        if (named := pattern.fullmatch(found)) and (month := _month(named[name])):
            return named[3], month, int(named[day])
    return None


def _month(name: str) -> int:
    """Return the number of a month from its English name or the first letters of it, 0 for another word."""
    short = name.casefold()
    short = "sep" if short == "sept" else short
    return next((i for i, month in enumerate(_MONTHS, 1) if month.startswith(short)), 0)
