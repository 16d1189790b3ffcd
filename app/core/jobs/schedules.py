"""Work that comes round each hour or day: no second program, any worker puts it into the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.clock import now
from app.core.database.engine import end_transaction
from app.core.jobs.job import Job
from app.core.jobs.queue import enqueue
from app.extensions import db

SOURCE = "system"


class Every(StrEnum):
    """How often; hours and days are those of UTC."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Schedule:
    """An action without arguments that the system does once in each hour or day."""

    name: str
    every: Every
    action: str

    def key(self, at: datetime) -> str:
        """Return the key of the job for the hour or day of `at`."""
        return f"{self.name}@{at:%Y-%m-%d}" + (f"T{at:%H}" if self.every is Every.HOUR else "")


def add_begun(schedules: Iterable[Schedule], seen: dict[str, str], write: Callable[[Callable[[], Any]], Any]) -> None:
    """Add the jobs of hours and days that began since `seen` was filled, empty at a worker's start.

    So an hour that nobody worked in is skipped, but a day that began meanwhile is caught up. `seen` spares asking the
    database; of two workers that both ask, the unique key lets one win.
    """
    at = now()
    begun = {schedule.key(at): schedule for schedule in schedules if seen.get(schedule.name) != schedule.key(at)}
    if not begun:
        return
    known = set(db.session.scalars(select(Job.key).where(Job.key.in_(begun))))
    end_transaction()
    for key, schedule in begun.items():
        if key not in known:
            _add(schedule, key, write)
        seen[schedule.name] = key


def _add(schedule: Schedule, key: str, write: Callable[[Callable[[], Any]], Any]) -> None:
    try:
        write(lambda: enqueue(schedule.action, {}, source=SOURCE, key=key))
    except IntegrityError:
        return  # another worker was faster
