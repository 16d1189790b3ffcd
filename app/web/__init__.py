"""Staff-facing pages: home, sign-in, dashboard, directory, a person, one's own account; the archive."""

from typing import Any

from flask import Flask, request, request_started

from app.access.gate import PUBLIC
from app.actions.planned import catch_up
from app.web import account, archive, auth, directory, health, pages
from app.web.menu import add_menu


def init_app(app: Flask) -> None:
    """Register the staff pages."""
    for blueprint in (pages.blueprint, auth.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    add_menu(app)
    # Before the gate reads who is signed in: it may be their account that ended today.
    request_started.connect(_catch_up, app)


def _catch_up(_app: Flask, **_more: Any) -> None:
    if request.endpoint and request.endpoint not in PUBLIC:
        catch_up()


__all__ = ["account", "archive", "auth", "directory", "health", "init_app", "pages"]
