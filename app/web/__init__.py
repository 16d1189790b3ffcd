"""Staff-facing pages: home, sign-in, dashboard, directory, a person, one's own account."""

from flask import Flask

from app.web import account, auth, directory, health, pages
from app.web.menu import add_menu


def init_app(app: Flask) -> None:
    """Register the staff pages."""
    for blueprint in (pages.blueprint, auth.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    add_menu(app)


__all__ = ["account", "auth", "directory", "health", "init_app", "pages"]
