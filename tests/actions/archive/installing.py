"""An installation on SQLite whose database file is copied and put back, for tests of what happens after that."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from app.extensions import db


class Installation:
    """An installation on SQLite in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "rollcall.sqlite3"
        self.copy = folder / "backup.sqlite3"

    def back_up(self) -> None:
        """Copy the database as it is."""
        db.session.rollback()
        with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(self.copy)) as target:
            source.backup(target)

    def put_back(self) -> None:
        """Put the copy in the place of the database."""
        db.session.remove()
        db.engine.dispose()
        for file in self.file.parent.glob(f"{self.file.name}*"):
            file.unlink()
        shutil.copy(self.copy, self.file)
