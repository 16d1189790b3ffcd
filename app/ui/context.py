"""What every template can count on: who looks, where they can go, and files that browsers may keep."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

from app.access.actor import Actor, is_read_only
from app.access.gate import actor_or_none, has_panels
from app.access.grants import Action, Subject
from app.changes.read_only import Cause
from app.core.problems import Sentence
from app.reading import cache
from app.ui import labels


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page."""

    name: str
    email: str
    number: str | None
    has_panels: bool

    @property
    def initials(self) -> str:
        """What stands in for a photo."""
        return labels.initials(self.name)


@dataclass(frozen=True, slots=True)
class Item:
    """A link of the menu."""

    label: Sentence
    url: str
    icon: str
    active: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Links of the menu under one heading."""

    label: Sentence
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a face adds to the menu, and for whom."""

    section: Sentence
    label: Sentence
    icon: str
    endpoint: str
    is_for: Callable[[Actor], bool]


PEOPLE, ADMINISTRATION = _l("People"), _l("Administration")
CACHE_PAGE = "cache.index_view"
"""Where the state of the query cache is told in full."""


def init_context(app: Flask) -> None:
    """Give all templates of `app` their common names."""
    app.extensions["menu"] = []
    app.jinja_env.globals.update(asset=asset, get_locale=get_locale)
    app.jinja_env.filters.update(shown=labels.shown, action_words=labels.action)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: _common(app))


def add_to_menu(app: Flask, *entries: Entry) -> None:
    """Add links to the menu of `app`, in order."""
    app.extensions["menu"].extend(entries)


def _common(app: Flask) -> dict[str, Any]:
    who = actor_or_none()
    if who is None:
        return {"viewer": None, "navigation": []}
    viewer = Viewer(who.name, who.email, who.employee_number, has_panels(who))
    return {
        "viewer": viewer,
        "navigation": _navigation(app, who),
        "cache_trouble": _cache_trouble(who),
        "read_only": _read_only(),
    }


def _read_only() -> tuple[Sentence, str | None] | None:
    """Return what everybody is told while nothing can be changed, and why; it came with who is asking."""
    found = is_read_only()
    if found is None:
        return None
    if found.cause is Cause.MIGRATION:
        return _l("Rollcall is being updated: until that is done, you can look at everything and change nothing."), None
    words = _l("Rollcall is read-only for the moment: you can look at everything and change nothing.")
    return words, found.reason


def _cache_trouble(who: Actor) -> Sentence | None:
    """Return why the query cache is out of use, for who looks after it; it is known without asking anything."""
    trouble = cache.trouble()
    if trouble is None or request.endpoint == CACHE_PAGE or not who.can(Action.ADMINISTER, Subject.SYSTEM):
        return None
    return cache.in_words(trouble.reason)[0]


def _navigation(app: Flask, who: Actor) -> list[Section]:
    sections: dict[str, Section] = {}
    for entry in app.extensions["menu"]:
        if entry.is_for(who):
            url = url_for(entry.endpoint)
            is_here = request.path == url or (url.count("/") > 2 and request.path.startswith(url))
            section = sections.setdefault(str(entry.section), Section(entry.section, []))
            section.items.append(Item(entry.label, url, entry.icon, is_here))
    return list(sections.values())


def asset(path: str) -> str:
    """Return the URL of a static file, with a mark of its content so that browsers may keep it for good."""
    return url_for("static", filename=path, v=_mark(path))


@lru_cache(maxsize=256)
def _mark(path: str) -> str:
    file = Path(__file__).parent.parent / "static" / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
