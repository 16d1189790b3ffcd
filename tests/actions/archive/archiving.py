"""What tests of the archive share: a store of their own, everything sealed and sent, and looking at what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from flask import current_app
from sqlalchemy import select

from app.actions.archive import sending
from app.changes.sealing import seal_next
from app.changes.seals import Unarchived
from app.core.storage import Storage, storage
from app.extensions import db


def use(store: Storage) -> Storage:
    """Let the application use this store from now on."""
    current_app.extensions["storage"] = store
    return store


def seal() -> None:
    """Seal all there is to seal."""
    while seal_next():
        pass


def archive() -> None:
    """Seal all there is to seal, and send all that is due."""
    seal()
    while sending.send_next():
        pass


def contents(prefix: str = "") -> dict[str, bytes]:
    """Return what the store holds, by name."""
    found = {}
    for name in storage().names(prefix):
        with storage().open(name) as stream:
            found[name] = stream.read()
    return found


def told(prefix: str = "2") -> list[dict[str, Any]]:
    """Return the objects of segments, by position."""
    return sorted((json.loads(content) for content in contents(prefix).values()), key=lambda one: one["position"])


def waiting() -> dict[int, str]:
    """Return what the archive lacks, with its tokens."""
    db.session.rollback()
    return {row.position: row.token for row in db.session.execute(select(Unarchived.position, Unarchived.token))}


class Watched:
    """A store that counts what it is asked for, and lets a test act just before an object is written."""

    def __init__(self, store: Storage) -> None:
        self.store = store
        self.asked: list[str] = []
        self.before_put: Callable[[str], None] | None = None

    @property
    def where(self) -> str:
        """Where the objects are."""
        return self.store.where

    @property
    def put_names(self) -> list[str]:
        """What was written, in order."""
        return [name for kind, name in (line.split(" ") for line in self.asked) if kind == "put"]

    def put(self, name: str, stream: BinaryIO) -> None:
        """Store what is left in the stream."""
        self.asked.append(f"put {name}")
        if self.before_put:
            self.before_put(name)
        self.store.put(name, stream)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give an object."""
        self.asked.append(f"open {name}")
        return self.store.open(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names."""
        self.asked.append(f"names {prefix}")
        return self.store.names(prefix)

    def delete(self, name: str) -> None:
        """Remove an object."""
        self.asked.append(f"delete {name}")
        self.store.delete(name)

    def check(self) -> None:
        """Prove the store."""
        self.asked.append("check ")
        self.store.check()
