"""Where a list stands, in its URL: `after=`, `before=` or `last=1`, beside what it is searched and filtered by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for

from app.reading.paging import Page, Place


@dataclass(slots=True)
class Links:
    """A page as templates take it: its rows, how many there are in all, and the ways to other pages."""

    rows: list[Any]
    count: int
    count_is_capped: bool
    count_is_about: bool
    first_url: str | None = None
    previous_url: str | None = None
    next_url: str | None = None
    last_url: str | None = None
    page_sizes: list[tuple[int, str, bool]] = field(default_factory=list)


def asked_place() -> Place:
    """Return the place in the list that this request asks for."""
    args = request.args
    return Place(after=args.get("after") or None, before=args.get("before") or None, is_last=args.get("last") == "1")


def links(page: Page[Any], rows: list[Any], endpoint: str, **kept: Any) -> Links:
    """Return `page` with its rows as `rows` and links that keep what the list is narrowed by."""
    kept = {name: value for name, value in kept.items() if value not in (None, "")}

    def url(**place: str) -> str:
        return url_for(endpoint, **(kept | place))

    return Links(
        rows=rows,
        count=page.count,
        count_is_capped=page.count_is_capped,
        count_is_about=page.count_is_about,
        first_url=url() if page.previous else None,
        previous_url=url(before=page.previous) if page.previous else None,
        next_url=url(after=page.next) if page.next else None,
        last_url=url(last="1") if page.next else None,
    )
