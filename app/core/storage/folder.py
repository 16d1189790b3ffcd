"""A store in a folder of this machine, or of a file server: `file:///var/lib/rollcall/storage`."""

from __future__ import annotations

import errno
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote_to_bytes

from flask_babel import lazy_gettext as _l

from app.core.folders import make_folder, sync_folder
from app.core.problems import Sentence
from app.core.storage.store import CHUNK, Missing, Reader, StorageAway, StorageRefused, is_name, prove, require_name

# Objects are written in here and renamed when they are whole: what a crash leaves behind is found in one place.
UNFINISHED = b".unfinished"
LEFT_BEHIND_SECONDS = 24 * 3600
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
LOCKED = {errno.EACCES, errno.EPERM, errno.EROFS}
NOTHING_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Folder:
    """Objects as files, for the owner only; paths are bytes, so that they don't depend on the locale."""

    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = os.fsencode(root)

    def put(self, name: str, stream: BinaryIO) -> None:
        """Write a file beside the store, wait until the disk has it, and give it its name."""
        path = self._path(name)
        with self._told():
            unfinished = self._unfinished()
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                while part := stream.read(CHUNK):  # what goes wrong here is the sender's problem
                    with self._told():
                        _write(handle, part)
                with self._told():
                    os.fsync(handle)
            finally:
                os.close(handle)
            self._name(unfinished, path)
        finally:
            with suppress(OSError):
                os.unlink(unfinished)  # when it went well, it is gone

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give the file as a stream; it stays what it was when somebody replaces or removes it meanwhile."""
        path = self._path(name)
        try:
            with self._told():
                file = open(path, "rb", buffering=0)  # noqa: SIM115 closed below
        except StorageAway as problem:
            if isinstance(problem.__cause__, NOTHING_THERE):
                raise Missing from problem.__cause__
            raise
        with file, io.BufferedReader(Reader(file.read, self._told), CHUNK) as stream:
            yield stream

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names, reading one folder after the other; none where there is no folder yet."""
        return self._below(b"", prefix.encode())

    def delete(self, name: str) -> None:
        """Remove the file; the folder that it was in stays."""
        path = self._path(name)
        with self._told(), suppress(*NOTHING_THERE):
            os.unlink(path)
            sync_folder(os.path.dirname(path))

    def check(self) -> None:
        """Write, read and remove a small file."""
        prove(self)

    def _path(self, name: str) -> bytes:
        require_name(name)
        return os.path.join(self._root, name.encode())

    def _unfinished(self) -> bytes:
        """Return a path for a file that is being written; what crashed writers left a day ago goes."""
        folder = os.path.join(self._root, UNFINISHED)
        make_folder(folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < time.time() - LEFT_BEHIND_SECONDS:
                        os.unlink(entry.path)
        return os.path.join(folder, secrets.token_hex(12).encode())

    def _name(self, unfinished: bytes, path: bytes) -> None:
        folder = os.path.dirname(path)
        try:
            with self._told():
                make_folder(folder)
                os.replace(unfinished, path)
                sync_folder(folder)
        except StorageAway as problem:
            if isinstance(problem.__cause__, (FileExistsError, NotADirectoryError, IsADirectoryError)):
                taken: Sentence = _l("%(where)s holds something else where a file is to go.", where=self.where)
                raise StorageRefused(taken) from problem.__cause__
            raise

    def _below(self, folder: bytes, prefix: bytes) -> Iterator[str]:
        """Yield the names in a folder, which is "" or ends with a slash."""
        with self._told():
            found = _entries(os.path.join(self._root, folder))
        for entry in found:
            path = folder + entry
            if entry.endswith(b"/"):
                if path.startswith(prefix) or prefix.startswith(path):
                    yield from self._below(path, prefix)
            elif path.startswith(prefix) and (name := _decoded(path)):
                yield name

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the system says into words."""
        try:
            yield
        except OSError as error:
            raise StorageAway(self._words(error)) from error

    def _words(self, error: OSError) -> Sentence:
        if error.errno in FULL:
            return _l("%(where)s has no space left: make room there.", where=self.where)
        if error.errno in LOCKED:
            return _l(
                "%(where)s can’t be used: let the user that Rollcall runs as read and write it.", where=self.where
            )
        return _l(
            "%(where)s can’t be used at the moment (%(reason)s).", where=self.where, reason=error.strerror or str(error)
        )


def folder_of(url: SplitResult, base: Path) -> Folder:
    """Return the store of a `file:` URL, a relative one below `base`; raises ValueError with what is wrong."""
    if url.netloc not in ("", "localhost"):
        raise ValueError("has something between the second and the third slash: write file:///… with three slashes")
    if url.query or url.fragment:
        raise ValueError("holds a “?” or “#”: write them as %3F and %23")
    path = unquote_to_bytes(url.path)
    if not path.strip(b"/") or b"\0" in path:
        raise ValueError("names no folder: write file:///var/lib/rollcall, for example")
    return Folder(Path(os.path.normpath(base / os.fsdecode(path))))


def _write(handle: int, part: bytes) -> None:
    rest = memoryview(part)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _entries(folder: bytes) -> list[bytes]:
    """Return what is in a folder, in order of its bytes, folders with a slash; nothing that is the store's own."""
    try:
        with os.scandir(folder) as entries:
            found = [
                entry.name + b"/" if is_folder else entry.name
                for entry in entries
                if not entry.name.startswith(b".")
                and ((is_folder := entry.is_dir(follow_symlinks=False)) or entry.is_file())
            ]
    except FileNotFoundError:
        return []
    # The root of a disk has it, for the system's eyes only.
    return sorted(entry for entry in found if entry != b"lost+found/")


def _decoded(path: bytes) -> str | None:
    """Return a path as a name; None for a file that is not the store's."""
    try:
        name = path.decode()
    except UnicodeDecodeError:
        return None
    return name if is_name(name) else None
