"""Tokens move with the rows they stand for, in the same transaction, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    column,
    delete,
    event,
    func,
    insert,
    select,
    table,
    text,
    update,
)

from app import actions
from app.access.actor import by_session_token, operator
from app.accounts import sessions
from app.accounts.models import User
from app.actions.erasure import erase
from app.changes.journal import ChangeSet
from app.core.clock import now
from app.core.columns import CACHED
from app.core.database.engine import MIGRATING, WRITING, end_transaction
from app.core.problems import Invalid
from app.core.querycache import versions
from app.core.querycache.versions import CacheVersion
from app.extensions import db
from app.people.department import Department
from app.people.role import Role
from app.people.search import SearchWord
from tests.actions.imports.importing import people
from tests.actions.undo.undoing import do, undo
from tests.core.querycache.asking import LATEST, impatient, stored, tokens, writing
from tests.sample import Sample, act
from tests.writing import KNOWINGLY, write


def moved(work: Callable[[], Any]) -> set[str]:
    """Return whose tokens moved while something was done."""
    before = tokens()
    work()
    after = tokens()
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def role(title: str) -> dict[str, Any]:
    return {"title": title, "title_key": title, "version": 1}


# What moves them


def test_an_action_moves_what_it_changes_and_the_journal(sample: Sample, context: Flask) -> None:
    assert moved(lambda: act("create_role", values={"title": "x"})) == {"roles", "journal"}
    assert moved(lambda: act("create_department", values={"name": "x"})) == {"departments", "journal"}


def test_an_undo_moves_them_again_and_not_back(sample: Sample, context: Flask) -> None:
    before = tokens()
    done = do("create_role", values={"title": "x"})
    after = tokens()
    assert moved(lambda: undo(done)) == {"roles", "journal"}
    assert tokens()["roles"] not in (before["roles"], after["roles"])


def test_an_import_moves_them_with_each_segment(sample: Sample, context: Flask) -> None:
    lines = [f"{number},New{number},2024-01-01,Nowhere,Nothing," for number in range(500, 503)]
    touched = moved(lambda: people(*lines))
    assert {"employees", "departments", "roles", "journal"} <= touched
    assert moved(lambda: people(*lines, is_dry_run=True)) <= {"jobs"}


def test_an_erasure_moves_them(sample: Sample, context: Flask) -> None:
    flo = sample.people["Flo"]
    assert {"employees", "journal"} <= moved(lambda: erase(operator(), actions.Source.CLI, flo))


def in_bulk(connection: Connection) -> None:
    connection.execute(update(Role).where(Role.title == "Clerk").values(title="Clerk"))


WRITES: dict[str, tuple[Callable[[Connection], Any], set[str]]] = {
    "insert": (lambda one: one.execute(insert(Role).values(role("x"))), {"roles"}),
    "several": (lambda one: one.execute(insert(Role), [role("x"), role("y")]), {"roles"}),
    "update": (in_bulk, {"roles"}),
    "update of nothing": (lambda one: one.execute(update(Role).where(Role.id == 0).values(version=1)), {"roles"}),
    "delete": (lambda one: one.execute(delete(SearchWord)), {"employees"}),
    "insert from": (
        lambda one: one.execute(
            insert(Role.__table__).from_select(
                ["title", "title_key", "version"], select(Department.name, Department.name_key, Department.version)
            )
        ),
        {"roles"},
    ),
    "a table by name": (
        lambda one: one.execute(update(table("departments", column("version"))).values(version=1)),
        {"departments"},
    ),
    "none of a group": (lambda one: one.execute(update(db.metadata.tables["pay"]).values(currency="EUR")), set()),
    "text": (lambda one: one.execute(text("UPDATE roles SET version = 1")), set()),
    "reading": (lambda one: one.execute(select(Role.id)).all(), set()),
}


@pytest.mark.parametrize("what", WRITES)
def test_a_transaction_of_ones_own_moves_them(sample: Sample, context: Flask, what: str) -> None:
    work, expected = WRITES[what]

    def done() -> None:
        with writing() as connection:
            work(connection)

    assert moved(done) == expected


def test_bulk_statement_of_the_session_moves_them(sample: Sample, context: Flask) -> None:
    bulk = update(Role).values(version=Role.version + 1)

    def work() -> None:
        db.session.execute(bulk, execution_options={**KNOWINGLY, "synchronize_session": False})

    assert moved(lambda: write(work)) >= {"roles"}


@pytest.fixture
def other_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have tables of four groups that refer to each other: b goes with a, c is told of it, d goes with c's number."""
    metadata = MetaData()
    key = {"primary_key": True}
    Table("a", metadata, Column("id", Integer, **key), info={CACHED: "as"})
    to_a = Column("a_id", ForeignKey("a.id", ondelete="cascade"))
    Table("b", metadata, Column("id", Integer, **key), to_a, info={CACHED: "bs"})
    to_b = Column("b_id", ForeignKey("b.id", ondelete="SET NULL"))
    Table("c", metadata, Column("id", Integer, **key), to_b, info={CACHED: "cs"})
    Table("d", metadata, Column("id", Integer, ForeignKey("c.id", onupdate="CASCADE"), **key), info={CACHED: "ds"})
    Table("e", metadata, Column("id", Integer, ForeignKey("a.id", ondelete="RESTRICT"), **key), info={CACHED: "es"})
    monkeypatch.setattr(versions, "db", SimpleNamespace(metadata=metadata))
    versions._touched_by.cache_clear()
    yield
    versions._touched_by.cache_clear()


