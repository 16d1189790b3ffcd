"""Applications built for one test, with settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask_migrate import upgrade

from app import create_app
from app.extensions import db
from config import load_config


@contextmanager
def application(database_url: str, **settings: Any) -> Iterator[Flask]:
    """Give an application that reads nothing of this machine's environment; its connections are closed at the end."""
    app = create_app(load_config("testing", environ={}, DATABASE_URL=database_url, **settings))
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def migrate(app: Flask) -> None:
    """Bring the application's database up to date."""
    with app.app_context():
        upgrade()
