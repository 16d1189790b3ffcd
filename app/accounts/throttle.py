"""Slowing down guesses at sign-in: per account and per address, longer each time, never a lock for good.

Kept in the database, so several servers count together and a restart forgets nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.accounts.models import SignInThrottle
from app.changes.transaction import write
from app.core import text
from app.core.clock import now
from app.core.problems import Problem
from app.extensions import db

FORGET_AFTER = timedelta(hours=24)


class Throttled(Problem):
    """Too many failed tries; `seconds` until the next one counts."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__()


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, and how long the wait may grow."""

    free: int
    longest: timedelta
    first: timedelta = timedelta(seconds=1)

    def wait(self, failures: int) -> timedelta:
        """Return the wait after so many failures: `first`, doubled with each one more beyond the free ones."""
        beyond = failures - self.free
        return timedelta(0) if beyond <= 0 else min(self.first * 2 ** min(beyond - 1, 20), self.longest)


# One person mistypes a few times; behind one address there may be a whole office.
ACCOUNT = Limit(free=5, longest=timedelta(minutes=1))
ADDRESS = Limit(free=30, longest=timedelta(minutes=5))
# Each of these is a message in somebody's inbox, asked for by anybody.
RESET_ACCOUNT = Limit(free=3, longest=timedelta(hours=1), first=timedelta(minutes=1))
RESET_ADDRESS = Limit(free=20, longest=timedelta(hours=1), first=timedelta(minutes=1))


def keys(email: str, address: str | None) -> dict[str, Limit]:
    """Return what this try counts against; addresses of accounts are hashed, so the table tells nobody who tried."""
    return {f"account:{_hashed(email)}": ACCOUNT, f"address:{_told(address)}": ADDRESS}


def reset_keys(email: str, address: str | None) -> dict[str, Limit]:
    """Return what asking for a new password counts against: not the same, who forgot theirs has tried some before."""
    return {f"reset:{_hashed(email)}": RESET_ACCOUNT, f"reset-address:{_told(address)}": RESET_ADDRESS}


def _hashed(email: str) -> str:
    return hashlib.sha256(text.key(email).encode()).hexdigest()


def _told(address: str | None) -> str:
    return (address or "?")[:45]


def count_try(limits: dict[str, Limit]) -> None:
    """Count a try as failed before it is looked at, so that many at once can't slip through; raise `Throttled`."""
    try:
        write(lambda: _count(limits))
    except IntegrityError:  # two first tries at once inserted the same row
        write(lambda: _count(limits))


def _count(limits: dict[str, Limit]) -> None:
    at = now()
    db.session.execute(delete(SignInThrottle).where(SignInThrottle.last_failed_at < at - FORGET_AFTER))
    rows = {
        row.key: row
        for row in db.session.scalars(
            select(SignInThrottle).where(SignInThrottle.key.in_(list(limits))).with_for_update()
        )
    }
    longest = max((row.blocked_until for row in rows.values()), default=at)
    if longest > at:
        raise Throttled(seconds=_whole_seconds(longest - at))
    for key, limit in limits.items():
        row = rows.get(key)
        if row is None:
            row = SignInThrottle(key=key, failures=0)
            db.session.add(row)
        row.failures += 1
        row.last_failed_at = at
        row.blocked_until = at + limit.wait(row.failures)


def forget(limits: dict[str, Limit]) -> None:
    """Take back what the successful try was counted as, and clear the account; runs inside a write."""
    for key, limit in limits.items():
        row = db.session.get(SignInThrottle, key)
        if row is not None and limit is ACCOUNT:
            db.session.delete(row)
        elif row is not None:
            row.failures = max(0, row.failures - 1)
            row.blocked_until = now()


def erase(emails: Collection[str], addresses: Collection[str]) -> None:
    """Remove what was counted for these accounts and from these addresses; runs inside a write."""
    counted = [key for email in emails for key in (f"account:{_hashed(email)}", f"reset:{_hashed(email)}")]
    counted += [key for at in addresses for key in (f"address:{_told(at)}", f"reset-address:{_told(at)}")]
    db.session.execute(delete(SignInThrottle).where(SignInThrottle.key.in_(counted)))


def _whole_seconds(wait: timedelta) -> int:
    return max(1, -int(-wait.total_seconds() // 1))
