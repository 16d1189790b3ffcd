"""The part of the menu that all staff see."""

from __future__ import annotations

from flask import Flask
from flask_babel import lazy_gettext as _l

from app.ui.context import PEOPLE, Entry, add_to_menu


def add_menu(app: Flask) -> None:
    """Add the staff pages to the menu of `app`."""
    add_to_menu(
        app,
        Entry(PEOPLE, _l("Dashboard"), "house", "web.dashboard", lambda _who: True),
        Entry(PEOPLE, _l("Directory"), "people", "web.directory", lambda _who: True),
        Entry(PEOPLE, _l("My account"), "person", "web.account", lambda _who: True),
    )
