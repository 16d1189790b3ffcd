"""The files of the store, as one part of a backup: a tar archive, so that a million small ones are no burden."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from app.core.backup.container import Backup, Writer, broken
from app.core.storage import Missing, Storage
from app.core.storage.store import CHUNK, is_name

PART = "files.tar"
IN_MEMORY = 4 * 1024 * 1024

Progress = Callable[[str, int], None]


def dump(store: Storage, into: Writer, folder: Path, progress: Progress) -> dict[str, Any]:
    """Write all objects of a store; return what the manifest tells of them. Large ones pass through `folder`.

    To be called after the database was read: what the archive gets meanwhile is then known to it alone, and
    `journal restored` acknowledges that. The other way round it would lack what the database counts on.
    """
    count = size = 0
    with into.part(PART) as part, tarfile.open(fileobj=part, mode="w|") as archive:
        for name in store.names():
            with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(folder)) as copy:
                try:
                    with store.open(name) as stream:
                        shutil.copyfileobj(stream, copy, CHUNK)
                except Missing:  # removed since it was listed
                    continue
                info = tarfile.TarInfo(name)
                info.size, info.mode = copy.tell(), 0o600
                copy.seek(0)
                archive.addfile(info, cast(BinaryIO, copy))
            archive.members.clear()  # type: ignore[attr-defined]  # it would grow with each file
            count, size = count + 1, size + info.size
            progress("files", count)
    return {"count": count, "bytes": size}


def load(store: Storage, backup: Backup, progress: Progress) -> tuple[int, int]:
    """Put back the objects that the store lacks; return how many those are, and how many were there and stay.

    What is there may be newer: an erasure rewrites what the archive holds, and an older object would bring the person
    back.
    """
    put = kept = 0
    with broken(backup.path, PART), backup.open(PART) as part, tarfile.open(fileobj=part, mode="r|") as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]
            content = archive.extractfile(info) if info.isreg() and is_name(info.name) else None
            if content is None:
                raise ValueError(f"{info.name!r} is no object of a store")
            if _has(store, info.name):
                kept += 1
            else:
                store.put(info.name, cast(BinaryIO, content))
                put += 1
            progress("files", put + kept)
    return put, kept


def _has(store: Storage, name: str) -> bool:
    try:
        with store.open(name):
            return True
    except Missing:
        return False
