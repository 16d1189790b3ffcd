"""Which records an action is for: the ones ticked in a list, or all that a list's search and filters find."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import ngettext

from app.core.values import row_id

if TYPE_CHECKING:
    from app.admin.listing import Asked
    from app.admin.panel import Panel

MOST = 100_000
"""So many records at once; beyond it somebody has to narrow the list."""
MOST_IDS = 1_000
"""So many travel from page to page as ids; of more, what the list was asked for is read again each time."""
FIRST = 20


@dataclass(slots=True)
class Selection:
    """The records chosen: their ids, the names of those that a page shows, and what there is to say about them."""

    ids: list[int]
    names: list[tuple[int, str]]
    notices: list[str] = field(default_factory=list)
    is_too_large: bool = False

    @property
    def is_long(self) -> bool:
        """Whether it travels as what the list was asked for."""
        return len(self.ids) > MOST_IDS

    @property
    def mark(self) -> str:
        """What tells this selection from one with other records."""
        return hashlib.sha256(joined(sorted(self.ids)).encode()).hexdigest()[:32]


def chosen(panel: Panel) -> Selection:
    """Return the records that this request names, as far as they are there and for the reader's eyes.

    What is no longer as it was when the reader looked last is told in `notices`.
    """
    is_posted = request.method == "POST"
    if request.args.get("all") == "1":
        found = panel.matching(panel.asked(), MOST + 1)
        ids = found[:MOST]
        names = panel.named(ids[: MOST_IDS if len(ids) <= MOST_IDS else FIRST])
        selection = Selection(ids, names, is_too_large=len(found) > MOST)
        if is_posted and request.form.get("mark") != selection.mark:
            words = _("What the list finds changed meanwhile: it is %(count)s now.", count=panel.counted(len(ids)))
            selection.notices.append(words)
        return selection
    ids = parsed((request.form if is_posted else request.args).getlist("ids"))
    if len(ids) > MOST_IDS:
        abort(400)
    names = panel.named(ids) if ids else []
    selection = Selection([found_id for found_id, _name in names], names)
    missing = len(ids) - len(names)
    if missing:
        selection.notices.append(
            ngettext(
                "%(num)d of the chosen is no longer there, or not for your eyes.",
                "%(num)d of the chosen are no longer there, or not for your eyes.",
                missing,
            )
        )
    return selection


def parsed(texts: Iterable[str]) -> list[int]:
    """Return the ids in texts that hold one or several, parted by commas; what can't be an id is left out."""
    found = (row_id(piece) for text in texts for piece in text.split(","))
    return list(dict.fromkeys(number for number in found if number))


def joined(ids: Iterable[int]) -> str:
    """Return ids as one text."""
    return ",".join(map(str, ids))


def filter_names(panel: Panel) -> dict[str, str]:
    """Return what the list's filters are called in its URL, by their names in `reading`."""
    return {flt.key_name: f"flt{i}_{flt.key_name}" for i, flt in enumerate(panel._filters or [])}


def said_of(panel: Panel, asked: Asked) -> dict[str, Any]:
    """Return what a list's URL says but for filters and place; None for what need not be said."""
    return {
        "search": asked.search or None,
        "sort": asked.sort_index,
        "desc": 1 if asked.is_descending else None,
        "page_size": asked.size if asked.size != panel.page_size else None,
    }


def address(panel: Panel, asked: Asked) -> dict[str, Any]:
    """Return what leads back to just this page of the list, and finds its records again."""
    names = filter_names(panel)
    place = {"after": asked.place.after, "before": asked.place.before, "last": 1 if asked.place.is_last else None}
    said = said_of(panel, asked) | {names[key]: value for key, value in asked.filters.items()} | place
    return {name: value for name, value in said.items() if value is not None}
