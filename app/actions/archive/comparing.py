"""Comparing: the archive holds each sealed segment as the database gives it now, and nothing that it does not know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.actions.archive import objects, restoring
from app.actions.archive.objects import Built
from app.actions.archive.restoring import THREADS, Found
from app.changes.archived import AGAIN, RESTORES
from app.changes.seals import Seal, Unarchived
from app.core.database.engine import end_transaction
from app.core.storage import Missing, Storage, StorageAway, StorageRefused, storage
from app.extensions import db

WINDOW = 200
"""So many positions are looked at at once."""
SECRET_SIDES = ("before", "after")
TOLD = ("reason", "arguments", "address")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit, as a sentence without values; `position` and `name` say where."""

    sentence: str
    position: int | None = None
    name: str | None = None


def compare() -> Iterator[Finding]:
    """Yield what the archive and the database tell differently, reading both whole, a window at a time.

    What is not archived yet is left out. A store in trouble is a finding, and the last one.
    """
    try:
        yield from _held()
        yield from _unknown()
    except (StorageAway, StorageRefused) as problem:
        yield Finding(f"The archive could not be compared: {problem}")
    finally:
        end_transaction()


# What the database knows


def _held() -> Iterator[Finding]:
    last = 0
    with ThreadPoolExecutor(THREADS, "archive") as pool:
        while positions := _next(last):
            last = positions[-1]
            for part in list(objects.parts(_archived(positions))):
                built = objects.build(part)
                end_transaction()  # the store may take its time
                store = storage()
                for one, name in _differing(pool, store, built):
                    yield from _settled(store, one.position, name)


def _next(last: int) -> list[int]:
    query = select(Seal.position).where(Seal.position > last).order_by(Seal.position).limit(WINDOW)
    return list(db.session.scalars(query))


def _archived(positions: Iterable[int]) -> list[int]:
    """Return those of the positions whose object should be there as the database gives it now."""
    wanted = list(positions)
    query = select(Unarchived.position).where(Unarchived.position.in_(wanted), Unarchived.token.not_like(f"{AGAIN}%"))
    due = set(db.session.scalars(query))
    return [position for position in wanted if position not in due]


def _differing(pool: ThreadPoolExecutor, store: Storage, built: Iterable[Built]) -> list[tuple[Built, str]]:
    wanted = [(one, name, content) for one in built for name, content in _contents(one)]
    kept = pool.map(lambda row: _read(store, row[1]), wanted)
    return [(one, name) for (one, name, content), found in zip(wanted, kept, strict=True) if found != content]


def _contents(built: Built) -> list[tuple[str, bytes]]:
    return [(built.name, built.content), *([built.entry] if built.entry else [])]


def _read(store: Storage, name: str) -> bytes | None:
    try:
        with store.open(name) as stream:
            return stream.read()
    except Missing:
        return None


def _settled(store: Storage, position: int, name: str) -> Iterator[Finding]:
    """Look once more at what differs: an erasure may have marked it, and a sender rewritten it, while we read."""
    end_transaction()
    if not _archived([position]):
        return
    content = dict(_contents(objects.build([position])[0])).get(name)
    end_transaction()
    found = _read(store, name)
    if found == content or content is None:
        return
    if found is None:
        yield Finding(f"The archive lacks {name} of position {position}.", position, name)
    elif _tells_more(found, content):
        yield Finding(
            f"{name} of position {position} still holds what an erasure emptied in the database.", position, name
        )
    else:
        yield Finding(f"{name} of position {position} is not what the database gives.", position, name)


def _tells_more(found: bytes, content: bytes) -> bool:
    """Say whether an object holds something where the database has nothing any more."""
    try:
        kept: Any = json.loads(found)
        wanted: Any = json.loads(content)
        if any(kept["set"][name] is not None and wanted["set"][name] is None for name in TOLD):
            return True
        emptied = {change["id"] for change in wanted["changes"] if change["before"] is None}
        return any(
            change["id"] in emptied and any(change[side] is not None for side in SECRET_SIDES)
            for change in kept["changes"]
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


# What it does not know


def _unknown() -> Iterator[Finding]:
    """Yield what the archive holds beside; files that are none of its objects are not looked at."""
    acknowledged = restoring.acknowledged()
    for name, digest in acknowledged.items():
        if name.startswith(RESTORES) and digest is None:
            yield Finding(f"{name}, which the journal acknowledges, is missing or was altered.", name=name)
    journal = restoring.journal_id()
    others = 0
    lost: list[int] = []
    first: Found | None = None
    for found in restoring.unknown():
        if found.journal is None:
            yield Finding(f"{found.name} can’t be read as an object of the archive.", name=found.name)
        elif found.journal != journal:
            others += 1
        elif found.name not in acknowledged:
            lost.append(found.position)
            first = found if first is None or found.position < first.position else first
        elif acknowledged[found.name] != found.digest:
            yield Finding(f"{found.name} was altered since it was acknowledged as lost.", found.position, found.name)
    if others:
        yield Finding(f"{others:,} objects are of another journal: another installation uses the same store.")
    if first is not None:
        yield Finding(
            f"The archive holds {len(lost):,} objects that the database has no seal for, positions {min(lost)} to"
            f" {max(lost)}, the first of {first.at[:10]}: its newest seals were removed, or it was put back to an older"
            " state, which “flask journal restored” acknowledges.",
            first.position,
            first.name,
        )
