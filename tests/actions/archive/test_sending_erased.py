"""Erasures and the archive: what one emptied leaves every object, whoever is sending at that moment."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from flask import Flask

from app.actions.archive import sending
from app.actions.archive.sending import AGAIN_AFTER, LEASE, send_next
from app.changes.archived import AGAIN
from app.changes.transaction import write
from app.core.storage import StorageAway
from tests.actions.archive.archiving import Watched, archive, contents, seal, told, waiting
from tests.clock import Clock
from tests.marked import change, hire, make
from tests.sample import Sample, act
from tests.threads import at_once


def test_erasure_empties_every_object_of_the_person(watched: Watched, sample: Sample) -> None:
    marked = make(department_id=sample.departments["Platform"])
    other = hire("other", notes="kept")
    act("assign_role", employee_ids=[marked.id, other], role_id=sample.roles["Clerk"], reason="everybody")
    change(sample.people["Dee"], phone="1")
    act(
        "change_role",
        role_id=sample.roles["Clerk"],
        version=1,
        values={"family": "F"},
        reason=f"for {marked.mark}@work.example",
    )
    archive()
    assert marked.mark.encode() in b"".join(contents().values())
    act("erase_person", employee_id=marked.id)
    archive()
    kept = b"".join(contents().values()).decode()
    assert not marked.is_in(kept)
    assert f"{other}" in kept
    assert "fiother" in kept
    emptied = [row for one in told() for row in one["changes"] if row["person_id"] == marked.id and not row["before"]]
    assert any(row["before"] is None and row["after"] is None for row in emptied)


def test_what_an_erasure_emptied_is_written_once_more_later(watched: Watched, clock: Clock) -> None:
    person = hire("planted")
    archive()
    old = contents()
    act("erase_person", employee_id=person)
    archive()
    new = contents()
    assert set(waiting()) == {1}
    assert all(token.startswith(AGAIN) for token in waiting().values())
    for name, content in old.items():  # a sender that was killed after it had written what it held
        watched.store.put(name, io.BytesIO(content))
    assert not send_next()
    clock.move(seconds=AGAIN_AFTER.total_seconds())
    assert send_next()
    assert contents() == new
    assert waiting() == {}


def test_person_erased_while_an_object_is_on_its_way(app: Flask, watched: Watched) -> None:
    person = hire("planted")
    seal()

    def erase_now(name: str) -> None:
        watched.before_put = None
        assert at_once(app, lambda: act("erase_person", employee_id=person)) == [True]

    watched.before_put = erase_now
    assert send_next()
    assert b"planted" in b"".join(contents().values())
    assert list(waiting()) == [1]
    archive()
    assert b"planted" not in b"".join(contents().values())


def test_sender_that_stood_still_marks_what_another_has_rewritten_meanwhile(app: Flask, watched: Watched) -> None:
    person = hire("planted")
    seal()

    def others() -> None:
        act("erase_person", employee_id=person)
        archive()
        assert b"planted" not in b"".join(contents().values())

    def stand_still(name: str) -> None:
        watched.before_put = None
        assert at_once(app, others) == [None]

    watched.before_put = stand_still
    assert send_next()
    assert b"planted" in b"".join(contents().values())
    assert not waiting()[1].startswith(AGAIN)
    archive()
    assert b"planted" not in b"".join(contents().values())


def test_sender_that_stood_still_marks_what_is_no_longer_waiting(app: Flask, watched: Watched, clock: Clock) -> None:
    hire("x")
    seal()

    def stand_still(name: str) -> None:
        watched.before_put = None
        clock.move(seconds=LEASE.total_seconds() + 1)
        assert at_once(app, archive) == [None]

    watched.before_put = stand_still
    assert send_next()
    assert len(watched.put_names) == 2
    assert list(waiting()) == [1]
    archive()
    assert waiting() == {}


def test_row_given_back_has_another_token_than_before(watched: Watched, clock: Clock) -> None:
    hire("x")
    seal()
    frozen = write(sending._claim)
    clock.move(seconds=LEASE.total_seconds())

    def away(_name: str) -> None:
        raise StorageAway()

    watched.before_put = away
    with pytest.raises(StorageAway):
        send_next()
    assert waiting()[1] != frozen.token
    assert timedelta(0) < LEASE < AGAIN_AFTER


def test_entry_of_an_erasure_follows_its_object(watched: Watched) -> None:
    person = hire("planted")
    archive()
    hired = told()[0]
    act("erase_person", employee_id=person)
    archive()
    erasing = told()[-1]
    ((name, content),) = contents("erasures/").items()
    assert name == f"erasures/{erasing['key']}.json"
    assert json.loads(content) == {
        "format": 1,
        "journal": hired["hash"],
        "person_id": person,
        "created": {
            "position": 1,
            "hash": hired["hash"],
            "digest": next(row["digest"] for row in hired["changes"] if row["entity"] == "employees"),
        },
        "erased": {"position": erasing["position"], "hash": erasing["hash"], "at": erasing["segment"]["at"]},
    }
    dated = next(one for one in watched.put_names if erasing["key"] in one and not one.startswith("erasures"))
    assert watched.put_names.index(dated) < watched.put_names.index(name)
