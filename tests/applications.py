"""Applications built for one test, with settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event

from app import create_app
from app.extensions import db
from config import load_config


@contextmanager
def application(database_url: str, **settings: Any) -> Iterator[Flask]:
    """Give an application that reads nothing of this machine's environment; its connections are closed at the end."""
    app = create_app(load_config("testing", environ={}, DATABASE_URL=database_url, **settings))
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _wait_for_no_disk)
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _wait_for_no_disk(connection: Any, _record: Any) -> None:
    """Spare tests the wait for the disk at each commit, which is most of their time; the real setting stays FULL."""
    connection.execute("PRAGMA synchronous = OFF")


def migrate(app: Flask) -> None:
    """Bring the application's database up to date."""
    with app.app_context():
        upgrade()
