"""Sending to the archive: nothing is lost, whatever becomes of the store, the sender, or the person meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import event, select

from app.actions.archive import sending
from app.actions.archive.sending import CLAIMED, LEASE, Health, do_archive, send_next
from app.changes.seals import Seal, Unarchived
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs import worker
from app.core.signs import Kind, Sign
from app.core.storage import Storage, StorageAway, StorageRefused, make_store
from app.extensions import db
from tests.actions.archive.archiving import Watched, archive, seal, told, use, waiting
from tests.browsing import Browser
from tests.clock import Clock
from tests.marked import hire
from tests.patience import wait_until
from tests.sample import Sample
from tests.services.proxy import Proxy
from tests.services.server import Server
from tests.threads import at_once

PATIENCE = 20
QUICK = "&connect_timeout=0.3&read_timeout=0.3"


@contextmanager
def sending_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the duty do its work beside the block, in a hurry."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(sending, "FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(sending, "LONGEST_WAIT_SECONDS", 0.2)
    stopping = threading.Event()
    thread = threading.Thread(target=do_archive, args=(app, stopping), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def sign() -> Any:
    db.session.rollback()
    return db.session.execute(
        select(Sign.is_good, Sign.detail).where(Sign.kind == Kind.STORAGE, Sign.name == "archive")
    ).first()


def names() -> list[str]:
    query = select(Seal.key).order_by(Seal.position)
    db.session.rollback()
    return list(db.session.scalars(query))


def test_everything_sealed_arrives_once(watched: Watched) -> None:
    for number in range(CLAIMED + 3):
        hire(f"number{number}")
    seal()
    assert len(waiting()) == CLAIMED + 3
    assert send_next()
    assert len(waiting()) == 3
    assert send_next()
    assert not send_next()
    assert waiting() == {}
    assert [one["key"] for one in told()] == names()
    assert len(watched.put_names) == len(set(watched.put_names)) == CLAIMED + 3


def test_nothing_due_is_one_read_and_no_question_to_the_store(watched: Watched) -> None:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert not send_next()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(found) == 1
    assert watched.asked == []


def test_request_asks_the_store_for_nothing(watched: Watched, sample: Sample) -> None:
    browser = Browser(current_app._get_current_object()).sign_in(sample.users["hr"])  # type: ignore[attr-defined]
    url = f"/admin/employees/edit/?id={sample.people['Dee']}"
    assert browser.submit(url, phone="+999 42").status_code == 303
    assert browser.get("/admin/journal/").status_code == 200
    assert watched.asked == []
    archive()
    assert any("+999 42" in json.dumps(one) for one in told())


def test_who_dies_over_it_loses_nothing(watched: Watched, clock: Clock) -> None:
    hire("x")
    seal()
    assert write(sending._claim).tokens
    assert not send_next()
    clock.move(seconds=LEASE.total_seconds())
    assert send_next()
    assert len(told()) == 1
    assert waiting() == {}


def test_of_several_senders_each_object_is_written_by_one(app: Flask, watched: Watched) -> None:
    for number in range(30):
        hire(f"number{number}")
    seal()

    def some() -> None:
        while send_next():
            pass

    assert [one for one in at_once(app, some, some, some) if one is not None] == []
    assert waiting() == {}
    assert len(watched.put_names) == len(set(watched.put_names)) == len(names()) == 30


def test_claims_at_the_same_moment_have_nothing_in_common(
    app: Flask, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CLAIMED", 10)
    for number in range(20):
        hire(f"number{number}")
    seal()
    claims = at_once(app, *[lambda: write(sending._claim)] * 3)
    taken = [position for claim in claims for position in claim.tokens]
    assert len(taken) == len(set(taken))
    held = waiting()
    assert all(held[position] == claim.token for claim in claims for position in claim.tokens)


@pytest.mark.once
def test_store_that_is_dead_slow_or_refuses_and_comes_back_gets_everything(
    app: Flask, store: Storage, own_s3: Server, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(own_s3.port) as proxy:
        url = own_s3.admin_url("not-yet", proxy.host, proxy.port) + QUICK
        watched = Watched(make_store(url, tmp_path))
        use(watched)
        hire("first")
        seal()
        with sending_on(app, monkeypatch):
            wait_until(lambda: sign() and "no bucket" in sign().detail)
            assert len(waiting()) == 1
            own_s3.create_bucket("not-yet")
            wait_until(lambda: waiting() == {})
            wait_until(lambda: sign().is_good)
            for make_worse in (proxy.refuse, proxy.black_hole):
                make_worse()
                for number in range(3):
                    hire(f"{make_worse.__name__}{number}")
                seal()
                wait_until(lambda: not sign().is_good)
                hire(f"meanwhile{make_worse.__name__}")
                seal()
                assert len(waiting()) == 4
                proxy.restore()
                wait_until(lambda: waiting() == {})
                wait_until(lambda: sign().is_good)
        assert [one["key"] for one in told()] == names()
        assert len(told()) == 9


@pytest.mark.once
def test_store_in_trouble_is_told_of_once_and_asked_ever_more_seldom(
    store: Storage, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def seconds() -> float:
        return clock.moment.timestamp()

    monkeypatch.setattr(sending.time, "monotonic", seconds)
    health, waits = Health(), []
    for _ in range(9):
        began = clock.moment
        health.fails(StorageAway("No disk."))
        while health.is_resting:
            clock.move(seconds=0.5)
        waits.append((clock.moment - began).total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert tuple(sign()) == (False, "No disk.")
    health.works()
    health.works()
    assert tuple(sign()) == (True, None)
    assert [record.getMessage() for record in caplog.records if "archive" in record.getMessage()] == [
        "the archive waits for its store: No disk.",
        "the archive’s store can be used again",
    ]


def test_what_did_not_arrive_is_due_again_at_once(watched: Watched) -> None:
    hire("x")
    hire("y")
    seal()
    calls = iter([None, StorageRefused("No.")])

    def refuse(_name: str) -> None:
        if problem := next(calls, None):
            raise problem

    watched.before_put = refuse
    with pytest.raises(StorageRefused):
        send_next()
    assert list(waiting()) == [2]
    assert db.session.scalars(select(Unarchived.not_before)).one() <= now()
    assert send_next()
    assert waiting() == {}


@pytest.mark.once
def test_worker_that_runs_once_ends_with_what_the_store_says(app: Flask, watched: Watched) -> None:
    hire("x")
    seal()

    def away(_name: str) -> None:
        raise StorageAway("No disk.")

    watched.before_put = away
    with pytest.raises(StorageAway):
        do_archive(app, threading.Event(), is_once=True)
    assert len(waiting()) == 1
    watched.before_put = None
    do_archive(app, threading.Event(), is_once=True)
    assert waiting() == {}


@pytest.mark.once
def test_ending_worker_begins_no_more_objects(watched: Watched) -> None:
    for number in range(3):
        hire(f"number{number}")
    seal()
    stopping = threading.Event()
    watched.before_put = lambda _name: stopping.set()
    send_next(stopping)
    assert len(watched.put_names) == 1
    assert list(waiting()) == [2, 3]
