"""Sealing: each second, whatever was committed since gets the next positions of the chain.

Any number of sealers may run: whoever takes a segment out of the queue holds its row until COMMIT, so nobody else has
it; and if two should give the same position all the same, the primary key lets one of them have it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.changes.contents import Row, contents
from app.changes.journal import SALT_LENGTH, Segment, Unsealed
from app.changes.seals import (
    KEY_LENGTH,
    OF_CHANGE,
    Seal,
    Unarchived,
    address_digest,
    chain_hash,
    new_token,
    told_digest,
)
from app.changes.transaction import write
from app.core.clock import now
from app.core.database.engine import end_transaction
from app.core.jobs import worker
from app.extensions import db

SEGMENTS = 100
CHANGES = 5000
"""So many segments, and about so many changes, are sealed in one transaction."""
SWEEP_SECONDS = 3600
MISSED_AFTER = timedelta(minutes=1)
WINDOW = 50_000

log = logging.getLogger(__name__)


def do_seals(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Seal until `stopping` is set, or with `is_once` until nothing is left to seal."""
    due = 0.0

    def turn() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            if found := queue_missed():
                log.warning("segments were committed without being queued for sealing", extra={"segments": found})
            due = time.monotonic() + SWEEP_SECONDS
        return seal_next()

    worker.repeat(app, turn, stopping, is_once=is_once)


def seal_next() -> bool:
    """Seal the next segments; return whether there may be more. Without any it costs one read."""
    ids, last = _next(), None
    if ids:
        last = _last()[0]
    end_transaction()
    if not ids:
        return False
    try:
        write(partial(_seal, ids))
    except IntegrityError:
        if _last()[0] == last:
            raise
        end_transaction()  # another sealer was faster
    return True


def queue_missed() -> int:
    """Queue what was committed without being queued, and return how many: older code on these tables does that."""
    until = now() - MISSED_AFTER
    highest = db.session.scalar(select(func.max(Segment.id))) or 0
    is_known = select(1).where(Seal.segment_id == Segment.id).exists()
    is_queued = select(1).where(Unsealed.segment_id == Segment.id).exists()
    missed: list[int] = []
    for first in range(1, highest + 1, WINDOW):
        window = select(Segment.id).where(Segment.id.between(first, first + WINDOW - 1), Segment.at < until)
        missed += db.session.scalars(window.where(~is_known, ~is_queued))
    end_transaction()
    for segment_id in missed:
        try:
            write(partial(db.session.execute, insert(Unsealed).values(segment_id=segment_id)))
        except IntegrityError:
            log.debug("another sealer queued it", extra={"segment_id": segment_id})
    return len(missed)


def _next() -> list[int]:
    """Return the ids of the segments to seal next, lowest first; not more than one transaction can hold well."""
    query = select(Unsealed.segment_id, Segment.count).join(Segment, Segment.id == Unsealed.segment_id)
    ids: list[int] = []
    total = 0
    for segment_id, count in db.session.execute(query.order_by(Unsealed.segment_id).limit(SEGMENTS)):
        total += count
        if ids and total > CHANGES:
            break
        ids.append(segment_id)
    return ids


def _last() -> tuple[int, str]:
    """Return the highest position and its hash; 0 and "" before the first."""
    query = select(Seal.position, Seal.hash).order_by(Seal.position.desc()).limit(1)
    row = db.session.execute(query).first()
    return (row.position, row.hash) if row else (0, "")


def _seal(ids: Sequence[int]) -> None:
    """Give segments their seals, in this order.

    They are taken out of the queue before anything is read: MySQL's snapshot begins with the first read, so that what
    an erasure did to them until then is seen, and what it does from then on finds their seals. One by one, since an IN
    may lock rows that others are just adding.
    """
    taken = [one for one in ids if _deleted(one)]
    taken_already = set(db.session.scalars(select(Seal.segment_id).where(Seal.segment_id.in_(taken))))
    position, previous = _last()
    seals: list[Row] = []
    for segment, head, changes in contents([one for one in taken if one not in taken_already], OF_CHANGE):
        position += 1
        seals.append(_sealed(position, previous, segment, head, changes))
        previous = seals[-1]["hash"]
    if not seals:
        return
    db.session.execute(insert(Seal), seals)
    due = [{"position": seal["position"], "token": new_token(), "not_before": seal["at"]} for seal in seals]
    db.session.execute(insert(Unarchived), due)


def _deleted(segment_id: int) -> bool:
    done: Any = db.session.execute(
        delete(Unsealed).where(Unsealed.segment_id == segment_id), execution_options={"synchronize_session": False}
    )
    return bool(done.rowcount)


def _sealed(position: int, previous: str, segment: Row, head: Row, changes: list[Row]) -> Row:
    told_salt, address_salt = (secrets.token_hex(SALT_LENGTH // 2) for _ in range(2))
    seal: Row = {
        "position": position,
        "segment_id": segment["id"],
        "at": now(),
        "key": secrets.token_urlsafe(KEY_LENGTH * 3 // 4),
        "told_salt": told_salt,
        "told_digest": told_digest(told_salt, head["reason"], head["arguments"]),
        "address_salt": address_salt,
        "address_digest": address_digest(address_salt, head["address"]),
    }
    return {**seal, "hash": chain_hash(previous, seal, segment, head, changes)}
