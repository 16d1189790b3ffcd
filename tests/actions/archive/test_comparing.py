"""Comparing the archive with the database: whatever somebody did to either shows, and says where."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.access.actor import by_user
from app.actions.archive import comparing
from app.actions.archive.comparing import compare
from app.actions.archive.restoring import NOTE, note_what_was_lost
from app.actions.registry import ACTIONS, Source, run
from app.changes.journal import ChangeSet, told_arguments
from app.core.problems import Forbidden
from app.core.storage import Storage, make_store, storage
from app.extensions import db
from tests.actions.archive.archiving import archive, contents, seal, told, use
from tests.actions.archive.installing import Installation
from tests.marked import change, hire
from tests.sample import Sample, act
from tests.threads import at_once

OPENING = 3
"""So many segments of a fresh installation tell of what was there before its journal."""


def findings() -> list[str]:
    db.session.rollback()
    return [finding.sentence for finding in compare()]


def put(name: str, content: bytes) -> None:
    storage().put(name, io.BytesIO(content))


def names() -> list[str]:
    """Return the names of the objects by position."""
    return [f"{one['segment']['at'][:10].replace('-', '')}/{one['key']}.json" for one in told()]


@pytest.fixture(params=["folder", "s3"])
def filled(request: pytest.FixtureRequest, store: Storage, tmp_path: Path) -> list[str]:
    """Give the names of four objects in a store of each kind."""
    if request.param == "s3":
        use(make_store(request.getfixturevalue("s3_url"), tmp_path))
    for number in range(4):
        hire(f"number{number}")
    archive()
    return names()


def test_what_was_archived_fits(filled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings() == []
    monkeypatch.setattr(comparing, "WINDOW", 3)
    assert findings() == []


def test_what_waits_is_left_out(store: Storage) -> None:
    hire("x")
    assert findings() == []
    seal()
    assert findings() == []


@pytest.mark.once
def test_what_is_missing_altered_or_mixed_up_is_named(filled: list[str]) -> None:
    first, second, third, fourth = (contents()[name] for name in filled)
    storage().delete(filled[0])
    put(filled[1], second.replace(b"number1", b"number7"))
    put(filled[2], fourth)
    found = list(compare())
    assert [(one.position, one.name) for one in found] == [(1, filled[0]), (2, filled[1]), (3, filled[2])]
    assert [one.sentence for one in found] == [
        f"The archive lacks {filled[0]} of position 1.",
        f"{filled[1]} of position 2 is not what the database gives.",
        f"{filled[2]} of position 3 is not what the database gives.",
    ]
    for name, content in zip(filled, (first, second, third, fourth), strict=True):
        put(name, content)
    assert findings() == []


@pytest.mark.once
@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"null", b"[" * 5000])
def test_what_is_no_object_at_all_is_named_and_no_crash(store: Storage, content: bytes) -> None:
    hire("x")
    archive()
    put(names()[0], content)
    put("20260101/AAAAAAAAAAAAAAAAAAAA.json", content)
    found = findings()
    assert len(found) == 2
    assert "of position 1 is not what the database gives" in found[0]
    assert found[1] == "20260101/AAAAAAAAAAAAAAAAAAAA.json can’t be read as an object of the archive."


def test_what_an_erasure_emptied_and_the_archive_still_holds_is_named(store: Storage) -> None:
    person, other = hire("planted"), hire("other")
    change(other, phone="1")
    act(
        "change_role",
        role_id=act("create_role", values={"title": "T"}),
        version=1,
        values={"family": "F"},
        reason="for planted@work.example",
    )
    archive()
    old = contents()
    by_position = names()
    act("erase_person", employee_id=person)
    archive()
    assert findings() == []
    for name, content in old.items():
        put(name, content)
    assert findings() == [
        f"{by_position[place]} of position {place + 1} still holds what an erasure emptied in the database."
        for place in (0, 4)
    ]


@pytest.mark.once
def test_entry_of_an_erasure_that_is_gone_is_named(store: Storage) -> None:
    act("erase_person", employee_id=hire("planted"))
    archive()
    (name,) = contents("erasures/")
    storage().delete(name)
    assert findings() == [f"The archive lacks {name} of position 2."]


@pytest.mark.once
@pytest.mark.parametrize("is_second_sent", [True, False])
def test_what_changes_while_it_is_looked_at_is_no_finding(
    app: Flask, store: Storage, monkeypatch: pytest.MonkeyPatch, is_second_sent: bool
) -> None:
    people = [hire("planted"), hire("other")]
    role = act("create_role", values={"title": "T"})
    act("assign_role", employee_ids=people, role_id=role)
    archive()
    asked: list[str] = []
    real = comparing._read

    def read(kept: Storage, name: str) -> bytes | None:
        asked.append(name)
        if len(asked) == 1:
            assert at_once(app, erase_now) == [None]
        return real(kept, name)

    def erase_now() -> None:
        act("erase_person", employee_id=people[0])
        archive()
        act("erase_person", employee_id=people[1])
        if is_second_sent:
            archive()

    monkeypatch.setattr(comparing, "_read", read)
    monkeypatch.setattr(comparing, "THREADS", 1)
    assert findings() == []
    assert asked


@pytest.mark.once
def test_store_that_cannot_be_reached_is_one_finding(store: Storage, tmp_path: Path) -> None:
    hire("x")
    archive()
    use(make_store("s3://k:s@bucket?endpoint_url=http://127.0.0.1:9&region=x&connect_timeout=0.2", tmp_path))
    (found,) = findings()
    assert found.startswith("The archive could not be compared: s3://bucket (127.0.0.1:9) can’t be reached")


@pytest.mark.once
def test_files_of_strangers_are_none_of_its_business(store: Storage) -> None:
    hire("x")
    archive()
    for name in ("photos/1.jpg", "20260101/short.json", "2026/AAAAAAAAAAAAAAAAAAAA.json", "README.txt"):
        put(name, b"stranger")
    assert findings() == []


@pytest.mark.once
def test_store_shared_with_another_installation_is_one_finding(store: Storage) -> None:
    hire("x")
    archive()
    for key in "AB":
        other = {**told()[0], "journal": "0" * 64, "key": key * 20}
        put(f"20260101/{key * 20}.json", json.dumps(other).encode())
    assert findings() == ["2 objects are of another journal: another installation uses the same store."]


@pytest.mark.once
def test_copy_of_an_object_under_another_day_is_found(store: Storage) -> None:
    hire("x")
    archive()
    ((name, content),) = contents().items()
    put(f"20010101/{name.partition('/')[2]}", content)
    (found,) = findings()
    assert "The archive holds 1 objects that the database has no seal for, positions 1 to 1" in found


def remove_seals(after: int) -> None:
    """Take the newest seals out of the database, as somebody with all its rights can."""
    db.session.rollback()
    with db.engine.begin() as connection:
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(f"DELETE FROM unarchived WHERE position > {after}"))
        connection.execute(text(f"DELETE FROM seals WHERE position > {after}"))


@pytest.mark.once
def test_newest_seals_removed_are_given_away(installation: Installation) -> None:
    for number in range(4):
        hire(f"number{number}")
    archive()
    first = OPENING + 3
    name = names()[first - 1]
    remove_seals(after=first - 1)
    (found,) = compare()
    assert (found.position, found.name) == (first, name)
    where = f"positions {first} to {first + 1}, the first of 20"
    assert f"holds 2 objects that the database has no seal for, {where}" in found.sentence


# A database put back to an older state


def restored(installation: Installation, lost: Callable[[], Any]) -> None:
    hire("kept")
    archive()
    installation.back_up()
    lost()
    archive()
    installation.put_back()


@pytest.mark.once
def test_what_a_restore_lost_is_a_finding_until_it_is_acknowledged(installation: Installation) -> None:
    restored(installation, lambda: (hire("lost1"), hire("lost2")))
    first = OPENING + 2
    day = told()[first - 1]["segment"]["at"]
    (found,) = findings()
    assert "2 objects" in found
    assert f"positions {first} to {first + 1}" in found
    done = note_what_was_lost()
    assert (done.lost, done.first, done.last, done.at) == (2, first, first + 1, day)
    (found,) = findings()  # only what is sealed counts
    assert "2 objects" in found
    archive()
    assert findings() == []
    assert note_what_was_lost().lost == 0
    hire("new")
    archive()
    assert findings() == []


@pytest.mark.once
def test_what_is_acknowledged_can_be_removed_but_not_altered(installation: Installation) -> None:
    restored(installation, lambda: (hire("lost1"), hire("lost2")))
    lost = names()[OPENING + 1 :]
    note_what_was_lost()
    archive()
    put(lost[0], contents()[lost[0]].replace(b"lost1", b"other"))
    assert findings() == [f"{lost[0]} was altered since it was acknowledged as lost."]
    storage().delete(lost[0])
    assert findings() == []


@pytest.mark.once
def test_manifest_that_was_altered_acknowledges_nothing(installation: Installation) -> None:
    restored(installation, lambda: hire("lost"))
    note_what_was_lost()
    archive()
    ((name, content),) = contents("restores/").items()
    put(name, content + b" ")
    missing, lost = findings()
    assert missing == f"{name}, which the journal acknowledges, is missing or was altered."
    assert "1 objects" in lost


@pytest.mark.once
def test_manifest_nobody_acknowledged_counts_for_nothing(installation: Installation) -> None:
    restored(installation, lambda: hire("lost"))
    done = note_what_was_lost()
    assert done.lost == 1
    installation.put_back()
    assert contents("restores/")
    archive()
    (found,) = findings()
    assert "1 objects" in found


@pytest.mark.once
def test_second_restore_adds_to_the_first(installation: Installation) -> None:
    restored(installation, lambda: hire("lost1"))
    note_what_was_lost()
    archive()
    installation.back_up()
    hire("lost2")
    archive()
    installation.put_back()
    assert note_what_was_lost().lost == 1
    archive()
    assert findings() == []
    assert len(contents("restores/")) == 2


@pytest.mark.once
def test_nothing_is_lost_where_there_is_no_seal_yet(installation: Installation) -> None:
    put("20260101/AAAAAAAAAAAAAAAAAAAA.json", b"unreadable")
    assert note_what_was_lost().lost == 0


@pytest.mark.once
def test_only_the_operator_notes_a_restore(sample: Sample, store: Storage) -> None:
    actor = by_user(sample.users["administrator"])
    assert actor
    words = {"manifest": [2**32 - 1] * 8, "lost": 1, "first": 1, "last": 1}
    with pytest.raises(Forbidden):
        run(NOTE, actor=actor, source=Source.PANEL, **words)
    assert told_arguments(words) == words
    assert ACTIONS[NOTE].is_always_told
    assert db.session.scalar(select(func.count(ChangeSet.id)).where(ChangeSet.action == NOTE)) == 0
