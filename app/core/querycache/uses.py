"""What the cache did for each query: counted in the process, added up in the database now and then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, String, Text, insert, update
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.columns import UtcDateTime, key_string
from app.core.querycache.statements import Plan
from app.extensions import Base


class Bypass(StrEnum):
    """Why a query was asked of the database without looking in the cache."""

    AWAY = "away"
    """The store is out of use, or had used up its time in this request."""
    WRITING = "writing"
    """Inside an action, which sees what it has changed itself."""
    REFUSED = "refused"
    """The statement reads what may not be kept, or a group of its tables has no token."""
    TOO_LARGE = "too_large"
    """It was asked and answered, and the answer was too much to keep."""


class CacheUse(Base):
    """What the cache did for one query, over all processes and all time.

    Seconds are those that misses took, and those that hits saved.
    """

    __tablename__ = "cache_uses"
    NAME_LENGTH = 60
    TABLES_LENGTH = 500

    name: Mapped[str] = mapped_column(key_string(NAME_LENGTH), primary_key=True)
    sql: Mapped[str] = mapped_column(Text)
    tables: Mapped[str] = mapped_column(String(TABLES_LENGTH))
    refusal: Mapped[str] = mapped_column(String(TABLES_LENGTH), default="")
    hits: Mapped[int] = mapped_column(BigInteger, default=0)
    misses: Mapped[int] = mapped_column(BigInteger, default=0)
    verified: Mapped[int] = mapped_column(BigInteger, default=0)
    differing: Mapped[int] = mapped_column(BigInteger, default=0)
    away: Mapped[int] = mapped_column(BigInteger, default=0)
    writing: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    too_large: Mapped[int] = mapped_column(BigInteger, default=0)
    miss_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    saved_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    filled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    differed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


TIMES = ("hits", "misses", "verified", "differing", "away", "writing", "refused", "too_large")
COUNTED = (*TIMES, "miss_seconds", "saved_seconds")
MOMENTS = ("filled_at", "differed_at")


@dataclass(slots=True)
class Use:
    """The same as counted in this process and not added up yet."""

    plan: Plan
    hits: int = 0
    misses: int = 0
    verified: int = 0
    differing: int = 0
    away: int = 0
    writing: int = 0
    refused: int = 0
    too_large: int = 0
    miss_seconds: float = 0.0
    saved_seconds: float = 0.0
    filled_at: datetime | None = None
    used_at: datetime = field(default_factory=now)
    differed_at: datetime | None = None


class Uses:
    """The uses of one process: all since it began, and how much of that is added up already."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._total: dict[str, Use] = {}
        self._added_up: dict[str, Use] = {}

    def note(self, name: str, plan: Plan, **more: Any) -> None:
        """Add numbers to a query's, and set its moments."""
        with self._lock:
            use = self._total.get(name)
            if use is None:
                use = self._total[name] = Use(plan)
            use.plan, use.used_at = plan, now()
            for what, value in more.items():
                setattr(use, what, getattr(use, what) + value if what in COUNTED else value)

    def miss_seconds(self, name: str) -> float:
        """Return how long the query has taken on average in this process, 0 where it never had to be asked."""
        use = self._total.get(name)
        return use.miss_seconds / use.misses if use and use.misses else 0.0

    def worth_waiting_for(self, name: str) -> float:
        """Return how many seconds to wait for an answer that somebody else is asking for: 0 if it's seldom kept."""
        use = self._total.get(name)
        return self.miss_seconds(name) if use and use.too_large * 2 < use.misses else 0.0

    def totals(self) -> dict[str, Use]:
        """Return what was counted since the process began, by query."""
        with self._lock:
            return {name: replace(use) for name, use in self._total.items()}

    def pending(self) -> dict[str, Use]:
        """Return what is not added up yet, by query."""
        with self._lock:
            left = {name: _less(use, self._added_up.get(name)) for name, use in self._total.items()}
        return {name: use for name, use in left.items() if any(getattr(use, what) for what in TIMES)}

    def added_up(self, done: dict[str, Use]) -> None:
        """Note what was added up meanwhile; what was counted since stays pending."""
        with self._lock:
            for name, use in done.items():
                before = self._added_up.setdefault(name, Use(use.plan))
                for what in COUNTED:
                    setattr(before, what, getattr(before, what) + getattr(use, what))
                for what in MOMENTS:
                    setattr(before, what, getattr(use, what) or getattr(before, what))


def _less(use: Use, done: Use | None) -> Use:
    if done is None:
        return replace(use)
    left = {what: getattr(use, what) - getattr(done, what) for what in COUNTED}
    # What was told before is not told again: another process's may be later by now.
    new: dict[str, Any] = {what: None for what in MOMENTS if getattr(use, what) == getattr(done, what)}
    return replace(use, **left, **new)


def add_up(connection: Connection, uses: dict[str, Use]) -> None:
    """Add what a process counted to the rows of all, in the transaction of `connection`."""
    for name, use in sorted(uses.items()):  # in one order, so that no two processes wait for each other
        told = {
            "sql": use.plan.sql,
            "tables": ", ".join(use.plan.tables)[: CacheUse.TABLES_LENGTH],
            "refusal": use.plan.refusal[: CacheUse.TABLES_LENGTH],
            "used_at": use.used_at,
            **{what: getattr(use, what) for what in MOMENTS if getattr(use, what) is not None},
        }
        more = {what: getattr(CacheUse, what) + getattr(use, what) for what in COUNTED}
        this = update(CacheUse).where(CacheUse.name == name)
        if connection.execute(this.values({**told, **more})).rowcount == 0:
            counted = {what: getattr(use, what) for what in COUNTED}
            connection.execute(insert(CacheUse).values({"name": name, **told, **counted}))
