"""Where a SQLite database still holds what was wiped from its tables: its log, and the copies beside it.

What the servers keep (undo, dead rows, binary logs, archived logs) is theirs to clear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from app.core.database.engine import end_transaction
from app.extensions import db


def copies() -> list[Path]:
    """Return the copies that migrations made of the database, whole or not."""
    database = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or database in (None, "", ":memory:"):
        return []
    path = Path(str(database))
    made = re.compile(rf"{re.escape(path.stem)}-before-[0-9-]+{re.escape(path.suffix)}(\.unfinished)?")
    return sorted(found for found in path.parent.iterdir() if made.fullmatch(found.name))


def delete(files: Iterable[Path]) -> None:
    """Delete these copies."""
    for file in files:
        file.unlink(missing_ok=True)


def empty_log() -> bool:
    """Write SQLite's log into the database and cut it to nothing; False where somebody was reading an older state.

    Outside a transaction. Elsewhere there is no such file, and nothing to do.
    """
    if db.engine.dialect.name != "sqlite":
        return True
    end_transaction()
    # Not through SQLAlchemy, which would begin a transaction, where SQLite refuses it.
    with closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        row = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(row[0] == 0)
