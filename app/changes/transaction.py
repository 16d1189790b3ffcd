"""The unit of work: one transaction, run whole again when the database says so, never when COMMIT may have worked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from app.core.database.engine import WRITING, end_transaction
from app.core.database.faults import is_lost_connection, is_worth_repeating
from app.core.problems import Busy, OutcomeUnknown, Unavailable
from app.extensions import db

T = TypeVar("T")
ATTEMPTS = 6
FIRST_WAIT_SECONDS = 0.02
# Each attempt may itself wait for a lock; whoever waits for the page has gone long before six of those.
PATIENCE_SECONDS = 20


def write(work: Callable[[], T], *, keep: bool = True) -> T:
    """Run `work` in a write transaction of its own and return what it returns.

    The caller's read transaction ends first, so `work` sees fresh rows and loads what it needs itself; it flushes, but
    never commits. With `keep=False` everything is rolled back at the end. Raises `Busy` when the database stays
    busy, `Unavailable` when it can't be reached, `OutcomeUnknown` when the connection broke during COMMIT.
    """
    info = db.session().info
    if info.get(WRITING):
        raise RuntimeError("a write inside a write would end the outer one's transaction")
    info[WRITING] = True
    try:
        end_transaction()
        return _run_until_done(work, keep)
    finally:
        info[WRITING] = False


def _run_until_done(work: Callable[[], T], keep: bool) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _run_once(work, keep)
        except (DBAPIError, PoolTimeout, StaleDataError) as error:
            if is_worth_repeating(error):
                if attempt == ATTEMPTS or time.monotonic() > deadline:
                    raise Busy() from error
                time.sleep(FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 jitter, not a secret
            elif is_lost_connection(error):
                raise Unavailable() from error
            else:
                raise
    raise AssertionError("the last attempt returns or raises")


def _run_once(work: Callable[[], T], keep: bool) -> T:
    try:
        db.session.connection(execution_options={WRITING: True})
        result = work()
        db.session.flush()
        if keep:
            _commit()
        return result
    finally:
        end_transaction()  # after a COMMIT there is nothing left to roll back


def _commit() -> None:
    """Commit, and tell a refused COMMIT (nothing was saved) from one whose answer never came."""
    try:
        db.session.commit()
    except DBAPIError as error:
        if is_lost_connection(error) and not is_worth_repeating(error):
            raise OutcomeUnknown() from error
        raise
