"""Sending: each second, whatever was sealed or emptied since goes to the archive, as it is at that moment.

A row of `unarchived` goes only when its object is in the store and nobody marked it again meanwhile. So nothing is
lost whoever dies over it; at worst an object is written once more, with the same bytes.
"""

from __future__ import annotations

import io
import logging
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from app.actions.archive import objects, replaying
from app.actions.archive.objects import Built
from app.changes import read_only
from app.changes.archived import AGAIN
from app.changes.seals import TOKEN_LENGTH, Unarchived, new_token
from app.changes.transaction import write
from app.core.clock import now
from app.core.database.engine import end_transaction
from app.core.jobs import worker
from app.core.problems import Problem
from app.core.signs import NOTED_EVERY_SECONDS, Kind, note
from app.core.storage import Storage, StorageAway, StorageRefused, storage
from app.core.storage.folder import Folder
from app.extensions import db

CLAIMED = 50
"""So many objects are taken at once."""
LEASE = timedelta(minutes=2)
# Nothing begins so late that it would still be on its way when the lease ends.
LAST_START_SECONDS = 90.0
THREADS = 2
# Of the time at most half, so that requests that the same process answers keep their pace while much is to be sent.
LONGEST_REST_SECONDS = 1.0
# A sender that stood still in the middle of an object may give the store, when it goes on, what an erasure emptied
# meanwhile. It then finds its row gone or marked, and marks it again; but it may be killed before it does. So whatever
# an erasure took something out of is written a second time, when no request from before can still be on its way.
AGAIN_AFTER = timedelta(minutes=10)
REPLAYED_EVERY_SECONDS = 3600.0
# Whoever can write to the store can make up an erasure; what would empty a database takes somebody at the command line.
MOST_REPLAYED = 20
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
SIGN = "archive"
TRIES = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sender took: `tokens` are those that the rows had before, by position; now they have its own."""

    token: str
    tokens: dict[int, str] = field(default_factory=dict)


class Health:
    """How the store is, as this process sees it; in trouble it is asked ever more seldom, and that is noted."""

    def __init__(self) -> None:
        self.failures = 0
        self.is_known = False
        self._rests_until = 0.0
        self._noted_at = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether it is too early to ask the store again."""
        return time.monotonic() < self._rests_until

    def fails(self, problem: Problem) -> None:
        """Note that the store did not take something."""
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(self.failures, 10), LONGEST_WAIT_SECONDS)
        self.failures += 1
        self._rests_until = time.monotonic() + wait
        if self.failures == 1:
            log.error("the archive waits for its store: %s", problem)
        if self.failures == 1 or time.monotonic() - self._noted_at >= NOTED_EVERY_SECONDS:
            self._note(False, str(problem))

    def works(self) -> None:
        """Note that the store answered as it should."""
        if self.failures:
            log.info("the archive’s store can be used again", extra={"failures": self.failures})
        # Now and then also without a change: somebody else may have noted trouble that was over soon.
        if self.failures or not self.is_known or time.monotonic() - self._noted_at >= NOTED_EVERY_SECONDS:
            self._note(True, None)
        self.failures, self._rests_until = 0, 0.0

    def _note(self, is_good: bool, detail: str | None) -> None:
        note(Kind.STORAGE, SIGN, is_good, detail)
        self.is_known, self._noted_at = True, time.monotonic()


