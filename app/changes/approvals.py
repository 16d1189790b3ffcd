"""What waits for a second administrator: an action and its arguments, held back until somebody else says yes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.changes.journal import HASH_LENGTH, REASON_LENGTH
from app.core.columns import CACHED, UNCACHED, Id, UtcDateTime, choice, key_string
from app.core.jobs.job import Job
from app.extensions import Base


class Verdict(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Whoever asked took it back."""
    EXPIRED = "expired"
    OUTDATED = "outdated"
    """It was approved, but would by then have done something else than was looked at; nothing was done."""


class Approval(Base):
    """An action that somebody asked for and somebody else has to approve.

    `rules` are the words of what made it wait. `digest` is that of the changes it would have made when it was asked
    for, null where they were too many to try. Once decided, it keeps no arguments, which may hold people's data.
    """

    __tablename__ = "approvals"
    RULES_LENGTH = 100

    id: Mapped[Id]
    action: Mapped[str] = mapped_column(key_string(Job.ACTION_LENGTH))
    arguments: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)
    actor_id: Mapped[int]
    session_id: Mapped[int | None]
    source: Mapped[str] = mapped_column(key_string(20))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    undoes_id: Mapped[int | None]
    rules: Mapped[str] = mapped_column(key_string(RULES_LENGTH))
    records: Mapped[int]
    digest: Mapped[str | None] = mapped_column(key_string(HASH_LENGTH))
    verdict: Mapped[Verdict] = mapped_column(choice(Verdict, "verdict"))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    change_set_id: Mapped[int | None] = mapped_column(index=True)
    job_id: Mapped[int | None] = mapped_column(index=True)

    __table_args__ = (
        Index(None, "verdict", "expires_at"),
        Index(None, "asked_at", "id"),
        {"sqlite_autoincrement": True, "info": {CACHED: "approvals"}},
    )


FOUR_EYES = "four_eyes"
"""The switch of all that is in here."""


class Switch(Base):
    """A rule of the house that can be switched off; without a row it is on. Each move of it is journalled."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(key_string(40), primary_key=True)
    is_on: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
