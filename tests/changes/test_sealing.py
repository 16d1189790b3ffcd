"""What was committed gets dense positions, whoever commits when, however many seal, and wherever one dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import delete, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.changes import sealing, transaction
from app.changes.journal import ChangeRow, ChangeSet, Segment, Unsealed, content_hash
from app.changes.seals import Seal, Unarchived, address_digest, chain_hash, told_digest
from app.changes.verification import verify
from app.core.clock import now
from app.core.database.engine import MIGRATING, end_transaction
from app.core.problems import Busy
from app.extensions import db
from tests.applications import application
from tests.changes.sealed import chain, counted, highest_segment, note, put_segment, seal_all
from tests.sample import act
from tests.threads import at_once
from tests.writing import empty_journal


@pytest.fixture(autouse=True)
def journal(context: Flask) -> Flask:
    """Give an application with an empty journal."""
    empty_journal()
    return context


def values(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def test_what_was_committed_gets_the_next_positions_and_is_due_for_the_archive() -> None:
    segments = [note("first"), note(), note()]
    assert counted(Unsealed) == 3
    assert seal_all() == 1
    assert chain() == list(enumerate(segments, start=1))
    segments.append(note())
    seal_all()
    assert chain() == list(enumerate(segments, start=1))
    assert counted(Unsealed) == 0
    assert sorted(db.session.scalars(select(Unarchived.position))) == [1, 2, 3, 4]
    assert all(due <= now() for due in db.session.scalars(select(Unarchived.not_before)))
    seals = db.session.scalars(select(Seal)).all()
    assert len({seal.key for seal in seals}) == 4
    assert {len(seal.key) for seal in seals} == {20}
    assert len({salt for seal in seals for salt in (seal.told_salt, seal.address_salt)}) == 8


def test_hash_is_over_the_one_before_the_segment_its_set_and_its_changes() -> None:
    act("create_role", values={"title": "Clerk"}, reason="Zoë asked for it")
    act("create_role", values={"title": "Cook", "level": 3})
    seal_all()
    previous = ""
    for seal in db.session.scalars(select(Seal).order_by(Seal.position)):
        segment = db.session.get_one(Segment, seal.segment_id)
        head = db.session.get_one(ChangeSet, segment.change_set_id)
        rows = select(ChangeRow).where(ChangeRow.segment_id == segment.id).order_by(ChangeRow.id)
        changes = [values(row) for row in db.session.scalars(rows)]
        assert len(changes) == 1
        assert seal.told_salt
        assert seal.address_salt
        assert seal.told_digest == told_digest(seal.told_salt, head.reason, head.arguments)
        assert seal.address_digest == address_digest(seal.address_salt, head.address)
        assert seal.hash == chain_hash(previous, values(seal), values(segment), values(head), changes)
        previous = seal.hash
    assert list(verify()) == []


def test_nothing_to_seal_costs_one_read_and_writes_nothing() -> None:
    note()
    seal_all()
    end_transaction()
    statements: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        assert not sealing.seal_next()
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)
    assert [statement.split()[0] for statement in statements] == ["SELECT"]
    assert not db.session().in_transaction()


def test_what_was_rolled_back_leaves_no_gap() -> None:
    first = note()
    with pytest.raises(ZeroDivisionError):
        transaction.write(lambda: (put_segment(first + 1), 1 / 0))
    last = note()
    seal_all()
    assert chain() == [(1, first), (2, last)]


def test_nodes_that_give_ids_by_turns_are_sealed_in_the_order_in_which_they_commit() -> None:
    begin = highest_segment() + 100
    for batch in ((begin + 4, begin + 1), (begin + 3,), (begin, begin + 2)):
        for segment_id in batch:
            transaction.write(lambda: put_segment(segment_id))  # noqa: B023 called at once
        seal_all()
    assert [segment - begin for _position, segment in chain()] == [1, 4, 3, 0, 2]
    assert list(verify()) == []


@pytest.mark.servers  # on SQLite a writer is alone from its first statement
def test_who_commits_late_is_sealed_late_although_the_id_is_lower(journal: Flask) -> None:
    written, go = threading.Event(), threading.Event()

    def late() -> None:
        put_segment(begin)
        db.session.flush()
        written.set()
        assert go.wait(30)

    def commit_late() -> None:
        with journal.app_context():
            transaction.write(late)

    begin = highest_segment() + 100
    thread = threading.Thread(target=commit_late)
    thread.start()
    assert written.wait(30)
    transaction.write(lambda: put_segment(begin + 1))
    seal_all()
    assert chain() == [(1, begin + 1)]
    go.set()
    thread.join()
    seal_all()
    assert chain() == [(1, begin + 1), (2, begin)]


def test_sealers_at_once_give_each_segment_one_position(journal: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEGMENTS", 3)
    segments = [note() for _ in range(30)]
    ended = threading.Event()

    def seal() -> None:
        while not ended.is_set():
            try:
                if not sealing.seal_next():
                    ended.set()
            except Busy:  # which the duty takes for a reason to try again
                continue

    assert at_once(journal, seal, seal, seal) == [None, None, None]
    seal_all()
    assert chain() == list(enumerate(segments, start=1))
    assert (counted(Unsealed), counted(Unarchived)) == (0, 30)
    assert list(verify()) == []


def test_second_sealer_that_would_give_the_same_position_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = note(), note()
    seal = sealing._seal

    def beaten(ids: list[int]) -> None:
        monkeypatch.setattr(sealing, "_seal", seal)
        with db.engine.connect() as other:  # what another sealer committed since
            row = dict.fromkeys(("told_digest", "address_digest", "hash"), "0" * 64)
            position = {"position": 1, "segment_id": first, "at": now(), "key": "k" * 20}
            db.session.rollback()
            other.execute(insert(Seal), {**position, **row})
            other.execute(delete(Unsealed).where(Unsealed.segment_id == first))
            other.commit()
        raise IntegrityError("INSERT", None, Exception("pk_seals"))

    monkeypatch.setattr(sealing, "_seal", beaten)
    assert sealing.seal_next()
    seal_all()
    assert chain() == [(1, first), (2, second)]


def test_constraint_that_no_other_sealer_broke_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    note()
    monkeypatch.setattr(sealing.secrets, "token_urlsafe", lambda _bytes: "x" * 20)
    seal_all()
    note()
    with pytest.raises(IntegrityError):
        sealing.seal_next()
    monkeypatch.undo()
    seal_all()
    assert [position for position, _segment in chain()] == [1, 2]


def test_sealer_killed_before_its_commit_leaves_everything_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = note()

    def die() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction, "_commit", die)
    with pytest.raises(KeyboardInterrupt):
        sealing.seal_next()
    monkeypatch.undo()
    assert (chain(), counted(Unsealed), counted(Unarchived)) == ([], 1, 0)
    seal_all()
    assert (chain(), counted(Unsealed), counted(Unarchived)) == ([(1, segment)], 0, 1)


def test_large_segments_are_not_sealed_all_in_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CHANGES", 2)
    for title in "abc":
        act("create_role", values={"title": title})
    monkeypatch.setattr(sealing, "SEGMENTS", 100)
    assert seal_all() == 2
    assert [position for position, _segment in chain()] == [1, 2, 3]


def test_what_older_code_committed_is_queued_once_it_is_a_minute_old(monkeypatch: pytest.MonkeyPatch) -> None:
    segments = [note(), note(), note()]
    transaction.write(lambda: db.session.execute(delete(Unsealed).where(Unsealed.segment_id != segments[1])))
    assert sealing.queue_missed() == 0
    later = now() + timedelta(minutes=2)
    monkeypatch.setattr(sealing, "now", lambda: later)
    monkeypatch.setattr(sealing, "WINDOW", 1)
    assert sealing.queue_missed() == 2
    assert sealing.queue_missed() == 0
    assert counted(Unsealed) == 3
    seal_all()
    assert sealing.queue_missed() == 0
    assert chain() == list(enumerate(segments, start=1))


def test_what_was_queued_although_it_has_a_seal_is_let_go() -> None:
    segment = note()
    seal_all()
    transaction.write(lambda: db.session.execute(insert(Unsealed).values(segment_id=segment)))
    assert seal_all() == 1
    assert (chain(), counted(Unsealed)) == ([(1, segment)], 0)


def test_duty_queues_what_was_missed_and_seals_everything(
    journal: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    segment = note()
    transaction.write(lambda: db.session.execute(delete(Unsealed)))
    later = now() + timedelta(minutes=2)
    monkeypatch.setattr(sealing, "now", lambda: later)
    sealing.do_seals(journal, threading.Event(), is_once=True)
    assert chain() == [(1, segment)]
    assert "without being queued" in caplog.text


def test_duty_seals_within_seconds_until_it_is_ended(journal: Flask) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=sealing.do_seals, args=(journal, stopping))
    thread.start()
    try:
        segment = note()
        deadline = time.monotonic() + 20
        while not chain() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stopping.set()
        thread.join()
    assert chain() == [(1, segment)]


def test_segments_of_an_upgraded_database_are_sealed_like_new_ones(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        upgrade(revision="0004")
        with db.engine.begin() as connection:
            connection = connection.execution_options(**{MIGRATING: True})  # there are no tokens yet
            head = {"id": 1, "at": now(), "action": "opening", "source": "system"}
            connection.execute(insert(ChangeSet), head)
            row = {"change_set_id": 1, "at": now(), "count": 0, "content_hash": content_hash([])}
            connection.execute(insert(Segment), [{**row, "number": number} for number in range(1, 250)])
        upgrade()
        assert counted(Unsealed) == counted(Segment) == 249
        assert seal_all() == 3
        assert [position for position, _segment in chain()] == list(range(1, 250))
        assert list(verify()) == []


# The database itself keeps the chain


@pytest.fixture
def refuse() -> Callable[[str], None]:
    """Give a function that expects the database to refuse a statement, and nothing to be other than before."""
    note("as planned")
    note()
    seal_all()

    def everything() -> list[Any]:
        with db.engine.connect() as connection:
            return list(connection.execute(text("SELECT * FROM seals ORDER BY position")))

    def expect(statement: str) -> None:
        before = everything()
        with pytest.raises(DBAPIError, match=REFUSED), db.engine.begin() as connection:
            connection.execute(text(statement))
        assert everything() == before

    return expect


REFUSED = "The journal is never changed|returns more than 1 row"
SAME = sorted(set(Seal.__table__.columns.keys()) - {"told_salt", "address_salt"})


@pytest.mark.parametrize("name", SAME)
def test_seal_is_never_changed(refuse: Callable[[str], None], name: str) -> None:
    quoted = db.engine.dialect.identifier_preparer.quote(name)
    kind = Seal.__table__.columns[name].type.python_type
    other = {int: f"{quoted} + 1000", str: "'x'"}.get(kind, "'2001-01-01 00:00:00'")
    refuse(f"UPDATE seals SET {quoted} = {other} WHERE position = 2")


def test_seal_is_neither_deleted_nor_replaced(refuse: Callable[[str], None]) -> None:
    refuse("DELETE FROM seals WHERE position = 2")
    refuse("DELETE FROM seals")
    ways = {
        "sqlite": [
            "INSERT OR REPLACE INTO seals SELECT * FROM seals",
            "UPDATE OR IGNORE seals SET position = -position",
        ],
        "mysql": ["REPLACE INTO seals SELECT * FROM seals", "DELETE IGNORE FROM seals"],
        "postgresql": ["TRUNCATE seals CASCADE"],
    }
    for statement in ways[db.engine.dialect.name]:
        refuse(statement)


@pytest.mark.parametrize("salt", ["told_salt", "address_salt"])
def test_salts_can_be_emptied_and_nothing_else(refuse: Callable[[str], None], salt: str) -> None:
    refuse(f"UPDATE seals SET {salt} = 'x' WHERE position = 2")
    with db.engine.begin() as connection:
        connection.execute(text(f"UPDATE seals SET {salt} = NULL WHERE position = 2"))
    refuse(f"UPDATE seals SET {salt} = 'x' WHERE position = 2")
    found = db.session.execute(select(Seal.told_salt, Seal.address_salt).where(Seal.position == 2)).one()
    assert getattr(found, salt) is None
    assert sum(value is None for value in found) == 1