def test_what_the_database_changes_along_is_followed(other_tables: None) -> None:
    assert versions._touched_by("a", True) == {"as", "bs", "cs"}
    assert versions._touched_by("b", True) == {"bs", "cs"}
    assert versions._touched_by("a", False) == {"as"}
    assert versions._touched_by("c", False) == {"cs", "ds"}
    assert versions._touched_by("unknown", True) == set()


# What doesn't


def test_what_is_not_committed_moves_nothing(sample: Sample, context: Flask) -> None:
    def rolled_back() -> None:
        with db.engine.connect().execution_options(**{WRITING: True, **KNOWINGLY}) as connection:
            connection.execute(insert(Role).values(role("x")))

    def previewed() -> None:
        title = {"title": "x"}
        actions.run("create_role", actor=operator(), source=actions.Source.CLI, preview=True, values=title)

    def failed() -> None:
        with pytest.raises(ZeroDivisionError):
            write(lambda: db.session.add(Role(title="x")) or db.session.flush() or 1 / 0)

    def refused() -> None:
        with pytest.raises(Invalid):
            act("create_role", values={"title": "Clerk"})

    def read() -> None:
        db.session.scalars(select(Role.id)).all()
        end_transaction()

    for work in (rolled_back, previewed, failed, refused, read):
        assert moved(work) == set(), work.__name__


def test_what_was_rolled_back_before_on_the_same_connection_is_forgotten(sample: Sample, context: Flask) -> None:
    def work() -> None:
        with db.engine.connect().execution_options(**{WRITING: True, **KNOWINGLY}) as connection:
            connection.execute(insert(Role).values(role("x")))
            versions.note_change_set(connection, 1)
            connection.rollback()
            connection.execute(insert(Department).values(name="x", name_key="x", version=1))
            connection.commit()

    assert moved(work) == {"departments"}
    assert max(stored()[-1][3] or 0, 0) == 0


def test_a_savepoint_taken_back_costs_at_most_a_miss(sample: Sample, context: Flask) -> None:
    def work() -> None:
        with writing() as connection:
            with connection.begin_nested() as savepoint:
                connection.execute(insert(Role).values(role("x")))
                savepoint.rollback()
            connection.execute(insert(Department).values(name="x", name_key="x", version=1))

    assert {"departments"} <= moved(work) <= {"departments", "roles"}


def test_a_migration_moves_them_itself(sample: Sample, context: Flask) -> None:
    def work() -> None:
        with writing() as connection:
            connection.execution_options(**{MIGRATING: True}).execute(insert(Role).values(role("x")))

    assert moved(work) == set()


