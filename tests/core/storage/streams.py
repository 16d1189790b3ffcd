"""Streams that tests send: large ones that nobody holds in memory, and such as break."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

from app.core.storage import Storage

MEGABYTE = 1024 * 1024


class Made(io.RawIOBase):
    """A stream of `size` bytes that differ, made as they are read, at most `most` at a time."""

    def __init__(self, size: int, most: int = MEGABYTE) -> None:
        self._left = size
        self._most = most
        self._count = 0
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        size = min(self._left, self._most, size if size >= 0 else self._left)
        self._count += 1
        part = (self._count.to_bytes(8, "big") * (size // 8 + 1))[:size]
        self._left -= size
        self.hash.update(part)
        return part


class Broken(Made):
    """A stream that breaks in the end, as one from a network does."""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, or fail when there are no more."""
        part = super().read(size)
        if not part:
            raise OSError("the sender is gone")
        return part


def put(store: Storage, name: str, content: bytes = b"content") -> None:
    store.put(name, io.BytesIO(content))


def get(store: Storage, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()


def hash_of(stream: BinaryIO) -> str:
    """Return the hash of what a stream holds, without holding it."""
    hashed = hashlib.sha256()
    while part := stream.read(64 * 1024):
        hashed.update(part)
    return hashed.hexdigest()
