"""Amounts of pay: separators of thousands and decimals, currency signs, periods."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from babel.numbers import list_currencies
from flask_babel import gettext as _

from app.actions.imports.values import Refused, shown, word
from app.actions.imports.vocabulary import PERIODS, meanings, normalised

# What a sign can stand for. One currency: it is that. Several: it only has to agree with the currency named elsewhere.
_SIGNS: dict[str, tuple[str, ...]] = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "BRL", "ARS", "CLP", "COP", "TWD"),
    "US$": ("USD",),
    "C$": ("CAD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "S$": ("SGD",),
    "HK$": ("HKD",),
    "R$": ("BRL",),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₩": ("KRW",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₴": ("UAH",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "ZŁ": ("PLN",),
    "KČ": ("CZK",),
    "KR": ("SEK", "NOK", "DKK", "ISK"),
    "KR.": ("DKK", "ISK", "SEK", "NOK"),
    "FR.": ("CHF",),
    "SFR": ("CHF",),
    "SFR.": ("CHF",),
    "RS": ("INR", "PKR", "LKR"),
    "RS.": ("INR", "PKR", "LKR"),
}
_PERIODS = meanings(PERIODS)
_SPACES = re.compile(r"[\s'’ʼ]")
_AMOUNT = re.compile(r"(?P<before>[^\d\-+.,()]*)(?P<number>[\d.,]*\d[\d.,]*?)(?:,-|\.-|,–|\.–)?(?P<after>[^\d\-+,()]*)")
_COMMA_DECIMALS = re.compile(r"\.\d{3}(?:\.\d{3})*,\d*|\.\d{3}\.\d{3}|,\d{1,2}$|,\d{4,}$")
_DOT_DECIMALS = re.compile(r",\d{3}(?:,\d{3})*\.\d*|,\d{3},\d{3}|,\d{2},\d{3}|\.\d{1,2}$|\.\d{4,}$")
LONGEST = 12  # digits before the decimal mark that the database holds


class Mark(StrEnum):
    """What parts the decimals of a column's amounts."""

    COMMA = ","
    DOT = "."
    MIXED = "mixed"


class Money(NamedTuple):
    """An amount with two decimals, and the currencies that its sign allows; none where it has no sign."""

    amount: Decimal
    currencies: tuple[str, ...] = ()


def evidence(cells: Iterable[str]) -> Mark | None:
    """Return the decimal mark that a column's amounts prove, or None where each could be read either way."""
    comma = dot = False
    for cell in cells:
        found = _SPACES.sub("", word(cell)).strip("()")
        digits = re.sub(r"[^\d.,]", "", found).strip(".,")
        comma = comma or bool(_COMMA_DECIMALS.search(digits))
        dot = dot or bool(_DOT_DECIMALS.search(digits))
    if comma and dot:
        return Mark.MIXED
    return Mark.COMMA if comma else Mark.DOT if dot else None


def money(cell: str, mark: Mark | None = None) -> Money | None:
    """Return the amount in “62506”, “$62,506.00”, “1.234,56 €” or “CHF 5'000.–”, None for an empty cell.

    `mark` is the decimal mark of the whole column. Without one, a mark before exactly three digits parts thousands.
    Raises `Refused` for what is no amount, is negative, or can be read in two ways.
    """
    found = word(cell)
    if not found:
        return None
    parts = _AMOUNT.fullmatch(_SPACES.sub("", found))
    if parts is None:
        raise Refused(_("“%(cell)s” is no amount: write it as 62506 or 62506.50.", cell=shown(cell)))
    digits = parts["number"].strip(".,")
    amount = _number(digits, mark or _own_mark(digits), cell)
    signs = [sign for sign in (parts["before"], parts["after"]) if sign]
    return Money(amount, _currencies(signs, cell))


def currency(cell: str) -> str:
    """Return a currency's three-letter code, from it or from a sign that means one. Raises `Refused`."""
    found = word(cell).upper()
    if not found or _is_code(found):
        return found
    meant = _SIGNS.get(found, ())
    if len(meant) == 1:
        return meant[0]
    raise Refused(_("“%(cell)s” is no currency: use its three letters, like USD or EUR.", cell=shown(cell)))


def period(cell: str) -> str:
    """Return year, month, hour or empty. Raises `Refused` for any other word."""
    found = word(cell)
    if not found:
        return ""
    if normalised(found) not in _PERIODS:
        raise Refused(_("“%(cell)s” is no pay period: use year, month or hour.", cell=shown(cell)))
    return _PERIODS[normalised(found)]


def _number(digits: str, mark: Mark | None, cell: str) -> Decimal:
    """Return the number, its thousands properly parted and at most two decimals that count."""
    if mark is Mark.MIXED:
        mark = _own_mark(digits)
        if mark is None and not digits.isdigit():
            raise Refused(
                _("“%(cell)s” can be two amounts, and the column has both ways: write 62506.50.", cell=shown(cell))
            )
    decimal = mark.value if mark else ""
    whole, _mark, rest = digits.partition(decimal) if decimal else (digits, "", "")
    thousands = "[.,]" if not decimal else re.escape("." if decimal == "," else ",")
    # Two digits between the marks are how India parts lakhs and crores.
    is_sound = re.fullmatch(
        rf"\d+|\d{{1,3}}(?:{thousands}\d{{3}})+|\d{{1,2}}(?:{thousands}\d{{2}})*{thousands}\d{{3}}", whole
    )
    if not is_sound or not re.fullmatch(r"\d{0,2}0*", rest):
        raise Refused(_("“%(cell)s” is no amount: write it as 62506 or 62506.50.", cell=shown(cell)))
    whole = re.sub("[.,]", "", whole)
    if len(whole) > LONGEST:
        raise Refused(_("“%(cell)s” is larger than any pay.", cell=shown(cell)))
    return Decimal(f"{whole}.{rest or 0}").quantize(Decimal("0.01"))


def _own_mark(digits: str) -> Mark | None:
    return evidence([digits]) if not digits.isdigit() else None


def _currencies(signs: list[str], cell: str) -> tuple[str, ...]:
    allowed: tuple[str, ...] = ()
    for sign in signs:
        upper = sign.upper()
        meant = (upper,) if _is_code(upper) else _SIGNS.get(upper) or _SIGNS.get(upper.rstrip("."))
        both = tuple(code for code in meant or () if not allowed or code in allowed)
        if not both:
            raise Refused(_("“%(cell)s” has an unknown currency: use three letters, like USD.", cell=shown(cell)))
        allowed = both
    return allowed


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text in _codes()


@cache
def _codes() -> frozenset[str]:
    return frozenset(list_currencies())
