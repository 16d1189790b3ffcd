"""Which column of a staff list holds which of our fields, and which columns are left out, and why."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import gettext as _

from app.actions.imports.table import Unreadable, decode
from app.actions.imports.vocabulary import HEADERS, LEFT_OUT, listed, normalised

_TABLE = listed(HEADERS)
FIELDS = tuple(_TABLE)
_BY_NAME = {normalised(field): (field, 0) for field in FIELDS} | {
    way: (field, rank) for field, ways in _TABLE.items() for rank, way in enumerate(ways, 1)
}
_LEFT_OUT = listed(LEFT_OUT)
_PUNCTUATED = re.compile(r"[^\w]+|_", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Reason(StrEnum):
    """Why a column is left out."""

    SENSITIVE = "sensitive"
    RATING = "rating"
    CODE = "code"
    TAKEN = "taken"
    ASKED = "asked"
    UNNAMED = "unnamed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is not imported: its header as in the file, why, and the same as a sentence."""

    header: str
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Field → index of its column, the headers behind that, and the columns left out, in the file's order."""

    places: dict[str, int]
    headers: dict[str, str]
    left_out: list[LeftOut]


def match_columns(header: list[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Return where each field stands in `header`; `mapping` (header → field, empty: leave out) goes before synonyms.

    Raises `Unreadable` for a mapping that doesn't fit and for a header that can't name people: it needs a name, and a
    number or e-mail by which the same person is known again the next time.
    """
    asked = _asked(header, mapping or {})
    places: dict[str, int] = {field: index for index, field in asked.items() if field}
    candidates: dict[str, list[tuple[int, int]]] = {}
    for index, title in enumerate(header):
        known = _BY_NAME.get(normalised(title))
        if index not in asked and known and known[0] not in places and not _is_sensitive(title):
            candidates.setdefault(known[0], []).append((known[1], index))
    for field, found in candidates.items():
        found.sort()
        if len(found) > 1 and normalised(header[found[0][1]]) == normalised(header[found[1][1]]):
            raise Unreadable(
                _("The file has two columns “%(title)s”: rename or remove one of them.", title=header[found[0][1]])
            )
        places[field] = found[0][1]
    _settle_names(places)
    _demand_identity(places)
    left_out = [_left_out(header, i, asked) for i in range(len(header)) if i not in places.values()]
    return Columns(places, {field: header[index] for field, index in places.items()}, left_out)


def read_mapping(data: bytes) -> dict[str, str]:
    """Return header → field from a mapping file: a JSON object, or lines `header,field`. Raises `Unreadable`."""
    text, _encoding = decode(data)
    pairs: Iterable[tuple[str, object]]
    if text.lstrip().startswith(("{", "[")):
        try:
            pairs = json.loads(text, object_pairs_hook=lambda found: found)
        except ValueError as error:
            raise Unreadable(_("The mapping file is no valid JSON: %(error)s.", error=error)) from error
        if text.lstrip().startswith("["):
            raise Unreadable(_mapping_form())
    else:
        pairs = _mapping_lines(text)
    mapping: dict[str, str] = {}
    for title, field in pairs:
        if not (field is None or isinstance(field, str)):
            raise Unreadable(_mapping_form())
        title = title.strip()
        if title in mapping:
            raise Unreadable(_("The mapping file names the column “%(title)s” twice.", title=title))
        mapping[title] = "" if field in (None, "-") else str(field).strip().casefold()
    return mapping


def _mapping_lines(text: str) -> list[tuple[str, str]]:
    first = text.strip().splitlines()[0] if text.strip() else ""
    separator = max(";\t=,", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if any(row)]
    except csv.Error as error:
        raise Unreadable(_mapping_form()) from error
    if any(len(row) != 2 for row in rows):
        raise Unreadable(_mapping_form())
    if rows and [cell.strip().casefold() for cell in rows[0]] in (["header", "field"], ["column", "field"]):
        del rows[0]
    return [(row[0], row[1]) for row in rows]


def _mapping_form() -> str:
    return _(
        'The mapping file has to be a JSON object like {"Staff code": "number"} or have one line for each column like'
        " Staff code,number."
    )


def _asked(header: list[str], mapping: Mapping[str, str]) -> dict[int, str]:
    """Return column index → field as `mapping` wants it, an empty field for a column it leaves out."""
    asked: dict[int, str] = {}
    for title, field in mapping.items():
        found = [i for i, name in enumerate(header) if name == title] or [
            i for i, name in enumerate(header) if normalised(name) == normalised(title) != ""
        ]
        if not found:
            raise Unreadable(_("The mapping names a column “%(title)s”, which the file doesn't have.", title=title))
        if len(found) > 1:
            raise Unreadable(_("The file has two columns “%(title)s”: rename or remove one of them.", title=title))
        if field and field not in FIELDS:
            fields = ", ".join(FIELDS)
            raise Unreadable(
                _("The mapping sends “%(title)s” to “%(field)s”, which is no field: use one of %(fields)s.",
                  title=title, field=field, fields=fields)
            )  # fmt: skip
        if field and _is_sensitive(title):
            raise Unreadable(_("“%(title)s” is sensitive and never stored: take it out of the mapping.", title=title))
        if field and field in asked.values():
            other = header[next(i for i, taken in asked.items() if taken == field)]
            raise Unreadable(
                _(
                    "The mapping sends both “%(one)s” and “%(two)s” to %(field)s: choose one.",
                    one=other,
                    two=title,
                    field=field,
                )
            )
        asked[found[0]] = field
    return asked


def _settle_names(places: dict[str, int]) -> None:
    """Leave one way to the name in `places`: first and last name, or the whole name.

    “Name” beside a first name and without a last name is the last name, as staff lists in German have it.
    """
    if "name" in places and "first_name" in places:
        whole = places.pop("name")
        places.setdefault("last_name", whole)
    elif "name" in places and "last_name" in places:
        places.pop("last_name")


def _demand_identity(places: Mapping[str, int]) -> None:
    if "name" not in places and not ("first_name" in places and "last_name" in places):
        raise Unreadable(
            _("No column is recognised as the name: name it “name” (or “first name” and “last name”), or use --map.")
        )
    if "number" not in places and "email" not in places:
        raise Unreadable(
            _(
                "No column is recognised as employee number or e-mail, so a second import could not tell who is who:"
                " name it “number” or “email”, or use --map."
            )
        )


def _left_out(header: list[str], index: int, asked: Mapping[int, str]) -> LeftOut:
    title = header[index]
    flat = normalised(title)
    reason = Reason.UNKNOWN
    if not title:
        title, reason = _("column %(number)d", number=index + 1), Reason.UNNAMED
    elif _is_sensitive(title):
        reason = Reason.SENSITIVE
    elif index in asked:
        reason = Reason.ASKED
    elif flat in _BY_NAME:
        reason = Reason.TAKEN
    elif flat in _LEFT_OUT["code"]:
        reason = Reason.CODE
    elif any(stem in flat for stem in _LEFT_OUT["rating"]):
        reason = Reason.RATING
    return LeftOut(title, reason, _SENTENCES[reason]())


# Functions, so that each report is in the language of the person who reads it.
_SENTENCES: dict[Reason, Callable[[], str]] = {
    Reason.SENSITIVE: lambda: _("sensitive: never stored"),
    Reason.RATING: lambda: _("ratings, attendance and recruitment are not kept here"),
    Reason.CODE: lambda: _("a code of the other system: the name beside it is used"),
    Reason.TAKEN: lambda: _("another column is used for this"),
    Reason.ASKED: lambda: _("left out by the mapping"),
    Reason.UNNAMED: lambda: _("it has no name"),
    Reason.UNKNOWN: lambda: _("not known: map it with --map"),
}


def _is_sensitive(title: str) -> bool:
    flat = normalised(title)
    words = {normalised(word) for word in _PUNCTUATED.split(_CAMEL.sub(" ", title))}
    return any(stem in flat for stem in _LEFT_OUT["sensitive"]) or not words.isdisjoint(_LEFT_OUT["sensitive word"])
