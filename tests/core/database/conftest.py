"""A page of a test's own on an application whose database stands behind a proxy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.access import gate
from app.extensions import db
from tests.applications import application
from tests.services.plugin import ProxiedDatabase
from tests.services.proxy import Proxy
from tests.services.server import Server

LONGEST_SECONDS = 60


@dataclass
class Served:
    """An application, its database, and the page `/probe`, which does what `doing` says."""

    app: Flask
    database: ProxiedDatabase
    doing: Callable[[], Any] = lambda: scalar("SELECT 1")

    @property
    def proxy(self) -> Proxy:
        return self.database.proxy

    @property
    def server(self) -> Server:
        return self.database.server

    def visit(self, doing: Callable[[], Any] | None = None) -> TestResponse:
        """Open the page, in a thread, so that one that never ends fails the test instead of stopping it."""
        self.doing = doing or (lambda: scalar("SELECT 1"))
        answers: list[TestResponse] = []
        thread = threading.Thread(target=lambda: answers.append(self.app.test_client().get("/probe")), daemon=True)
        thread.start()
        thread.join(LONGEST_SECONDS)
        assert answers, "the request did not end"
        return answers[0]

    def rows(self) -> list[Any]:
        """Return what others see in the table."""
        return self.server.execute("SELECT word FROM notes ORDER BY word", self.database.name)


def scalar(statement: str) -> Any:
    """Return what a statement gives in this request's transaction."""
    return db.session.execute(text(statement)).scalar()


def note(word: str) -> None:
    """Write a row."""
    db.session.execute(text("INSERT INTO notes (word) VALUES (:word)"), {"word": word})


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ProxiedDatabase], Served]]:
    """Return a function that serves a database with an empty table `notes`."""
    monkeypatch.setattr(gate, "PUBLIC", gate.PUBLIC | {"probe"})
    open_ones: list[Any] = []

    def give(database: ProxiedDatabase) -> Served:
        database.server.execute(
            "CREATE TABLE IF NOT EXISTS notes (word VARCHAR(20) PRIMARY KEY, number INT NOT NULL DEFAULT 0)",
            database.direct_url.rpartition("/")[2],
        )
        manager = application(database.url)
        app = manager.__enter__()
        open_ones.append(manager)
        served = Served(app, database)
        app.add_url_rule("/probe", "probe", lambda: str(served.doing()))
        return served

    yield give
    for manager in open_ones:
        manager.__exit__(None, None, None)


@pytest.fixture
def served(proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served]) -> Served:
    """Give an application on each server, behind a proxy."""
    return serve(proxied_database)
