"""A hit is what the database would say; whatever else is in the store is a miss, and nobody notices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import func, select, text

from app.changes.tracking import recording
from app.core.database.engine import end_transaction
from app.core.querycache import cached, codec, versions
from app.core.querycache.cached import MAC_BYTES, QueryCache
from app.core.querycache.store import Away
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.role import Role
from tests.applications import application
from tests.caching import believed
from tests.core.querycache.asking import TITLES, add_role, ask, counted, key_of
from tests.sample import Sample, act
from tests.writing import write


def plant(mine: QueryCache, rows: codec.Rows, statement: Any = TITLES) -> None:
    """Put rows under a question as if we had found them."""
    plan, _values = mine.plans.of(statement, db.engine.dialect)
    cached._Query(mine, "titles", statement, plan, key_of(mine, statement)).keep(rows)


# Hits and misses


def test_first_asked_then_kept_then_asked_again_after_a_change(mine: QueryCache) -> None:
    add_role("a")
    assert [ask(), ask(), ask()] == [[("a",)]] * 3
    assert counted(mine) == {"misses": 1, "hits": 2, "verified": 2}
    add_role("b")
    assert ask() == [("a",)], "the snapshot of before goes on"
    end_transaction()
    assert ask() == [("a",), ("b",)]
    assert counted(mine) == {"misses": 2, "hits": 3, "verified": 3}


def test_a_hit_runs_no_statement_and_says_how_much_it_saved(context: Flask, mine: QueryCache) -> None:
    ask()
    with believed(context):
        g.sql_statements, g.cache_hits, g.cache_misses, g.cache_seconds = 0, 0, 0, 0.0
        assert ask() == []
    assert g.sql_statements == 0
    assert (g.cache_hits, g.cache_misses) == (1, 0)
    assert g.cache_seconds > 0
    use = mine.uses.totals()["titles"]
    assert use.filled_at is not None
    assert use.miss_seconds > 0


def test_rows_are_ones_own(mine: QueryCache) -> None:
    add_role("a")
    ask().append(("b",))
    ask().clear()
    assert ask() == [("a",)]


def test_exact_types_come_from_the_cache_too(sample: Sample, mine: QueryCache) -> None:
    query = select(Employee.id, Employee.status, Employee.fte, Employee.hired_on, Employee.left_on, Employee.phone)
    asked = query.order_by(Employee.id)
    fresh = [tuple(row) for row in db.session.execute(asked)]
    assert repr(ask(asked)) == repr(ask(asked)) == repr(fresh)
    assert isinstance(fresh[0][1], Status)
    assert counted(mine) == {"misses": 1, "hits": 1, "verified": 1}


def test_what_may_not_be_kept_is_asked_each_time(mine: QueryCache) -> None:
    asked = select(func.max(Employee.birth_date))
    assert ask(asked) == ask(asked) == [(None,)]
    assert counted(mine) == {"refused": 2}
    assert "birth_date" in mine.uses.totals()["titles"].plan.refusal


def test_a_group_without_a_token_is_not_kept(mine: QueryCache) -> None:
    """Somebody emptied the tokens by hand: those of then would be no others than those of the next time."""
    ask()
    transaction, tokens, *more = db.session.info[versions.TOKENS]
    db.session.info[versions.TOKENS] = (transaction, {**tokens}, *more)
    del db.session.info[versions.TOKENS][1]["roles"]
    ask()
    assert counted(mine) == {"misses": 1, "refused": 1}


def test_inside_an_action_its_own_changes_are_seen(mine: QueryCache) -> None:
    ask()

    def work() -> codec.Rows:
        db.session.add(Role(title="x"))
        return ask()

    assert write(work) == [("x",)]
    assert counted(mine) == {"misses": 1, "writing": 1}
    assert ask() == [("x",)]


def test_what_is_changed_and_taken_back_is_never_kept(mine: QueryCache) -> None:
    """Also outside an action: rows of before COMMIT would stay under the tokens of before them."""
    with recording():
        db.session.add(Role(title="x"))
        assert ask() == [("x",)]
        assert ask() == [("x",)], "it is flushed now"
    end_transaction()
    assert ask() == []
    assert counted(mine) == {"writing": 2, "misses": 1}


def test_scopes_and_names_and_values_share_nothing(mine: QueryCache) -> None:
    ask()
    ask(scope="reports:all as 3")
    ask(name="others")
    ask(TITLES.where(Role.title == "x"))
    assert counted(mine) == {"misses": 3}
    assert counted(mine, "others") == {"misses": 1}


def test_the_next_schema_shares_nothing(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    monkeypatch.setattr(cached, "HEAD", cached.HEAD + 1)
    ask()
    assert counted(mine) == {"misses": 2}


def test_one_query_alone_is_forgotten(mine: QueryCache) -> None:
    ask()
    ask(name="others")
    with db.engine.begin() as connection:
        versions.move(connection, [versions.of_query("titles")])
    end_transaction()
    ask()
    ask(name="others")
    assert counted(mine) == {"misses": 2}
    assert counted(mine, "others") == {"misses": 1, "hits": 1, "verified": 1}


def test_applications_in_one_process_share_nothing(mine: QueryCache, database_url: str) -> None:
    ask()
    with application(database_url) as other, other.app_context():
        assert ask() == []
        assert counted(cached.of_app()) == {"misses": 1}
    assert counted(mine) == {"misses": 1}


# Verification


DIFFERENCES: dict[str, tuple[Any, codec.Rows]] = {
    "another row": (TITLES, [("b",)]),
    "a row too few": (TITLES, []),
    "a row too many": (TITLES, [("a",), ("a",)]),
    "another type": (select(func.count(Role.id)), [("1",)]),
    "a truth for a number": (select(func.count(Role.id)), [(True,)]),
    "another order": (select(Employee.number).order_by(Employee.number), [("101",), ("100",)]),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_difference_is_told_and_put_right(mine: QueryCache, caplog: pytest.LogCaptureFixture, what: str) -> None:
    statement, wrong = DIFFERENCES[what]
    add_role("a")
    if "order" in what:
        act("hire", values={"number": "100", "first_name": "A", "hired_on": "2020-01-01"})
        act("hire", values={"number": "101", "first_name": "B", "hired_on": "2020-01-01"})
    right = [tuple(row) for row in db.session.execute(statement)]
    plant(mine, wrong, statement)
    with caplog.at_level(logging.ERROR):
        assert ask(statement) == right
    assert "differed" in caplog.text
    assert "titles" in caplog.text
    use = mine.uses.totals()["titles"]
    assert (use.verified, use.differing) == (1, 1)
    assert use.differed_at is not None
    assert ask(statement) == right
    assert counted(mine) == {"hits": 2, "verified": 2, "differing": 1}


def test_rows_without_an_order_may_come_in_any(mine: QueryCache) -> None:
    add_role("a")
    add_role("b")
    end_transaction()
    asked = select(Role.title)
    plant(mine, [("b",), ("a",)], asked)
    assert sorted(ask(asked)) == [("a",), ("b",)]
    assert counted(mine) == {"hits": 1, "verified": 1}


def test_a_share_of_hits_is_verified(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0.4, 0.6, 0.49, 0.5])
    monkeypatch.setattr(cached.random, "random", lambda: next(drawn))
    monkeypatch.setattr(mine, "verified_share", 0.5)
    plant(mine, [("a",)])
    assert ask() == [], "the database's answer, not the cache's"
    plant(mine, [("a",)])
    assert ask() == [("a",)]
    assert (ask(), ask()) == ([], [])
    assert counted(mine) == {"hits": 4, "verified": 2, "differing": 2}


# What else may be in the store


def altered(mine: QueryCache) -> bytes:
    value: bytes = mine.store.backend.get(key_of(mine))
    return value[:-3] + b"9" + value[-2:]


FORGED: dict[str, Callable[[QueryCache], bytes]] = {
    "nothing": lambda mine: b"",
    "too little": lambda mine: b"x" * (MAC_BYTES - 1),
    "no rows": lambda mine: b"x" * 100,
    "a pickle": lambda mine: b"\x80\x04\x95" + b"x" * 50,
    "altered": altered,
    "without a seal": lambda mine: mine.store.backend.get(key_of(mine))[MAC_BYTES:],
    "of another key": lambda mine: mine.store.backend.get(key_of(mine, name="others")),
    "sealed rubbish": lambda mine: sealed(mine, b"[1]"),
    "of other columns": lambda mine: sealed(mine, b'[["",[1]],["",[2]]]'),
    "deep": lambda mine: sealed(mine, b"[" * 100_000),
}


def sealed(mine: QueryCache, data: bytes) -> bytes:
    plan, _values = mine.plans.of(TITLES, db.engine.dialect)
    return cached._Query(mine, "titles", TITLES, plan, key_of(mine)).seal(data) + data


@pytest.mark.parametrize("what", FORGED)
def test_what_is_not_ours_is_a_miss(mine: QueryCache, what: str) -> None:
    add_role("a")
    ask()
    ask(name="others")
    mine.store.backend.set(key_of(mine), FORGED[what](mine))
    assert ask() == [("a",)]
    assert ask() == [("a",)]
    assert counted(mine) == {"misses": 2, "hits": 1, "verified": 1}


def test_another_secret_reads_nothing(mine: QueryCache, database_url: str) -> None:
    ask()
    value = mine.store.backend.get(key_of(mine))
    with application(database_url, SECRET_KEY="another one of those") as other, other.app_context():
        its = cached.of_app()
        assert key_of(its) not in (None, "")
        its.store.backend.set(key_of(its), value)
        ask()
        assert counted(its) == {"misses": 1}


def test_what_is_too_large_is_not_kept(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "LARGEST_BYTES", 30)
    for title in ("a" * 10, "b" * 10, "c" * 10):
        add_role(title)
    assert len(ask()) == len(ask()) == 3
    assert counted(mine) == {"misses": 2, "too_large": 2}
    assert len(ask(TITLES.limit(1), name="small")) == len(ask(TITLES.limit(1), name="small")) == 1
    assert counted(mine, "small") == {"misses": 1, "hits": 1, "verified": 1}


def test_what_can_not_be_written_is_not_kept(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    add_role("a")
    monkeypatch.setattr(cached._Query, "fresh", lambda _query: [(object(),)])
    assert len(ask()) == len(ask()) == 1
    assert counted(mine) == {"misses": 2, "too_large": 2}


def test_what_can_not_be_written_any_more_is_a_difference(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    strange = [(object(),)]
    monkeypatch.setattr(cached._Query, "fresh", lambda _query: strange)
    assert ask() is strange
    assert counted(mine) == {"misses": 1, "hits": 1, "verified": 1, "differing": 1}


def test_store_that_is_away_leaves_the_database(mine: QueryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any) -> None:
        raise Away

    add_role("a")
    monkeypatch.setattr(mine.store, "put", away)
    assert ask() == [("a",)]
    monkeypatch.setattr(mine.store, "get", away)
    assert ask() == [("a",)]
    assert counted(mine) == {"misses": 1, "away": 1}


def test_hand_made_sql_is_found_by_verification_and_forgotten_by_clearing(context: Flask, mine: QueryCache) -> None:
    add_role("a")
    ask()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE roles SET title = 'b'"))
    end_transaction()
    with believed(context):
        assert ask() == [("a",)], "nobody told the cache"
    with db.engine.begin() as connection:
        versions.move(connection, set(versions.groups().values()))
    end_transaction()
    assert ask() == [("b",)]
