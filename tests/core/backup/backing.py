"""Backups made and put back inside a test, and all that a database holds, to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import Engine, select

from app.core.backup import making, restoring
from app.core.backup.container import opened
from app.core.backup.dumping import engine_for
from app.core.backup.making import Made, Wanted
from app.core.backup.restoring import Restored
from app.core.backup.tables import Stored
from app.core.clock import now
from app.core.storage import Storage
from app.extensions import db

TOKENS = "cache_versions"
Progress = Any
CHECKED: dict[Path, list[Stored]] = {}


def silent(_what: str, _count: int | None = None) -> None:
    """Tell nobody how far it is."""


def engine() -> Engine:
    """Return an engine as the commands have it."""
    return engine_for(db.engine.url.render_as_string(hide_password=False))


def back_up(path: Path, store: Storage | None = None, progress: Progress = silent) -> Made:
    """Back the present application's database up."""
    instance = Path(current_app.instance_path)
    return making.make(Wanted(engine(), store, instance, None, {"version": "1"}), path, now(), progress)


def put_back(
    path: Path, *, is_replaced: bool = True, progress: Progress = silent, is_as_it_was: bool = False
) -> Restored:
    """Put a backup, checked once in a run, in the place of what the present application's database holds."""
    db.session.remove()
    with opened(path) as backup:
        parts = CHECKED.get(path) or CHECKED.setdefault(path, restoring.check(backup, silent))
        options = {"is_replaced": is_replaced, "is_as_it_was": is_as_it_was}
        return restoring.restore(db.engine, backup, parts, progress=progress, **options)


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables but the tokens, which a restore moves, as the models read them."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in db.metadata.tables.items()
            if name != TOKENS
        }


def tokens() -> dict[str, tuple[int, int]]:
    """Return the token of each group of tables."""
    from app.core.querycache import versions

    db.session.rollback()
    return {name: (int(high), int(low)) for name, high, low, _ in db.session.execute(versions.sums())}
