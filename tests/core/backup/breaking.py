"""A program that puts a backup into the database of DATABASE_URL, and is killed in the middle of a table."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from app import create_app
from config import load_config
from tests.core.backup.backing import put_back

TABLE = "employees"


def die(what: str, _count: int | None = None) -> None:
    """Die as by a power cut, once some rows are written."""
    if what == TABLE:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with create_app(load_config()).app_context():
        put_back(Path(sys.argv[1]), progress=die)
