"""Jobs for tests that look at the queue from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.changes.transaction import write
from app.core import clock
from app.core.jobs import queue
from app.core.jobs.job import Job, JobLease
from app.core.jobs.queue import ALL_JOBS, Held, Lane
from app.extensions import db


def add(action: str = "nothing", /, **options: Any) -> int:
    """Add a job without arguments; return its id."""
    return int(write(lambda: queue.enqueue(action, options.pop("arguments", {}), source="cli", **options)))


def take(at: datetime | None = None, lane: Lane = ALL_JOBS) -> Held | None:
    """Take a job as a worker does; None where none is due."""
    at = at or clock.now()
    while found := queue.due(at, lane):
        held: Held | None = write(lambda: queue.claim(found, at, lane.patience))
        if held is not None:
            return held
    return None


def taken(lane: Lane = ALL_JOBS) -> Held:
    """Take the job that has to be there."""
    held = take(lane=lane)
    assert held is not None
    return held


def stored(job_id: int) -> Job:
    """Return a job as others see it now."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Job, job_id)


def leases() -> list[int]:
    """Return the jobs that somebody holds."""
    db.session.rollback()
    return list(db.session.scalars(select(JobLease.job_id)))
