"""What every store can do, what can go wrong with it, and which names it takes."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from flask_babel import lazy_gettext as _l

from app.core.problems import NotFound, Passing, Problem, Sentence

# So much of a file is held in memory while it passes through.
CHUNK = 256 * 1024
# S3 takes keys of 1,024 bytes, of which some are for the prefix; a file system takes parts of 255.
LONGEST_NAME = 900
LONGEST_PART = 255
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
CHECK = re.compile(r"\.check-[0-9a-f]+")


class StorageAway(Passing):
    """The store can't be reached, is full or can't be written just now."""

    sentence = _l("The store of files can’t be reached at the moment.")


class StorageRefused(Problem):
    """The store says no and will say so again until somebody changes a setting."""

    sentence = _l("The store of files refuses us. Please check STORAGE_URL.")


class Missing(NotFound):
    """There is no object of this name."""

    sentence = _l("This file is not in the store, or it was removed.")


class Storage(Protocol):
    """A place for objects of bytes, each under a name like `20261121/abc.json`; safe to use from several threads.

    No name may be a folder of another: where there is `a`, there can't be `a/b`. A part of a name that begins with a
    dot is the store's own. A name that breaks these rules is a ValueError.
    """

    @property
    def where(self) -> str:
        """Where the objects are, for people; without secrets."""
        ...

    def put(self, name: str, stream: BinaryIO) -> None:
        """Store what is left in the stream, wholly or not at all, in place of what was there."""
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give a stream that reads the object from its beginning; raises Missing."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, in the order of their UTF-8 bytes."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        ...

    def check(self) -> None:
        """Write, read and remove a small object; raises what is wrong."""
        ...


class Reader(io.RawIOBase):
    """A stream over `read`, whose errors become problems inside `told`."""

    def __init__(self, read: Callable[[int], bytes], told: Callable[[], AbstractContextManager[None]]) -> None:
        self._read = read
        self._told = told

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer can't be measured
        """Fill the buffer as far as one read goes."""
        with self._told():
            part = self._read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def is_name(name: str) -> bool:
    """Say whether an object may have this name."""
    parts = name.split("/")
    return (
        not UNFIT.search(name)
        and len(name.encode()) <= LONGEST_NAME
        and all(part and not part.startswith(".") and len(part.encode()) <= LONGEST_PART for part in parts)
    )


def require_name(name: str) -> None:
    """Raise ValueError for a name that no object may have."""
    if not (is_name(name) or CHECK.fullmatch(name)):
        raise ValueError(f"{name!r} can't be the name of an object")


def prove(store: Storage) -> None:
    """Write, read and remove a small object, which no list of names shows."""
    token = secrets.token_hex(8)
    name, content = f".check-{token}", token.encode()
    forgetful: Sentence = _l("%(where)s does not give back what is put into it.", where=store.where)
    store.put(name, io.BytesIO(content))
    try:
        with store.open(name) as stream:
            if stream.read(len(content) + 1) != content:
                raise StorageRefused(forgetful)
    except Missing as error:
        raise StorageRefused(forgetful) from error
    finally:
        store.delete(name)
