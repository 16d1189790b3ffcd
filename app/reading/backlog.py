"""What waits to be done, and since when: read in two statements that stay quick however much waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, or_, select

from app.changes import read_only
from app.changes.approvals import Approval, Verdict
from app.changes.archived import AGAIN
from app.changes.journal import Segment, Unsealed
from app.changes.read_only import ReadOnlyState
from app.changes.seals import Seal, Unarchived
from app.core import signs
from app.core.clock import now
from app.core.jobs.job import Job, State
from app.core.signs import Kind, Sign
from app.extensions import db

COUNTED_UP_TO = 10_000
"""Counting stops here, as it does in lists: whether it is more is all the same by then."""
SEEN_WITHIN = timedelta(minutes=3)
"""A worker notes itself each minute; one that missed two is away, or so busy that it does nothing else."""
LATE = timedelta(minutes=1)
"""Workers look each second: a job that has been due for a minute waits for something."""
LATELY = timedelta(days=7)
"""A job that failed longer ago was seen to, or nobody will; they stay in the list for 90 days."""
MAIL = "send_mail"


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits; `sealed` is the last position of the chain, the moments are None where nothing waits."""

    at: datetime
    unsealed: int
    unsealed_since: datetime | None
    sealed: int
    unarchived: int
    unarchived_since: datetime | None
    jobs_waiting: int
    jobs_late: int
    jobs_running: int
    jobs_failed: int
    jobs_failed_lately: int
    mails_waiting: int
    mails_failed: int
    approvals: int
    read_only: ReadOnlyState | None

    @property
    def seal_lag(self) -> timedelta:
        """For how long the oldest segment without a seal has waited."""
        return _lag(self.at, self.unsealed_since)

    @property
    def archive_lag(self) -> timedelta:
        """For how long the oldest of what the archive lacks has waited."""
        return _lag(self.at, self.unarchived_since)


def backlog() -> Backlog:
    """Return what waits now, in one statement."""
    at = now()
    row = db.session.execute(select(*[query.label(name) for name, query in _parts(at).items()])).one()
    found: dict[str, Any] = dict(row._mapping)
    due, sealed = found.pop("due_since"), found.pop("sealed_since")
    since = min((moment for moment in (due, sealed) if moment), default=None)
    state = read_only.state_of(found.pop("read_only_until"), found.pop("read_only_why"))
    return Backlog(at=at, unarchived_since=since, read_only=state, **{**found, "sealed": found["sealed"] or 0})


def alive(found: list[Sign], at: datetime) -> list[Sign]:
    """Return the signs of those workers that are there."""
    return [sign for sign in found if sign.kind is Kind.WORKER and sign.at >= at - SEEN_WITHIN]


def gauges() -> dict[str, float | Mapping[str, float]]:
    """Return what Prometheus is told of what waits, by the names in `app.core.metrics`; in two statements."""
    waiting, found = backlog(), signs.signs()
    numbers: dict[str, float | Mapping[str, float]] = {
        "rollcall_unsealed_segments": waiting.unsealed,
        "rollcall_seal_lag_seconds": waiting.seal_lag.total_seconds(),
        "rollcall_unarchived_segments": waiting.unarchived,
        "rollcall_archive_lag_seconds": waiting.archive_lag.total_seconds(),
        "rollcall_jobs": {
            "waiting": waiting.jobs_waiting,
            "running": waiting.jobs_running,
            "failed": waiting.jobs_failed,
        },
        "rollcall_approvals_waiting": waiting.approvals,
        "rollcall_workers": len(alive(found, waiting.at)),
        "rollcall_read_only": int(waiting.read_only is not None),
    }
    for kind, name in ((Kind.STORAGE, "rollcall_storage_up"), (Kind.MAIL, "rollcall_mail_up")):
        if states := [sign.is_good for sign in found if sign.kind is kind]:
            numbers[name] = int(all(states))
    return numbers


def _parts(at: datetime) -> dict[str, ScalarSelect[Any]]:
    """Return each number and moment as a query of its own that stops early or reads one row of an index."""
    waits = Job.state == State.WAITING
    jobs = select(Job.id)
    # What an erasure emptied goes there anew, long after its seal; and what is sent a second time to be sure is there.
    is_lacking = or_(Unarchived.not_before <= at, Unarchived.token.not_like(f"{AGAIN}%"))
    is_whole = Seal.told_salt.is_not(None) & Seal.address_salt.is_not(None)
    segments = select(Segment.at).join(Unsealed, Unsealed.segment_id == Segment.id)
    sealed = select(Seal.at).join(Unarchived, Unarchived.position == Seal.position).where(is_lacking, is_whole)
    due = select(Unarchived.not_before).where(Unarchived.not_before <= at)
    return {
        "unsealed": _count(select(Unsealed.segment_id)),
        "unsealed_since": _first(segments.order_by(Unsealed.segment_id)),
        "sealed": select(func.max(Seal.position)).scalar_subquery(),
        "unarchived": _count(select(Unarchived.position).where(is_lacking)),
        "due_since": _first(due.order_by(Unarchived.not_before)),
        "sealed_since": _first(sealed.order_by(Unarchived.position)),
        "jobs_waiting": _count(jobs.where(waits)),
        "jobs_late": _count(jobs.where(waits, Job.not_before <= at - LATE)),
        "jobs_running": _count(jobs.where(Job.state == State.RUNNING)),
        "jobs_failed": _count(jobs.where(Job.state == State.FAILED)),
        "jobs_failed_lately": _count(jobs.where(Job.state == State.FAILED, Job.finished_at >= at - LATELY)),
        "mails_waiting": _count(jobs.where(waits, Job.action == MAIL)),
        "mails_failed": _count(
            jobs.where(Job.state == State.FAILED, Job.finished_at >= at - LATELY, Job.action == MAIL)
        ),
        "read_only_until": read_only.read(read_only.until()),
        "read_only_why": read_only.read(read_only.why()),
        "approvals": _count(select(Approval.id).where(Approval.verdict == Verdict.WAITING, Approval.expires_at > at)),
    }


def _count(query: Select[Any]) -> ScalarSelect[int]:
    return select(func.count()).select_from(query.limit(COUNTED_UP_TO).subquery()).scalar_subquery()


def _first(query: Select[Any]) -> ScalarSelect[Any]:
    return query.limit(1).scalar_subquery()


def _lag(at: datetime, since: datetime | None) -> timedelta:
    """Return how long ago that was; another machine's clock may be a little ahead."""
    return max(at - since, timedelta(0)) if since else timedelta(0)
