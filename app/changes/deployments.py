"""Deployments: what was brought onto the servers, beside the change set that tells of it in the journal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.changes.journal import REASON_LENGTH
from app.core.columns import Id, UtcDateTime, choice, key_string
from app.extensions import Base


class Result(StrEnum):
    """How a deployment ended."""

    DONE = "done"
    FAILED = "failed"
    """It broke off; what ran before may still run on some of the servers."""
    BACK = "back"
    """What ran before runs again."""


class Deployment(Base):
    """One run of the pipeline that brought an image onto the servers, or tried to; `servers` is a text with commas."""

    __tablename__ = "deployments"
    COMMIT_LENGTH, TAG_LENGTH, RUN_LENGTH, SERVERS_LENGTH = 100, 200, 500, 500

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    result: Mapped[Result] = mapped_column(choice(Result, "result"))
    tag: Mapped[str] = mapped_column(key_string(TAG_LENGTH))
    commit_hash: Mapped[str] = mapped_column(key_string(COMMIT_LENGTH))
    digest: Mapped[str] = mapped_column(key_string(TAG_LENGTH))
    run: Mapped[str] = mapped_column(String(RUN_LENGTH))
    servers: Mapped[str] = mapped_column(String(SERVERS_LENGTH))
    summary: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    change_set_id: Mapped[int | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "at", "id"), {"sqlite_autoincrement": True})
