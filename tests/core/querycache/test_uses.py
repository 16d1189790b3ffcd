"""What the cache did is counted in each process and added up for all, nothing twice and nothing lost."""

from __future__ import annotations

import threading
from dataclasses import fields

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.querycache.statements import Plan
from app.core.querycache.uses import COUNTED, TIMES, Bypass, CacheUse, Use, Uses, add_up
from app.extensions import db
from tests.clock import Clock

PLAN = Plan("SELECT 1", ("employees", "roles"), ("employees", "roles"))


def rows() -> dict[str, CacheUse]:
    db.session.rollback()
    return {row.name: row for row in db.session.scalars(select(CacheUse))}


def add(uses: Uses) -> None:
    """Add up what is pending, as the keeper does."""
    pending = uses.pending()
    with db.engine.begin() as connection:
        add_up(connection, pending)
    uses.added_up(pending)


def test_all_that_is_counted_is_a_column_and_each_bypass_is_counted() -> None:
    counted = {one.name for one in fields(Use)} - {"plan", "filled_at", "used_at", "differed_at"}
    assert counted == set(COUNTED)
    assert set(COUNTED) <= set(CacheUse.__table__.columns.keys())
    assert {str(why) for why in Bypass} <= set(TIMES)


def test_pending_is_what_was_not_added_up_yet() -> None:
    uses = Uses()
    uses.note("a", PLAN, hits=1, saved_seconds=0.1)
    uses.note("b", PLAN, refused=1)
    taken = uses.pending()
    uses.note("a", PLAN, hits=1, saved_seconds=0.3)
    uses.added_up(taken)
    left = uses.pending()
    assert set(left) == {"a"}
    assert left["a"].hits == 1
    assert left["a"].saved_seconds == pytest.approx(0.3)
    assert uses.totals()["a"].hits == 2


def test_a_verification_noted_after_its_hit_was_added_up_is_not_lost() -> None:
    uses = Uses()
    uses.note("a", PLAN, hits=1)
    uses.added_up(uses.pending())
    assert uses.pending() == {}
    uses.note("a", PLAN, verified=1)
    assert uses.pending()["a"].verified == 1


def test_seconds_alone_leave_nothing_pending() -> None:
    uses = Uses()
    for _ in range(10):
        uses.note("a", PLAN, misses=1, miss_seconds=0.1)
        uses.added_up(uses.pending())
    assert uses.pending() == {}


def test_what_is_given_out_does_not_change_any_more() -> None:
    uses = Uses()
    uses.note("a", PLAN, hits=1)
    total, pending = uses.totals(), uses.pending()
    uses.note("a", PLAN, hits=1)
    assert (total["a"].hits, pending["a"].hits) == (1, 1)


def test_mean_of_misses_says_how_long_to_wait_for_another() -> None:
    uses = Uses()
    assert uses.miss_seconds("a") == uses.worth_waiting_for("a") == 0
    uses.note("a", PLAN, hits=5)
    assert uses.miss_seconds("a") == uses.worth_waiting_for("a") == 0
    uses.note("a", PLAN, misses=1, miss_seconds=0.2)
    uses.note("a", PLAN, misses=1, miss_seconds=0.4)
    assert uses.worth_waiting_for("a") == pytest.approx(0.3)


def test_nobody_waits_for_what_is_seldom_kept() -> None:
    uses = Uses()
    uses.note("a", PLAN, misses=1, miss_seconds=0.2, too_large=1)
    assert uses.worth_waiting_for("a") == 0
    assert uses.miss_seconds("a") == pytest.approx(0.2)


def test_threads_lose_no_count() -> None:
    uses = Uses()

    def count() -> None:
        for _ in range(500):
            uses.note("a", PLAN, hits=1)
            if not _ % 50:
                uses.added_up({})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert uses.totals()["a"].hits == uses.pending()["a"].hits == 2000


def test_two_processes_add_up(context: Flask, clock: Clock) -> None:
    one, other = Uses(), Uses()
    one.note("a", PLAN, misses=1, miss_seconds=0.5, filled_at=clock.now())
    one.note("b", Plan("SELECT 2", (), (), refusal="text " * 200), refused=1)
    add(one)
    filled_at = clock.now()
    clock.move(seconds=60)
    other.note("a", PLAN, hits=2, saved_seconds=0.25)
    add(other)
    one.note("a", PLAN, hits=1, verified=1)
    add(one)
    found = rows()
    a, b = found["a"], found["b"]
    assert (a.hits, a.misses, a.verified, a.miss_seconds, a.saved_seconds) == (3, 1, 1, 0.5, 0.25)
    assert (a.filled_at, a.used_at, a.differed_at) == (filled_at, clock.now(), None)
    assert (a.sql, a.tables, a.refusal) == ("SELECT 1", "employees, roles", "")
    assert (b.refused, b.sql, len(b.refusal)) == (1, "SELECT 2", CacheUse.TABLES_LENGTH)


def test_moment_that_was_told_is_not_told_again_over_a_later_one(context: Flask, clock: Clock) -> None:
    one, other = Uses(), Uses()
    one.note("a", PLAN, misses=1, filled_at=clock.now())
    add(one)
    clock.move(seconds=60)
    other.note("a", PLAN, misses=1, filled_at=clock.now(), differing=1, differed_at=clock.now())
    add(other)
    later = clock.now()
    clock.move(seconds=60)
    one.note("a", PLAN, hits=1)
    add(one)
    assert (rows()["a"].filled_at, rows()["a"].differed_at) == (later, later)
    one.note("a", PLAN, misses=1, filled_at=clock.now())
    add(one)
    assert (rows()["a"].filled_at, rows()["a"].differed_at) == (clock.now(), later)
