"""The queue: jobs are put in, taken under a lease, carried on step by step, and ended.

All but `due` and `is_cancel_asked` run inside a write. A lease is a random token: whoever holds the job's present one
may move it, and a worker that lost it (it was paused for too long, say) moves nothing any more.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, CursorResult, Delete, Update, delete, func, insert, or_, select, union_all, update

from app.core.clock import now
from app.core.jobs.job import TOKEN_LENGTH, Job, JobLease, State
from app.extensions import db

LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 5
FIRST_WAIT_SECONDS = 5
WAIT_GROWTH = 5
LONGEST_WAIT_SECONDS = 3600
# How long what is over stays to be looked at; a scheduled job that found nothing to do tells nothing after a day.
KEPT, FAILED_KEPT, IDLE_KEPT = timedelta(days=30), timedelta(days=90), timedelta(days=1)
DIED = _l("The worker ended in the middle each time it was tried. The log of the worker may tell why.")
EMPTY: dict[str, Any] = {"arguments": None, "steps": None}


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a job is tried before it is given up; the waits grow to about an hour each."""

    attempts: int = MOST_ATTEMPTS

    def wait_seconds(self, attempts: int) -> float:
        """Return how long to wait after so many tries: about 5 s, 25 s, 2 min, 10 min, 50 min, then an hour each."""
        # Beyond the growth's end a large exponent only makes a number that no float holds.
        usual: int = min(FIRST_WAIT_SECONDS * WAIT_GROWTH ** min(attempts - 1, MOST_ATTEMPTS), LONGEST_WAIT_SECONDS)
        return usual * random.uniform(0.7, 1.3)  # noqa: S311 jitter


FOR_DAYS = Patience(attempts=53)
"""About two days: for what depends on other machines, which somebody may have to see to first."""


class LeaseLost(Exception):
    """Another worker has the job by now; what this one was about to commit has to be rolled back."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Which jobs a worker takes: those of the named actions, or with `is_others` all but those; and how patiently."""

    actions: frozenset[str] = frozenset()
    is_others: bool = True
    patience: Patience = Patience()

    def holds(self) -> ColumnElement[bool]:
        """Return the condition on `Job`."""
        return Job.action.not_in(self.actions) if self.is_others else Job.action.in_(self.actions)


ALL_JOBS = Lane()


