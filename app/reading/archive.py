"""The archive as people see it: one object by its name, and where a change set is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.changes.archived import OBJECT
from app.changes.journal import Segment
from app.changes.seals import Seal
from app.core.database.engine import end_transaction
from app.core.problems import Forbidden, NotFound
from app.core.storage import storage
from app.extensions import db

NEEDED = (Subject.JOURNAL, Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.ORGANISATION, Subject.ACCOUNTS)
"""What an object tells of, anybody's; it takes the right to see all of that to see any object."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An object as the store has it: its bytes, and what they tell."""

    content: bytes
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a segment of a change set is in the archive."""

    number: int
    date: str
    key: str


def may_see(actor: Actor) -> bool:
    """Say whether the archive is open to somebody."""
    return all(actor.can_everywhere(Action.VIEW, subject) for subject in NEEDED)


def one(actor: Actor, date: str, key: str) -> Kept:
    """Return an object as the store has it now; raise `Forbidden`, `NotFound` or what the store says.

    The database is not asked whether it knows the object: what it lost can be read all the same.
    """
    if not may_see(actor):
        raise Forbidden()
    name = f"{date}/{key}.json"
    if not OBJECT.fullmatch(name) or not _is_day(date):
        raise NotFound()
    end_transaction()  # the store may take its time
    with storage().open(name) as stream:
        content = stream.read()
    try:
        told = json.loads(content)
        # A file system may take one letter for another.
        is_ours = told["key"] == key and isinstance(told["set"]["id"], int)
    except (ValueError, TypeError, KeyError, RecursionError):
        is_ours = False
    if not is_ours:
        raise NotFound()
    return Kept(content, told)


def addresses(actor: Actor, set_id: int) -> list[Address]:
    """Return where the segments of a change set are in the archive, or will be, as far as they are sealed."""
    if not may_see(actor):
        return []
    query = select(Segment.number, Segment.at, Seal.key).join(Seal, Seal.segment_id == Segment.id)
    rows = db.session.execute(query.where(Segment.change_set_id == set_id).order_by(Segment.number))
    return [Address(row.number, f"{row.at:%Y%m%d}", row.key) for row in rows]


def _is_day(date: str) -> bool:
    try:
        return bool(datetime.strptime(date, "%Y%m%d"))  # noqa: DTZ007 a day, of no zone
    except ValueError:
        return False
