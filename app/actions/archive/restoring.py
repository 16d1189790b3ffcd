"""After a database was put back to an older state: which change sets it lost, as far as the archive holds them.

They can't be put back into the chain, which went on without them. They are listed in a manifest in the archive, and
its digest is acknowledged in the journal, so that from then on they are no sign of somebody having removed seals.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select

from app.access.actor import Actor, operator
from app.access.grants import Action, Subject
from app.actions.registry import Source, action, run
from app.changes.archived import OBJECT, manifest_name, object_name
from app.changes.journal import ChangeSet, Segment, plain
from app.changes.seals import Seal, canonical
from app.core.chunks import chunks
from app.core.clock import now
from app.core.database.engine import end_transaction
from app.core.problems import Forbidden
from app.core.storage import Missing, Storage, storage
from app.extensions import db

FORMAT = 1
NOTE = "note_restore"
# A digest as numbers: they are what of an action's arguments stands in the journal.
WORD_BITS, WORDS = 32, 8
THREADS = 8
READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """An object of the archive that the database does not know; `journal` is None where it can't be read."""

    name: str
    digest: str
    journal: str | None = None
    position: int = 0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What an older state lost: how many objects tell of it, from which position to which, and of when the first is."""

    lost: int
    first: int = 0
    last: int = 0
    at: str = ""


def note_what_was_lost() -> Restored:
    """Write down the objects of change sets that this database lost, and acknowledge them in its journal."""
    journal = journal_id()
    if journal is None:
        return Restored(0)
    known = acknowledged(is_sealed=False)
    lost = [one for one in unknown() if one.journal == journal and known.get(one.name) != one.digest]
    end_transaction()
    if not lost:
        return Restored(0)
    lost.sort(key=lambda one: one.position)
    restored = Restored(len(lost), lost[0].position, lost[-1].position, lost[0].at)
    content = canonical(
        {
            "format": FORMAT,
            "journal": journal,
            "at": plain(now()),
            "lost": [{"name": one.name, "position": one.position, "sha256": one.digest} for one in lost],
        }
    ).encode()
    digest = hashlib.sha256(content).hexdigest()
    # First the manifest: until the journal names it, it counts for nothing.
    storage().put(manifest_name(digest), io.BytesIO(content))
    run(
        NOTE,
        actor=operator(),
        source=Source.CLI,
        manifest=_words(digest),
        lost=restored.lost,
        first=restored.first,
        last=restored.last,
    )
    return restored


@action(NOTE, needs=(Action.ADMINISTER, Subject.SYSTEM), is_always_told=True, goes_on=True)
def note_restore(actor: Actor, manifest: list[int], lost: int, first: int, last: int) -> None:
    """Acknowledge that this database is an older state, by the digest of the list of what it lost.

    It goes on while everything is read-only, as a database may have been backed up in that state.
    """
    if actor.user_id is not None:
        raise Forbidden()


def journal_id() -> str | None:
    """Return what tells this journal from others: the hash of its first seal; None before there is one."""
    return db.session.scalar(select(Seal.hash).where(Seal.position == 1))


def unknown() -> Iterator[Found]:
    """Yield the objects of the archive whose names no seal gives, in their order."""
    dated = ((name, match[2]) for name in storage().names() if (match := OBJECT.fullmatch(name)))
    with ThreadPoolExecutor(THREADS, "archive") as pool:
        for some in chunks(dated):
            query = select(Seal.key, Segment.at).join(Segment, Segment.id == Seal.segment_id)
            rows = db.session.execute(query.where(Seal.key.in_([key for _name, key in some]))).all()
            end_transaction()  # the store may take its time
            known = {object_name(row.at, row.key) for row in rows}
            names = [name for name, _key in some if name not in known]
            store = storage()
            for part in chunks(names, READ_AT_ONCE):
                yield from filter(None, pool.map(partial(_found, store), part))


def _found(store: Storage, name: str) -> Found | None:
    try:
        with store.open(name) as stream:
            content = stream.read()
    except Missing:  # removed at this moment
        return None
    digest = hashlib.sha256(content).hexdigest()
    try:
        told: Any = json.loads(content)
        return Found(name, digest, str(told["journal"]), int(told["position"]), str(told["segment"]["at"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Found(name, digest)


def acknowledged(*, is_sealed: bool = True) -> dict[str, str | None]:
    """Return the lost objects that the journal acknowledges, each with its digest, as the manifests list them.

    Under the name of a manifest that is missing, or is not the one that was acknowledged, stands None.
    """
    query = select(ChangeSet.arguments).where(ChangeSet.action == NOTE)
    if is_sealed:
        query = query.join(Segment, Segment.change_set_id == ChangeSet.id).join(Seal, Seal.segment_id == Segment.id)
    digests = [_digest(arguments or {}) for arguments in db.session.scalars(query)]
    end_transaction()
    found: dict[str, str | None] = {}
    for digest in filter(None, digests):
        found.update(_manifest(digest))
    return found


def _manifest(digest: str) -> Mapping[str, str | None]:
    name = manifest_name(digest)
    try:
        with storage().open(name) as stream:
            content = stream.read()
    except Missing:
        return {name: None}
    if hashlib.sha256(content).hexdigest() != digest:
        return {name: None}
    return {str(one["name"]): str(one["sha256"]) for one in json.loads(content)["lost"]}


def _words(digest: str) -> list[int]:
    return [int(digest[place : place + WORD_BITS // 4], 16) for place in range(0, len(digest), WORD_BITS // 4)]


def _digest(arguments: Mapping[str, Any]) -> str | None:
    """Return the digest that a set's arguments name; None where an erasure emptied them."""
    words: Iterable[int] = arguments.get("manifest") or ()
    digest = "".join(f"{word:0{WORD_BITS // 4}x}" for word in words)
    return digest if len(digest) == WORD_BITS // 4 * WORDS else None
