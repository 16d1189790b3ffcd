"""What of the instance folder belongs into a backup: the key that signs cookies, and the settings of this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from app.core.backup.container import Backup, Writer

KEY, SETTINGS = "secret_key", "config.py"
PART = "keys/{}"


def dump(instance: Path, key: str | None, into: Writer) -> list[str]:
    """Write what is there, and `key` where that is given instead of the one in the folder; return the names."""
    found = []
    for name in (KEY, SETTINGS):
        content = key.encode() if key and name == KEY else _content(instance / name)
        if content is not None:
            with into.part(PART.format(name)) as part:
                part.write(content)
            found.append(name)
    return found


def has(instance: Path, key: str) -> bool:
    """Say whether the key in the folder is this one."""
    content = _content(instance / KEY)
    return content is not None and content.strip() == key.encode()


def load(instance: Path, backup: Backup, at: datetime) -> list[Path]:
    """Put back the key, and the settings beside those that are there; return the files that were written.

    A key that is there is kept under another name. The settings name the database and the store of the machine that
    they are from, so they are for somebody to look at, and don't come into force by themselves.
    """
    written = []
    for name in (KEY, SETTINGS):
        if not backup.has(PART.format(name)):
            continue
        content, path = backup.read(PART.format(name)), instance / name
        if content == _content(path):
            continue
        if name == SETTINGS:
            path = instance / f"{SETTINGS}.restored"
        elif path.exists():
            path.rename(path.with_name(f"{KEY}-before-{at:%Y%m%d-%H%M%S}"))
        _write(path, content)
        written.append(path)
    return written


def _content(path: Path) -> bytes | None:
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.read_bytes()
    return None


def _write(path: Path, content: bytes) -> None:
    """Write a file for the owner only, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
