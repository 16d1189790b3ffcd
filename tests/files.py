"""Files of the database, read so that the database does not notice."""

from __future__ import annotations

import subprocess
from pathlib import Path


def bytes_of(path: Path) -> bytes:
    """Return what a file holds.

    Read by another program: a process that opens and closes a SQLite database's file gives up all its locks on it.
    """
    return subprocess.run(["cat", str(path)], capture_output=True, check=True).stdout
