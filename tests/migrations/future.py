"""Migrations that do not exist yet, for tests of what happens before, while and after they are run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import insert

from app.core.clock import now
from app.core.database.schema import HEAD
from app.core.servers import Part, Server
from app.extensions import db
from tests.applications import application

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
NEXT = f"{HEAD + 1:04d}"
Add = Callable[..., None]


@contextmanager
def future(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[tuple[Flask, Add]]:
    """Give an application that is up to date, and a function that adds the migration after its newest."""
    mine = shutil.copytree(FOLDER, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    init = Migrate.init_app
    monkeypatch.setattr(Migrate, "init_app", lambda self, app, db, directory: init(self, app, db, str(mine)))

    def add(*lines: str, oldest_code: int | None = HEAD, head: str = "") -> None:
        noted = [] if oldest_code is None else [f"note_revision({HEAD + 1}, oldest_code={oldest_code})"]
        body = "\n".join(f"    {line}" for line in (*lines, *noted))
        (mine / "versions" / f"{NEXT}_more.py").write_text(
            f'"""Something more."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            "from app.core.database.migration import TABLE, forget_revision, note_revision\n\n"
            f'revision = "{NEXT}"\ndown_revision = "{HEAD:04d}"\n{head}\n\n\n'
            f"def upgrade():\n{body}\n\n\ndef downgrade():\n    forget_revision({HEAD + 1})\n",
            encoding="utf-8",
        )

    with application(url, INSTANCE_PATH=str(folder), **settings) as app, app.app_context():
        yield app, add


def seen(host: str, knows: int, minutes_ago: float = 0) -> None:
    """Note a server as if it had said so itself; needs an application context."""
    from datetime import timedelta

    at = now() - timedelta(minutes=minutes_ago)
    words = dict.fromkeys(("version", "commit_hash", "tag", "digest", "run", "process"), "")
    row = {"host": host, "part": Part.SERVE, "knows": knows, "is_draining": False, "since": at, "at": at}
    with db.engine.begin() as connection:
        connection.execute(insert(Server).values({**words, **row}))
