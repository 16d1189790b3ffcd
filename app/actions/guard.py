"""Loading a row to change it, and refusing a change made from old values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flask_babel import lazy_gettext as _l

from app.changes.tracking import Tracked
from app.core.problems import Conflict, Invalid, NotFound
from app.extensions import db

Row = TypeVar("Row", bound=Tracked)


def loaded(model: type[Row], row_id: int) -> Row:
    """Return a row, fresh in this transaction; raise `NotFound`."""
    row = db.session.get(model, row_id)
    if row is None:
        raise NotFound()
    return row


def refuse_stale(row: Tracked, version: int, wanted: Mapping[str, Any]) -> None:
    """Raise `Conflict` with the present values of what is wanted when the row moved on since `version` was read."""
    if row.version != version:
        raise Conflict(row.version, {field: getattr(row, field) for field in wanted})


def chosen(row_id: Any, field: str) -> int | None:
    """Return the id that a look-up gave; raise `Invalid` for what can't be one, which some engines choke on."""
    if row_id is None or row_id == "":
        return None
    text = str(row_id)
    if not (text.isdecimal() and len(text) < 11 and 0 < int(text) < 2**31):
        raise Invalid({field: _l("Choose from what the search offers.")})
    return int(text)
