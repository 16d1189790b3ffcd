"""Making a backup: where it goes, what goes into it, and which older ones go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Engine

from app.core.backup import dumping, files, keys
from app.core.backup.container import Unwritable, writing
from app.core.backup.dumping import Progress
from app.core.storage import Storage

FOLDER = "backups"
NAME = "rollcall-{:%Y%m%d-%H%M%S}.backup"
OURS = re.compile(r"rollcall-\d{8}-\d{6}\.backup")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to go into a backup: the files of `store` unless that is None, and what `instance` holds of keys."""

    engine: Engine
    store: Storage | None
    instance: Path
    key: str | None
    """A key to be written in place of the one in the instance folder."""
    facts: Mapping[str, Any]
    """What else the manifest is to tell."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: its manifest, and the tables and columns of the database that are not in it."""

    path: Path
    told: dict[str, Any]
    strangers: set[str]


def path_for(to: Path | None, instance: Path, at: datetime) -> Path:
    """Return the path of a backup: in the folder that was asked for, or the file itself."""
    folder = instance / FOLDER if to is None else to
    is_folder = to is None or folder.is_dir() or folder.suffix == ""
    return folder / NAME.format(at) if is_folder else folder


def refuse_inside(store_folder: Path, path: Path) -> None:
    """Raise Unwritable for a file in the very folder that is to go into it."""
    if path.resolve().is_relative_to(store_folder.resolve()):
        raise Unwritable(
            _l(
                "%(path)s would lie among the files of the store, and go into the next backup: choose another folder.",
                path=path,
            )
        )


def make(wanted: Wanted, path: Path, at: datetime, progress: Progress) -> Made:
    """Write a backup; it is there when all of it is on the disk, and not at all when anything goes wrong."""
    with writing(path) as into:
        into.told |= {"made_at": at.isoformat(), **wanted.facts}
        with dumping.snapshot(wanted.engine) as connection:
            strangers = dumping.dump(connection, into, progress)
        into.told["files"] = files.dump(wanted.store, into, path.parent, progress) if wanted.store else None
        into.told["keys"] = keys.dump(wanted.instance, wanted.key, into)
    return Made(path, into.told, strangers)


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest backups of a folder, by the time in their names; return those that went."""
    found = sorted(path for path in folder.iterdir() if OURS.fullmatch(path.name) and path.is_file())
    gone = found[:-keep]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone
