"""Writing past the actions, for tests that make rows by hand; told all the same, as everything that changes is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import text, update

from app.changes import tracking, transaction
from app.changes.tracking import recording
from app.core.querycache import versions
from app.extensions import db

T = TypeVar("T")
KNOWINGLY = {tracking.KNOWINGLY: True}
"""The execution options of a bulk statement on a tracked table that nothing tells of."""


def write(work: Callable[[], T], **options: Any) -> T:
    """Run `work` in a write transaction whose changes are recorded, as `actions.run` does."""

    def recorded() -> T:
        with recording():
            value = work()
            db.session.flush()
        return value

    return transaction.write(recorded, **options)


def commit() -> None:
    """Commit what the session holds."""
    with recording():
        db.session.commit()


JOURNAL = ("unarchived", "unsealed", "seals", "changes", "segments", "change_sets")
"""What only a database that forgets its triggers for a moment lets go of; ids are never given twice, so it may stay."""


EMPTIED = Counter[str]()
"""How often the journal was emptied: what was made by actions before is then told of nowhere."""


def empty_journal() -> None:
    """Empty the journal, past its triggers, for tests to which those of moved clocks before them would matter."""
    EMPTIED["journal"] += 1
    db.session.rollback()
    with db.engine.begin() as connection:
        versions.touch(connection, ["journal"])  # which sees no statement in text
        connection.execute(update(versions.CacheVersion).values(change_set_id=None))
        if connection.dialect.name == "sqlite":
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'keep_%'"
            triggers = connection.execute(text(query)).all()
            for name, _sql in triggers:
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("UPDATE change_sets SET undoes_id = NULL"))
            for table in JOURNAL:
                connection.execute(text(f"DELETE FROM {table}"))
            for _name, sql in triggers:
                connection.execute(text(sql))
        elif connection.dialect.name == "mysql":
            connection.execute(text("SET foreign_key_checks = 0"))
            for table in JOURNAL:  # which asks no trigger
                connection.execute(text(f"TRUNCATE TABLE {table}"))
            connection.execute(text("SET foreign_key_checks = 1"))
        else:
            for table in JOURNAL:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            connection.execute(text(f"TRUNCATE TABLE {', '.join(JOURNAL)}"))
            for table in JOURNAL:
                connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
