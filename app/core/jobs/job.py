"""The tables of background work: what is to be done, how far it is, and who is at it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.columns import CACHED, UNCACHED, Id, UtcDateTime, choice, key_string
from app.extensions import Base

TOKEN_LENGTH = 32


class State(StrEnum):
    """How it stands with a job."""

    WAITING = "waiting"
    """Not begun, or between two tries."""
    RUNNING = "running"
    """A worker holds its lease; or held it, and died."""
    DONE = "done"
    FAILED = "failed"
    """Given up; what its steps did so far stays, and it can be tried again from there."""
    CANCELLED = "cancelled"


UNFINISHED = (State.WAITING, State.RUNNING)


class Job(Base):
    """A piece of background work: an action by its name, its arguments, and the point to resume from.

    `steps` are the smaller actions it consists of, null until a worker computed them. What is over keeps neither
    arguments nor steps, which hold people's data; only a failed one does, to be tried again.
    """

    __tablename__ = "jobs"
    ACTION_LENGTH = 60
    KEY_LENGTH = 100
    REASON_LENGTH = 500

    id: Mapped[Id]
    action: Mapped[str] = mapped_column(key_string(ACTION_LENGTH))
    actor_id: Mapped[int | None]  # the account; None is the operator, or the system itself
    session_id: Mapped[int | None]
    source: Mapped[str] = mapped_column(key_string(20))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    undoes_id: Mapped[int | None]
    key: Mapped[str | None] = mapped_column(key_string(KEY_LENGTH), unique=True)  # two with the same are the same job
    state: Mapped[State] = mapped_column(choice(State, "state"))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(key_string(TOKEN_LENGTH))
    attempts: Mapped[int] = mapped_column(default=0)
    resume: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    change_set_id: Mapped[int | None] = mapped_column(index=True)
    is_cancel_asked: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    arguments: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)
    steps: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)

    __table_args__ = (
        Index(None, "state", "not_before", "id"),
        Index(None, "created_at", "id"),
        {"info": {CACHED: "jobs"}},
    )


class JobLease(Base):
    """Until when a running job is its worker's.

    A table of its own, because the worker renews it while a step's transaction is open: were it the job's row, the
    step would find at its end that the row moved since its snapshot, and be refused (PostgreSQL's 40001).
    """

    __tablename__ = "job_leases"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    lease: Mapped[str] = mapped_column(key_string(TOKEN_LENGTH))
    leased_until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
