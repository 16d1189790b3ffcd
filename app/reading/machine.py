"""What the machine itself tells: how full its disks are, and what is installed."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flask import current_app

from app.core.patience import within
from app.core.storage import storage
from app.core.storage.folder import Folder
from app.extensions import db

DISK_SECONDS = 2.0
"""A file server that is gone would keep whoever asks it waiting for ever."""
PACKAGES = ("Flask", "Flask-Admin", "SQLAlchemy", "gunicorn", "boto3")
DRIVERS = {"mysql": "PyMySQL", "postgresql": "psycopg"}


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk and one folder on it; None for both where it did not answer."""

    folder: str
    free: int | None = None
    total: int | None = None

    @property
    def share(self) -> float:
        """How much of it is free, from 0 to 1."""
        return (self.free or 0) / self.total if self.total else 0.0


def disks() -> list[Disk]:
    """Return the disks that hold the instance folder, a SQLite database, and a store that is a folder."""
    folders = [Path(current_app.instance_path)]
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        folders.append(Path(url.database).parent)
    store = storage()
    if isinstance(store, Folder):
        folders.append(Path(store.where))
    try:
        return within(DISK_SECONDS, "disks", lambda: _look(folders))
    except TimeoutError:
        return [Disk(str(folder)) for folder in dict.fromkeys(folders)]


def packages() -> list[str]:
    """Return what everything stands on, with versions."""
    names = [*PACKAGES, *filter(None, [DRIVERS.get(db.engine.dialect.name)])]
    return [f"Python {platform.python_version()}", *(f"{name} {one}" for name in names if (one := _version(name)))]


def _look(folders: Iterable[Path]) -> list[Disk]:
    """Return each disk once, under the first folder that is on it."""
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            there = next(one for one in (folder, *folder.parents) if one.exists())
            place = os.stat(there).st_dev
            if place not in found:
                usage = shutil.disk_usage(there)
                found[place] = Disk(str(folder), usage.free, usage.total)
        except OSError:
            found[-1 - len(found)] = Disk(str(folder))
    return list(found.values())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
