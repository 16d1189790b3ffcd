"""A database that is put back to an older state erases again whom it had erased since, and nobody else ever."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import select

from app.actions.archive.replaying import replay
from app.actions.archive.sending import do_archive
from app.changes.journal import ChangeSet
from app.core.storage import StorageAway, make_store, storage
from app.extensions import db
from app.people.employee import Employee
from tests.actions.archive.archiving import Watched, archive, contents, use
from tests.actions.archive.installing import Installation
from tests.applications import application
from tests.marked import everywhere, hire, make
from tests.sample import act
from tests.threads import at_once

pytestmark = pytest.mark.once


def name_of(person_id: int) -> str:
    db.session.rollback()
    name = db.session.get_one(Employee, person_id).name
    db.session.rollback()  # else the log of the database could not be emptied
    return name


def erase(person_id: int) -> None:
    act("erase_person", employee_id=person_id)
    archive()


def test_erased_again_after_an_older_backup(installation: Installation) -> None:
    hire("other")
    marked = make()
    archive()
    installation.back_up()
    erase(marked.id)
    installation.put_back()
    assert everywhere(marked) != []
    assert replay() == [marked.id]
    assert everywhere(marked) == []
    assert name_of(1) == "fiother laother"
    done = db.session.scalars(select(ChangeSet).where(ChangeSet.action == "erase_person")).one()
    assert (done.source, done.actor_id) == ("system", None)
    assert done.reason == "Erased again: this database is older than the erasure."
    archive()
    assert not marked.is_in(b"".join(contents().values()).decode())
    assert replay() == []


def test_more_than_a_few_are_erased_again_only_on_somebodys_word(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    people = [hire("one"), hire("two")]
    archive()
    installation.back_up()
    for person in people:
        erase(person)
    installation.put_back()
    assert replay(most=1) == []
    assert "flask journal restored" in caplog.text
    assert [name_of(person) for person in people] == ["fione laone", "fitwo latwo"]
    assert sorted(replay(most=2)) == people


def test_nothing_to_do_where_nothing_was_put_back(installation: Installation) -> None:
    erase(hire("x"))
    watched = Watched(storage())
    use(watched)  # type: ignore[arg-type]
    assert replay() == []
    assert watched.asked == ["names erasures/"]


def test_backup_of_the_moment_before_the_seal(installation: Installation) -> None:
    """The person's change gets another seal in the restored database than it had, but it is the same change."""
    hire("other")
    archive()
    person = hire("planted")
    installation.back_up()
    archive()
    erase(person)
    installation.put_back()
    hire("new")
    archive()
    assert replay() == [person]


def test_id_given_to_somebody_else_after_the_restore(installation: Installation) -> None:
    hire("other")
    archive()
    installation.back_up()
    person = hire("planted")
    erase(person)
    installation.put_back()
    assert replay() == []
    assert hire("new") == person
    archive()
    assert replay() == []
    assert name_of(person) == "finew lanew"


def test_another_database_with_the_same_store(installation: Installation, tmp_path: Path, migrated_file: Path) -> None:
    erase(hire("planted"))
    url = storage().where
    shutil.copy(migrated_file, tmp_path / "other.sqlite3")
    settings = {"INSTANCE_PATH": str(tmp_path / "other")}
    with application(f"sqlite:///{tmp_path / 'other.sqlite3'}", **settings) as other, other.app_context():
        use(make_store(Path(url).as_uri(), tmp_path))
        assert hire("stranger") == 1
        archive()
        assert replay() == []
        assert name_of(1) == "fistranger lastranger"


def test_several_workers_at_once_erase_once(installation: Installation) -> None:
    person = hire("planted")
    archive()
    installation.back_up()
    erase(person)
    installation.put_back()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    done = at_once(app, replay, replay)
    assert sorted(done) == [[], [person]]
    found = db.session.scalars(select(ChangeSet.id).where(ChangeSet.action == "erase_person")).all()
    assert len(found) == 1


def test_last_administrator_is_left_for_the_next_time(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    person = hire("planted")
    act("create_user", values={"email": "a@sample.example", "access_role_id": administrator(), "employee_id": person})
    archive()
    installation.back_up()
    second = {"email": "b@sample.example", "access_role_id": administrator()}
    act("create_user", values=second)
    erase(person)
    installation.put_back()
    settled: set[str] = set()
    assert replay(settled) == []
    assert "last administrator" in caplog.text
    act("create_user", values=second)
    assert replay(settled) == [person]


def administrator() -> int:
    from app.accounts.models import AccessRole

    return db.session.scalars(select(AccessRole.id).where(AccessRole.name == "administrator")).one()


GOOD = {"person_id": 1, "created": {"digest": "0" * 64}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 5000,
        b"[]",
        b"null",
        json.dumps(GOOD | {"created": None}).encode(),
        json.dumps(GOOD | {"person_id": "1"}).encode(),
        json.dumps(GOOD | {"person_id": 2**70}).encode(),
        json.dumps(GOOD | {"created": {"digest": None}}).encode(),
        json.dumps(GOOD).encode() + b" " * 20_000 + b"x",
    ],
)
def test_what_is_no_entry_is_passed_over(store: Any, content: bytes) -> None:
    person = hire("x")
    archive()
    storage().put("erasures/AAAAAAAAAAAAAAAAAAAA.json", io.BytesIO(content))
    storage().put("erasures/notes.txt", io.BytesIO(b"a stranger's"))
    assert replay() == []
    assert name_of(person) == "fix lax"


def test_deleted_person_is_erased_once_they_come_back(installation: Installation) -> None:
    person = hire("planted")
    archive()
    version = db.session.get_one(Employee, person).version
    deleting = act_set("delete_employee", employee_id=person, version=version)
    archive()
    installation.back_up()
    act("undo", change_set_id=deleting)
    erase(person)
    installation.put_back()
    settled: set[str] = set()
    assert replay(settled) == []
    act("undo", change_set_id=deleting)
    assert replay(settled) == [person]


def act_set(name: str, **arguments: Any) -> int:
    act(name, **arguments)
    return db.session.scalars(select(ChangeSet.id).order_by(ChangeSet.id.desc()).limit(1)).one()


def test_duty_replays_at_its_start_and_again_until_the_store_is_back(installation: Installation) -> None:
    person = hire("planted")
    archive()
    installation.back_up()
    erase(person)
    installation.put_back()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    good = storage()
    use(Away())  # type: ignore[arg-type]
    with pytest.raises(StorageAway):
        do_archive(app, threading.Event(), is_once=True)
    assert name_of(person) == "fiplanted laplanted"
    use(good)
    do_archive(app, threading.Event(), is_once=True)
    assert name_of(person) == "Erased person"


class Away:
    """A store that nobody reaches."""

    where = "nowhere"

    def names(self, prefix: str = "") -> Iterator[str]:
        """Fail."""
        raise StorageAway("No disk.")

    check: Callable[..., Any] = names