@dataclass(frozen=True, slots=True)
class Due:
    """A job that may be taken, with the lease that ran out where somebody died over it."""

    job_id: int
    lease: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A job as its worker took it; what changes while it runs (done, resume …) is as of then."""

    id: int
    lease: str
    action: str
    arguments: dict[str, Any]
    steps: list[tuple[str, dict[str, Any]]] | None
    actor_id: int | None
    session_id: int | None
    source: str
    reason: str | None
    undoes_id: int | None
    change_set_id: int | None
    resume: int
    done: int
    patience: Patience = Patience()


def enqueue(
    action: str,
    arguments: Mapping[str, Any],
    *,
    source: str,
    actor_id: int | None = None,
    session_id: int | None = None,
    reason: str | None = None,
    undoes_id: int | None = None,
    not_before: datetime | None = None,
    key: str | None = None,
) -> int:
    """Add a job and return its id; it is there once the surrounding write commits. A `key` is taken once."""
    at = now()
    job = Job(
        action=action,
        arguments=dict(arguments),
        source=source,
        actor_id=actor_id,
        session_id=session_id,
        reason=reason,
        undoes_id=undoes_id,
        key=key,
        state=State.WAITING,
        not_before=not_before or at,
        created_at=at,
    )
    db.session.add(job)
    db.session.flush()
    return job.id


def due(at: datetime, lane: Lane = ALL_JOBS) -> Due | None:
    """Return a job that may be taken: one whose worker died, else the one that has waited longest. Only reads."""
    left = select(JobLease.job_id, JobLease.lease).where(JobLease.leased_until <= at)
    waiting = select(Job.id, Job.lease).where(Job.state == State.WAITING, Job.not_before <= at)
    if lane.actions or not lane.is_others:
        left = left.join(Job, Job.id == JobLease.job_id).where(lane.holds())
        waiting = waiting.where(lane.holds())
    either = union_all(
        select(left.order_by(JobLease.leased_until).limit(1).subquery()),
        select(waiting.order_by(Job.not_before, Job.id).limit(1).subquery()),
    )
    found = [Due(job_id, lease) for job_id, lease in db.session.execute(either)]
    return max(found, key=lambda one: one.lease is not None, default=None)


def claim(found: Due, at: datetime, patience: Patience = ALL_JOBS.patience) -> Held | None:
    """Take a job; None where another worker was faster, or it was tried so often that it is given up instead."""
    lease = secrets.token_hex(TOKEN_LENGTH // 2)
    if not (_take_waiting(found, lease, at) if found.lease is None else _take_over(found, lease, at)):
        return None
    job = db.session.get_one(Job, found.job_id)
    held = Held(
        id=job.id,
        lease=lease,
        action=job.action,
        arguments=job.arguments or {},
        steps=None if job.steps is None else [(name, arguments) for name, arguments in job.steps],
        actor_id=job.actor_id,
        session_id=job.session_id,
        source=job.source,
        reason=job.reason,
        undoes_id=job.undoes_id,
        change_set_id=job.change_set_id,
        resume=job.resume,
        done=job.done,
        patience=patience,
    )
    if job.attempts > patience.attempts:
        _leave(held, state=State.FAILED, error=str(DIED), finished_at=at)
        return None
    return held


def _take_waiting(found: Due, lease: str, at: datetime) -> bool:
    is_taken = _change(
        update(Job)
        .where(Job.id == found.job_id, Job.state == State.WAITING, Job.not_before <= at)
        .values(
            state=State.RUNNING,
            lease=lease,
            attempts=Job.attempts + 1,
            started_at=func.coalesce(Job.started_at, at),
        )
    )
    if is_taken:
        db.session.execute(insert(JobLease).values(job_id=found.job_id, lease=lease, leased_until=at + LEASE))
    return is_taken


def _take_over(found: Due, lease: str, at: datetime) -> bool:
    """Take a job from a worker that let its lease run out; the row of the job moves, so that a late step fails."""
    return _change(
        update(JobLease)
        .where(JobLease.job_id == found.job_id, JobLease.lease == found.lease, JobLease.leased_until <= at)
        .values(lease=lease, leased_until=at + LEASE)
    ) and _change(
        update(Job)
        .where(Job.id == found.job_id, Job.lease == found.lease)
        .values(lease=lease, attempts=Job.attempts + 1)
    )


def renew(held: Held, at: datetime) -> bool:
    """Keep the job for another while; return whether it is still ours."""
    ours = update(JobLease).where(JobLease.job_id == held.id, JobLease.lease == held.lease)
    return _change(ours.values(leased_until=at + LEASE))


def is_cancel_asked(held: Held) -> bool:
    """Say whether somebody wants the job to end before its next step; raise `LeaseLost`. Only reads."""
    asked = db.session.execute(select(Job.is_cancel_asked).where(Job.id == held.id, Job.lease == held.lease)).scalar()
    if asked is None:
        raise LeaseLost
    return asked


def plan(held: Held, steps: Sequence[tuple[str, Mapping[str, Any]]], total: int) -> None:
    """Note what the job consists of, once; the arguments are in the steps from now on."""
    kept = [[name, dict(arguments)] for name, arguments in steps]
    _move(held, steps=kept, total=total, arguments=None)


def advance(held: Held, resume: int, done: int, change_set_id: int | None) -> None:
    """Note that a step is done, inside its own transaction: the two are committed together, or neither is.

    Raises `LeaseLost`, which rolls the step back; the worker that has the job now does it.
    """
    _move(held, resume=resume, done=done, change_set_id=change_set_id, attempts=1, error=None)


def finish(held: Held) -> None:
    """End a job that has nothing left to do."""
    _leave(held, state=State.DONE, error=None, finished_at=now(), **EMPTY)


def stop(held: Held) -> None:
    """End a job before its next step, as somebody asked."""
    _leave(held, state=State.CANCELLED, finished_at=now(), **EMPTY)


def release(held: Held) -> None:
    """Give a job back as it is, because the worker ends; the try is not counted."""
    _leave(held, state=State.WAITING, not_before=now(), attempts=Job.attempts - 1)


def fail(held: Held, sentence: str, *, is_final: bool = False) -> bool:
    """Put a job back to be tried again later, or give it up; return whether it was given up."""
    at = now()
    row = db.session.execute(select(Job.attempts, Job.is_cancel_asked).where(Job.id == held.id)).first()
    if row is None:
        raise LeaseLost
    attempts, is_cancel_asked = row
    if is_cancel_asked:
        stop(held)
        return True
    if is_final or attempts >= held.patience.attempts:
        _leave(held, state=State.FAILED, error=sentence, finished_at=at)
        return True
    wait = timedelta(seconds=held.patience.wait_seconds(attempts))
    _leave(held, state=State.WAITING, error=sentence, not_before=at + wait)
    return False


def cancel(job_id: int) -> bool:
    """End a waiting job at once, a running one before its next step; return whether it was either."""
    job = update(Job).where(Job.id == job_id)
    ended = job.where(Job.state == State.WAITING).values(state=State.CANCELLED, finished_at=now(), **EMPTY)
    return _change(ended) or _change(job.where(Job.state == State.RUNNING).values(is_cancel_asked=True))


def retry(job_id: int) -> bool:
    """Let a failed job go on from where it was given up; return whether it was one."""
    again = {"attempts": 0, "error": None, "finished_at": None, "is_cancel_asked": False}
    failed = update(Job).where(Job.id == job_id, Job.state == State.FAILED)
    return _change(failed.values(state=State.WAITING, not_before=now(), **again))


def outdated(at: datetime) -> list[int]:
    """Return the jobs that were over long ago. Only reads."""
    is_over = Job.state.in_((State.DONE, State.CANCELLED))
    is_idle = (Job.state == State.DONE) & Job.key.is_not(None) & Job.change_set_id.is_(None)
    query = select(Job.id).where(
        Job.finished_at < at - IDLE_KEPT,
        or_(
            is_idle,
            is_over & (Job.finished_at < at - KEPT),
            (Job.state == State.FAILED) & (Job.finished_at < at - FAILED_KEPT),
        ),
    )
    return list(db.session.scalars(query.order_by(Job.id)))


def remove(job_ids: Sequence[int]) -> None:
    """Remove these jobs, if they are over."""
    is_over = Job.state.in_((State.DONE, State.CANCELLED, State.FAILED))
    _change(delete(Job).where(Job.id.in_(job_ids), is_over))


def _move(held: Held, **values: Any) -> None:
    """Change a job that is still ours."""
    if not _change(update(Job).where(Job.id == held.id, Job.lease == held.lease).values(values)):
        raise LeaseLost


def _leave(held: Held, **values: Any) -> None:
    """Give back the lease; in the order in which `_take_over` wants the rows, so that the two can't lock each other."""
    if not _change(delete(JobLease).where(JobLease.job_id == held.id, JobLease.lease == held.lease)):
        raise LeaseLost
    _move(held, lease=None, **values)


def _change(statement: Update | Delete) -> bool:
    """Say whether a statement found its row; what the session holds of it is not brought up to date."""
    done = db.session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", done).rowcount > 0
