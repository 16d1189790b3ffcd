"""Loading a row to change it, and merging a change made from old values, or refusing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from flask_babel import lazy_gettext as _l

from app.changes.tracking import Tracked
from app.core.problems import Conflict, Invalid, NotFound
from app.core.values import clean
from app.extensions import db
from app.people.employee import Employee
from app.people.erased import refuse_erased

Row = TypeVar("Row", bound=Tracked)
UNKNOWN = object()


def loaded(model: type[Row], row_id: int) -> Row:
    """Return a row, fresh in this transaction; raise `NotFound`, or `Invalid` for somebody who was erased."""
    row = db.session.get(model, row_id)
    if row is None:
        raise NotFound()
    if isinstance(row, Employee):
        refuse_erased(row)
    return row


def refuse_stale(row: Tracked, version: int, wanted: Collection[str] = ()) -> None:
    """Raise `Conflict` with the present values of what is wanted when the row moved on since `version` was read."""
    if row.version != version:
        raise Conflict(row.version, {field: getattr(row, field) for field in wanted})


def merged(
    row: Tracked, version: int, wanted: Mapping[str, Any], original: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what of `wanted` is to be set on the row as it stands now; raise `Conflict` where both sides changed it.

    `original` is what the fields held when `version` was read, by the word of who sends it: it only tells which of
    `wanted` they changed. What they left alone stays as it is now. A field without an original counts as changed by
    both, unless both say the same.
    """
    if row.version == version:
        return dict(wanted)
    # Nobody was ever given another version, so what is said about it is not believed either.
    known = _originals(type(row), wanted, original or {}) if 0 < version < row.version else {}
    mine: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for field, value in wanted.items():
        present = getattr(row, field)
        before = known.get(field, UNKNOWN)
        if _is_same(value, present if before is UNKNOWN else before):
            kept[field] = present
        elif _is_same(present, before) or _is_same(present, value):
            mine[field] = value
        else:
            theirs[field] = present
    if theirs:
        raise Conflict(row.version, theirs, {field: known[field] for field in theirs if field in known}, kept)
    return mine


def _originals(model: type[Tracked], wanted: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """Return the original values as the columns have them; those that can't be read are left out."""
    known: dict[str, Any] = {}
    for field in wanted:
        if field in original:
            with suppress(Invalid):
                known |= clean(model, {field: original[field]}, (field,))
    return known


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two values are the same; some columns hold an empty text for nothing."""
    return bool((None if one == "" else one) == (None if other == "" else other))


def chosen(row_id: Any, field: str) -> int | None:
    """Return the id that a look-up gave; raise `Invalid` for what can't be one, which some engines choke on."""
    if row_id is None or row_id == "":
        return None
    text = str(row_id)
    if not (text.isdecimal() and len(text) < 11 and 0 < int(text) < 2**31):
        raise Invalid({field: _l("Choose from what the search offers.")})
    return int(text)
