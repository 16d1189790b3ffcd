"""The file of a backup: a ZIP archive with a manifest that tells what is in it, and the SHA-256 of each part.

Any tool for ZIP archives opens it; what is in it is text. It is written under another name, for its owner only, and
gets its own when the disk has all of it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from flask_babel import lazy_gettext as _l

from app.core.folders import make_folder, sync_folder
from app.core.problems import Problem, Sentence

FORMAT = 1
PRODUCT = "rollcall"
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
CHUNK = 1024 * 1024
LARGEST_MANIFEST = 16 * 1024 * 1024
# Twice as large as with the best level, and written several times as fast.
LEVEL = 1
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What a ZIP archive with a wrong byte somewhere makes of it.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
)


class Unwritable(Problem):
    """The file can't be written."""


class Unfit(Problem):
    """The file is no backup, is damaged, or is one that this version can't put back."""


class Part(io.RawIOBase):
    """What is written into one part of the file, counted and hashed on its way."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        self._stream.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def told(self) -> dict[str, Any]:
        """Return what the manifest tells of the part."""
        return {"bytes": self.size, "sha256": self._digest.hexdigest()}


class Writer:
    """A backup that is being written; `told` becomes its manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts: dict[str, Any] = {}
        self.told: dict[str, Any] = {"product": PRODUCT, "format": FORMAT}

    @contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """Give a stream for the part of this name; one at a time."""
        with self._archive.open(name, "w", force_zip64=True) as stream:
            part = Part(stream)
            yield part
        self._parts[name] = part.told()

    def finish(self) -> None:
        """Write the manifest, which is the last part."""
        told = {**self.told, "parts": self._parts}
        self._archive.writestr(MANIFEST, json.dumps(told, ensure_ascii=False, indent=1))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Give a backup to be written; it is at `path` when all of it is on the disk, and nowhere if anything goes wrong.

    Raises Unwritable with what to do.
    """
    if path.exists():
        raise Unwritable(_l("%(path)s is there already: choose another name.", path=path))
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    with _told(path):
        make_folder(os.path.abspath(path.parent))
        clear_unfinished(path.parent)
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with _told(path), os.fdopen(handle, "w+b") as file:
            with suppress(OSError):  # some file servers have no locks; then what a crash leaves behind stays
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
                writer = Writer(archive)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
            os.rename(unfinished, path)
            sync_folder(str(path.parent))
    finally:
        with suppress(OSError):
            unfinished.unlink()  # when it went well, it is gone


def clear_unfinished(folder: Path) -> None:
    """Remove what backups that were killed left in a folder; what somebody still writes is locked, and stays."""
    for left in folder.glob(f"*.backup{UNFINISHED}"):
        with suppress(OSError), left.open("r+b") as file:  # NFS locks only what may be written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


class Backup:
    """A backup that was opened; `told` is its manifest."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, told: dict[str, Any]) -> None:
        self.path, self.told = path, told
        self._archive = archive

    @property
    def parts(self) -> dict[str, Any]:
        """What the manifest tells of each part, by name."""
        parts: dict[str, Any] = self.told["parts"]
        return parts

    def has(self, name: str) -> bool:
        """Say whether there is a part of this name."""
        return name in self.parts

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give a stream that reads a part from its beginning."""
        with self._archive.open(name) as stream:
            yield stream  # type: ignore[misc]

    def read(self, name: str) -> bytes:
        """Return a small part."""
        with self.open(name) as stream:
            return stream.read()

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a part."""
        with ExitStack() as stack:
            with broken(self.path, name):
                stream = stack.enter_context(self.open(name))
            while True:
                with broken(self.path, name):
                    line = stream.readline()
                if not line:
                    return
                yield line

    def check(self, progress: Callable[[str], None]) -> None:
        """Read all of it and compare it with the manifest; raises Unfit."""
        if sorted(self._archive.namelist()) != sorted([*self.parts, MANIFEST]):
            raise _damaged(self.path, "its parts are not those that it tells of")
        for name, told in self.parts.items():
            progress(name)
            digest = hashlib.sha256()
            with broken(self.path, name), self.open(name) as stream:
                while part := stream.read(CHUNK):
                    digest.update(part)
            if digest.hexdigest() != told["sha256"]:
                raise _damaged(self.path, f"{name} is not as it was written")


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """Give the backup at `path`, of which the manifest was read and nothing else; raises Unfit."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise Unfit(_l("%(path)s can’t be read (%(reason)s).", path=path, reason=error.strerror)) from error
    with file:
        with broken(path, "the end of it"):
            archive = zipfile.ZipFile(file)
        with archive:
            with broken(path, MANIFEST):
                told = _manifest(archive)
            if told.get("product") != PRODUCT:
                raise Unfit(_l("%(path)s is no backup of Rollcall.", path=path))
            if told.get("format") != FORMAT:
                raise Unfit(
                    _l(
                        "%(path)s was written by a newer Rollcall (%(version)s), in a form that this one can’t read:"
                        " restore it with that version.",
                        path=path,
                        version=told.get("version"),
                    )
                )
            yield Backup(path, archive, told)


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise ValueError("no manifest is so large")
    told = json.loads(archive.read(MANIFEST))
    if not isinstance(told, dict):
        raise ValueError("no manifest")
    return told


@contextmanager
def broken(path: Path, where: str) -> Iterator[None]:
    """Turn what reading a damaged file raises into Unfit."""
    try:
        yield
    except BROKEN as error:
        raise _damaged(path, f"{where} can’t be read") from error
    except OSError as error:
        words = error.strerror or str(error)
        raise Unfit(_l("%(path)s can’t be read (%(reason)s).", path=path, reason=words)) from error


def _damaged(path: Path, what: str) -> Unfit:
    words: Sentence = _l("%(path)s is damaged, or was cut off (%(what)s): take another backup.", path=path, what=what)
    return Unfit(words)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says about writing into words."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            words: Sentence = _l("%(folder)s has no space left: make room there.", folder=path.parent)
        else:
            reason = error.strerror or str(error)
            words = _l("%(path)s can’t be written (%(reason)s).", path=path, reason=reason)
        raise Unwritable(words) from error
