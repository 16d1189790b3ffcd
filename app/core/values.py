"""Values as they come from forms, files and programs, made fit for the columns they go into."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Column, Date, Enum, Integer, Numeric, String, Text, inspect

from app.core import text
from app.core.problems import Invalid, Sentence

EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
LONGEST_TEXT = 16_000  # of four bytes each, still below what a TEXT of MySQL holds
# One @ between two parts without white space; whether it can be reached only a message shows.
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def row_id(text: str) -> int | None:
    """Return the id that a URL or a form names; None for what can't be one (more digits than an id has, say)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class Unfit(ValueError):
    """A value that doesn't fit its column; its argument is the sentence for the field."""


def clean(
    model: type[Any], values: Mapping[str, Any], allowed: Collection[str], required: Collection[str] = ()
) -> dict[str, Any]:
    """Return `values` as the columns of `model` take them; raise `Invalid` with every field that can't be used.

    Only columns in `allowed` are taken. Empty text becomes None; a `required` one may not be empty.
    """
    columns = inspect(model).columns
    cleaned: dict[str, Any] = {}
    errors: dict[str, Sentence] = {}
    for field, value in values.items():
        if field not in allowed:
            errors[field] = _l("This can’t be set here.")
            continue
        try:
            cleaned[field] = _fit(columns[field], value)
        except Unfit as unfit:
            errors[field] = unfit.args[0]
    for field in required:
        if field in cleaned and cleaned[field] is None:
            errors.setdefault(field, _l("Enter something here."))
    if errors:
        raise Invalid(errors)
    return cleaned


def email(value: str | None) -> str | None:
    """Return an e-mail address; raise `Unfit` for what can't be one."""
    if value is not None and not EMAIL.fullmatch(value):
        raise Unfit(_l("Enter an e-mail address like name@company.com."))
    return value


def _fit(column: Column[Any], value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, StrEnum):
        value = text.tidy(value)
    if value is None or value == "":
        return None
    kind = column.type
    if isinstance(kind, Enum):
        return _member(kind, value)
    if isinstance(kind, Boolean):
        return bool(value)
    if isinstance(kind, Integer):
        return _reference(value) if column.foreign_keys else _whole(value)
    if isinstance(kind, Numeric):
        return _number(kind, value)
    if isinstance(kind, Date):
        return _date(value)
    if isinstance(kind, String | Text):
        return _text(column, str(value))
    return value


def _member(kind: Enum, value: Any) -> Any:
    try:
        return kind.enum_class(str(value)) if kind.enum_class else value
    except ValueError:
        raise Unfit(_l("Choose one of the list.")) from None


def _whole(value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise Unfit(_l("Enter a whole number.")) from None
    if not -(2**31) <= number < 2**31:
        raise Unfit(_l("This number is too large."))
    return number


def _reference(value: Any) -> int:
    """Return the id of another record; what is none was a name that somebody typed where one chooses."""
    try:
        return _whole(value)
    except Unfit:
        raise Unfit(_l("Choose one of the list.")) from None


def _number(kind: Numeric[Any], value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Unfit(_l("Enter a number.")) from None
    if not number.is_finite():
        raise Unfit(_l("Enter a number."))
    scale, precision = kind.scale or 0, kind.precision or 14
    if number.copy_abs() >= Decimal(10) ** (precision - scale):  # abs() would overflow
        raise Unfit(_l("This number is too large."))
    if number != round(number, scale):
        raise Unfit(_l("Use at most %(count)s decimal places.", count=scale))
    return number


def _date(value: Any) -> date:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise Unfit(_l("Enter a date like 2026-03-31.")) from None
    if not EARLIEST <= day < LATEST:
        raise Unfit(_l("Enter a year between 1900 and 2199."))
    return day


def _text(column: Column[Any], value: str) -> str:
    longest = getattr(column.type, "length", None) or column.info.get("longest", LONGEST_TEXT)
    if len(value) > longest:
        raise Unfit(_l("Use at most %(most)s characters; this has %(count)s.", most=longest, count=len(value)))
    if column.name in ("email", "personal_email"):
        email(value)
    return value