def do_archive(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Send until `stopping` is set, or with `is_once` until nothing is due; then a store in trouble raises.

    At its start and each hour it also looks for erasures that this database has forgotten.
    """
    health, settled, replayed_at = Health(), set[str](), float("-inf")

    def turn() -> bool:
        nonlocal replayed_at
        if health.is_resting and not is_once:
            return False
        try:
            if health.failures:
                storage().check()  # rather than to claim, and to give back, all the time that it is away
            if time.monotonic() - replayed_at >= REPLAYED_EVERY_SECONDS and read_only.state() is None:
                replaying.replay(settled, most=MOST_REPLAYED)
                replayed_at = time.monotonic()
                health.works()
            began = time.monotonic()
            is_sent = send_next(stopping)
            if is_sent and not is_once:
                stopping.wait(min(time.monotonic() - began, LONGEST_REST_SECONDS))
        except (StorageAway, StorageRefused) as problem:
            end_transaction()
            health.fails(problem)
            if is_once:
                raise
            return False
        if is_sent or health.failures:
            health.works()
        return is_sent

    worker.repeat(app, turn, stopping, is_once=is_once)


def send_next(stopping: threading.Event | None = None) -> bool:
    """Send what is due next; return whether there may be more. Without anything it costs one read.

    Raises what the store said; whatever did not get there is due at once.
    """
    due = db.session.execute(select(Unarchived.position).where(Unarchived.not_before <= now()).limit(1)).first()
    end_transaction()
    if due is None:
        return False
    claim = write(_claim)
    if not claim.tokens:
        return True
    last_start = time.monotonic() + LAST_START_SECONDS
    sent: list[Built] = []
    try:
        for part in list(objects.parts(claim.tokens)):
            built = objects.build(part)
            end_transaction()  # the store may take its time, and nobody waits for that
            _put_all(storage(), built, sent, last_start, stopping)
        return True
    finally:
        end_transaction()
        _finish(claim, sent)


def _claim() -> Claim:
    """Take what is due for as long as a lease; where another is faster, less or nothing."""
    at = now()
    query = select(Unarchived.position, Unarchived.token).where(Unarchived.not_before <= at)
    rows = db.session.execute(query.order_by(Unarchived.not_before, Unarchived.position).limit(CLAIMED)).all()
    found = {row.position: row.token for row in rows}
    claim = Claim(new_token())
    if found:
        # The positions once more by themselves, as MariaDB looks for pairs in the whole table.
        still = tuple_(Unarchived.position, Unarchived.token).in_(list(found.items()))
        taking = update(Unarchived).where(Unarchived.position.in_(found), still)
        _do(taking.values(token=claim.token, not_before=at + LEASE))
        taken = select(Unarchived.position).where(Unarchived.position.in_(found), Unarchived.token == claim.token)
        claim.tokens.update({position: found[position] for position in db.session.scalars(taken)})
    return claim


def _put_all(
    store: Storage, built: Sequence[Built], sent: list[Built], last_start: float, stopping: threading.Event | None
) -> None:
    """Put objects into the store and those that got there into `sent`; raise the first problem there was.

    A bucket far away is asked by several threads, so that its distance is not what one waits for.
    """
    problems: list[Exception] = []

    def put(one: Built) -> None:
        if problems or time.monotonic() > last_start or (stopping is not None and stopping.is_set()):
            return
        try:
            _put(store, one)
            sent.append(one)
        except Exception as problem:
            problems.append(problem)

    with ThreadPoolExecutor(1 if isinstance(store, Folder) else THREADS, "archive") as pool:
        for one in built:
            pool.submit(put, one)
    if problems:
        raise problems[0]


def _put(store: Storage, one: Built) -> None:
    store.put(one.name, io.BytesIO(one.content))
    if one.entry:
        name, content = one.entry
        store.put(name, io.BytesIO(content))


def _finish(claim: Claim, sent: Sequence[Built]) -> None:
    """Give rows back or let them go; again where another process adds one of them at this very moment."""
    for attempt in range(1, TRIES + 1):
        try:
            write(partial(_settle, claim, sent))
            return
        except IntegrityError:
            if attempt == TRIES:
                raise


def _settle(claim: Claim, sent: Sequence[Built]) -> None:
    """Let go of the rows whose objects are in the store, and make the others due.

    One that is not ours any more was marked by an erasure, or another took it over, who may have been faster or have
    seen a newer state: what we wrote may be the older one, so the present state has to be written after it.
    """
    held = select(Unarchived.position, Unarchived.token).where(Unarchived.position.in_(claim.tokens))
    tokens = {row.position: row.token for row in db.session.execute(held)}
    ours = Unarchived.token == claim.token
    done: list[int] = []
    once_more: list[int] = []
    for one in sent:
        if tokens.get(one.position) == claim.token:
            is_for_good = not one.is_emptied or claim.tokens[one.position].startswith(AGAIN)
            (done if is_for_good else once_more).append(one.position)
        elif one.position in tokens:
            marked = update(Unarchived).where(Unarchived.position == one.position)
            _do(marked.values(token=new_token(), not_before=now()))
        else:
            db.session.execute(insert(Unarchived).values(position=one.position, token=new_token(), not_before=now()))
    if done:
        _do(delete(Unarchived).where(Unarchived.position.in_(done), ours))
    if once_more:
        again = update(Unarchived).where(Unarchived.position.in_(once_more), ours)
        _do(again.values(token=_token_of_again(), not_before=now() + AGAIN_AFTER))
    for position in sorted(claim.tokens.keys() - {*done, *once_more}):
        # Never under the token that it had before: whoever held that may still be at it.
        is_again = claim.tokens[position].startswith(AGAIN)
        back = update(Unarchived).where(Unarchived.position == position, ours)
        _do(back.values(token=_token_of_again() if is_again else new_token(), not_before=now()))


def _token_of_again() -> str:
    return AGAIN + secrets.token_hex((TOKEN_LENGTH - len(AGAIN)) // 2)


def _do(statement: Any) -> None:
    db.session.execute(statement, execution_options={"synchronize_session": False})