# How


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Collect the statements of all connections, and COMMIT."""
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, _values: Any, _context: Any, _many: bool) -> None:
        told.append(" ".join(sql.split()[:3]))

    def note_commit(_connection: Any) -> None:
        told.append("COMMIT")

    event.listen(db.engine, "before_cursor_execute", note)
    event.listen(db.engine, "commit", note_commit)
    try:
        yield told
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
        event.remove(db.engine, "commit", note_commit)


def test_one_insert_is_the_last_statement_before_commit(sample: Sample, context: Flask) -> None:
    with recorded() as told:
        act("create_role", values={"title": "x"})
    assert told[-2:] == ["INSERT INTO cache_versions", "COMMIT"]
    assert told.count("INSERT INTO cache_versions") == 1


def test_a_transaction_that_touches_nothing_costs_no_statement(sample: Sample, context: Flask) -> None:
    with recorded() as told, writing() as connection:
        connection.execute(update(db.metadata.tables["pay"]).values(currency="EUR"))
    assert told == ["UPDATE pay SET", "COMMIT"]


def test_each_change_set_is_told_with_the_groups_it_changed(sample: Sample, context: Flask) -> None:
    first = do("create_role", values={"title": "x"})
    second = do("create_department", values={"name": "x"})
    end_transaction()
    assert {name for name, *_, told in stored() if told == first} == {"roles", "journal"}
    assert {name for name, *_, told in stored() if told == second} == {"departments", "journal"}
    assert db.session.get(ChangeSet, second) is not None


def test_touching_moves_at_the_end_with_the_change_set(context: Flask) -> None:
    def work() -> None:
        with writing() as connection:
            versions.touch(connection, ["query touched"])
            versions.note_change_set(connection, LATEST)
            assert not any(name == "query touched" for name, *_ in stored())

    assert moved(work) == {"query touched"}
    assert [told for name, *_, told in stored() if name == "query touched"] == [LATEST]


@pytest.mark.servers
def test_writers_do_not_wait_for_each_other(sample: Sample, context: Flask) -> None:
    """One has moved the token already and does not come to its COMMIT; another changes the same table meanwhile."""
    with db.engine.connect().execution_options(**KNOWINGLY) as stuck:
        stuck.execute(insert(Role).values(role("first of two writers")))
        versions.move(stuck, ["roles"])
        with impatient() as connection:
            connection.execute(insert(Role).values(role("second of two writers")))
        stuck.commit()
    assert set(db.session.scalars(select(Role.title))) >= {"first of two writers", "second of two writers"}


# Tokens and snapshots


def test_sums_are_exact_whole_numbers(context: Flask) -> None:
    largest = 2**versions.HALF_BITS - 1
    with db.engine.begin() as connection:
        rows = [{"name": "query big", "high": largest, "low": largest - one} for one in range(2)]
        connection.execute(insert(CacheVersion), rows)
    found = tokens()["query big"]
    assert found == (2 * largest, 2 * largest - 1)
    assert {type(half) for halves in tokens().values() for half in halves} == {int}
    assert versions.rows_present() == len(stored())


def test_a_snapshot_goes_on_with_its_tokens(context: Flask) -> None:
    before = tokens()
    count = select(func.count(Role.id))
    assert db.session.scalar(count) == 0
    with db.engine.begin() as connection:  # another's
        connection.execute(insert(Role).values(role("x")).execution_options(**KNOWINGLY))
    assert (dict(versions.tokens()), db.session.scalar(count)) == (before, 0)
    db.session.info.pop(versions.TOKENS)
    assert (dict(versions.tokens()), db.session.scalar(count)) == (before, 0), "also where they are asked for late"
    end_transaction()
    assert (versions.tokens()["roles"] != before["roles"], db.session.scalar(count)) == (True, 1)


def test_tokens_are_asked_for_once_a_transaction(context: Flask) -> None:
    end_transaction()
    with recorded() as told:
        versions.tokens()
        versions.rows_present()
        assert len(told) == 1
        end_transaction()
        versions.tokens()
        act("create_role", values={"title": "x"})
        told.clear()
        versions.tokens()
        assert len(told) == 1


def test_the_statement_that_finds_the_session_brings_them(sample: Sample, context: Flask) -> None:
    token = write(lambda: sessions.start(db.session.get_one(User, sample.users["staff"]), None, None))
    with recorded() as told:
        assert by_session_token(token, now()) is not None
        brought = dict(versions.tokens())
        assert len(told) == 1
    assert brought == tokens()
    assert set(versions.groups().values()) <= set(brought)


def test_a_session_that_changes_something_is_not_told_by_its_tokens(context: Flask) -> None:
    assert not versions.is_changing()
    db.session.add(added := Role(title="x"))
    assert versions.is_changing()
    db.session.expunge(added)
    assert not versions.is_changing()
    bulk = update(Role).values(version=1)
    db.session.execute(bulk, execution_options={**KNOWINGLY, "synchronize_session": False})
    assert versions.is_changing()
    end_transaction()
    assert not versions.is_changing()
