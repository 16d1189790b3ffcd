"""What waits to be done, put there by hand for tests that look how much it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.access.actor import operator
from app.changes.approvals import Approval, Verdict
from app.changes.journal import ChangeSet, Segment, Unsealed
from app.changes.seals import Seal, Unarchived
from app.core.clock import now
from app.core.jobs.job import Job, State
from app.extensions import db
from app.reading import system
from app.reading.system import Item
from tests.writing import commit, empty_journal


def add(*rows: Any) -> None:
    db.session.add_all(rows)
    commit()


def add_job(state: State, action: str = "x", ago: timedelta = timedelta(0)) -> None:
    at = now() - ago
    finished_at = at if state is State.FAILED else None
    add(Job(action=action, source="cli", state=state, not_before=at, created_at=at, finished_at=finished_at))


def add_segment(at: datetime, position: int | None = None, salt: str | None = "s") -> int:
    """Add a segment from then, without a seal or with one at this position; return its id."""
    head = ChangeSet(at=at, action="x", source="cli")
    db.session.add(head)
    db.session.flush()
    segment = Segment(change_set_id=head.id, number=1, at=at, count=0, content_hash="0" * 64)
    db.session.add(segment)
    db.session.flush()
    if position is None:
        db.session.add(Unsealed(segment_id=segment.id))
    else:
        digests = {"told_digest": "0" * 64, "address_digest": "0" * 64, "hash": "0" * 64}
        salts = {"told_salt": salt, "address_salt": salt}
        key = f"{position:020d}"
        db.session.add(Seal(position=position, segment_id=segment.id, at=at, key=key, **salts, **digests))
    segment_id = segment.id
    commit()
    return segment_id


def wait_for_archive(position: int, not_before: datetime, token: str = "t") -> None:
    add(Unarchived(position=position, token=token, not_before=not_before))


def add_approval(verdict: Verdict, ahead: timedelta) -> None:
    values = {"action": "x", "actor_id": 1, "source": "panel", "rules": "rows", "records": 1, "asked_at": now()}
    add(Approval(**values, verdict=verdict, expires_at=now() + ahead))


@pytest.fixture
def journal(context: Flask) -> Iterator[None]:
    """Empty the journal, of which other tests left what is sealed or not, before and after."""
    empty_journal()
    yield
    empty_journal()


def item(key: str) -> Item:
    """Return one part as it is reported now."""
    db.session.rollback()
    return next(one for one in system.report(operator()) if one.key == key)
