"""One unit of work: repeated whole where that is safe, never where COMMIT may have worked, gone when it fails."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import actions
from app.access.actor import operator
from app.changes import transaction
from app.changes.transaction import ATTEMPTS
from app.core.database import engine
from app.core.problems import Busy
from app.extensions import db
from app.people.role import Role
from tests.applications import application, migrate
from tests.core.database.conftest import Served, note, scalar
from tests.services.plugin import ProxiedDatabase
from tests.writing import write


def titles() -> list[str]:
    """Return what others see."""
    with db.engine.connect() as connection:
        return list(connection.execute(text("SELECT title FROM roles ORDER BY title")).scalars())


def add(title: str) -> Role:
    role = Role(title=title)
    db.session.add(role)
    return role


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_the_work_returns_comes_back_and_its_rows_are_saved(context: Flask) -> None:
    assert write(lambda: add("Clerk").title) == "Clerk"
    assert titles() == ["Clerk"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit()])
def test_any_exception_takes_back_what_was_flushed(context: Flask, error: BaseException) -> None:
    def work() -> None:
        add("Clerk")
        db.session.flush()
        raise error

    with pytest.raises(type(error)):
        write(work)
    assert titles() == []
    assert write(lambda: scalar("SELECT COUNT(*) FROM roles")) == 0


def test_broken_constraint_is_not_tried_again_and_saves_nothing(context: Flask) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        add("A")
        db.session.flush()
        db.session.execute(text("INSERT INTO roles (title, title_key, version) VALUES ('B', 'a', 1)"))

    with pytest.raises(IntegrityError):
        write(work)
    assert (len(tries), titles()) == (1, [])


def test_preview_gives_the_result_and_saves_nothing(context: Flask) -> None:
    assert write(lambda: add("Clerk").title, keep=False) == "Clerk"
    assert titles() == []


def test_pending_rows_of_the_caller_are_not_saved_along(context: Flask) -> None:
    add("left over")
    write(lambda: add("wanted"))
    assert titles() == ["wanted"]


def test_a_write_inside_a_write_is_refused_and_takes_the_outer_one_back(context: Flask) -> None:
    def work() -> None:
        add("outer")
        db.session.flush()
        write(lambda: add("inner"))

    with pytest.raises(RuntimeError, match="inside a write"):
        write(work)
    assert titles() == []
    write(lambda: add("after"))
    assert titles() == ["after"]


def test_version_that_moved_between_load_and_flush_is_tried_again_on_the_new_one(context: Flask) -> None:
    role_id = write(lambda: _flushed(add("Clerk")).id)
    seen: list[int] = []

    def work() -> None:
        role = db.session.get_one(Role, role_id)
        seen.append(role.version)
        role.title = f"Clerk {role.version}"
        if len(seen) == 1:  # as if the row had moved since it was read
            db.session.connection().execute(text("UPDATE roles SET version = version + 1"))
        db.session.flush()

    write(work)
    assert seen == [1, 1]  # the first attempt, with the other's move, was taken back whole
    assert titles() == ["Clerk 1"]


def test_row_that_somebody_else_moves_each_time_ends_busy(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "FIRST_WAIT_SECONDS", 0.0001)
    role_id = write(lambda: _flushed(add("Clerk")).id)
    tries = []

    def work() -> None:
        tries.append(1)
        role = db.session.get_one(Role, role_id)
        role.title = "Changed"
        db.session.connection().execute(text("UPDATE roles SET version = version + 1"))

    with pytest.raises(Busy) as caught:
        write(work)
    assert "Nothing was saved" in str(caught.value)
    assert (len(tries), titles()) == (ATTEMPTS, ["Clerk"])


def _flushed(role: Role) -> Role:
    db.session.flush()
    return role


def two_rows() -> None:
    for word in ("a", "b"):
        note(word)


def test_deadlock_of_two_sessions_is_resolved_by_trying_again(served: Served) -> None:
    """Each locks one row and then wants the other's: the server ends one, which runs again from its beginning."""
    meeting = threading.Barrier(2, timeout=20)
    tries = {"a": 0, "b": 0}
    errors: list[BaseException] = []

    def change(first: str, second: str) -> None:
        def work() -> None:
            tries[first] += 1
            db.session.execute(text(f"UPDATE notes SET number = number + 1 WHERE word = '{first}'"))
            if tries[first] == 1:
                meeting.wait()
            db.session.execute(text(f"UPDATE notes SET number = number + 1 WHERE word = '{second}'"))

        try:
            with served.app.app_context():
                write(work)
        except BaseException as error:
            errors.append(error)

    with served.app.app_context():
        write(two_rows)
    threads = [in_thread(lambda: change("a", "b")), in_thread(lambda: change("b", "a"))]
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sum(tries.values()) > 2
    assert served.server.execute("SELECT DISTINCT number FROM notes", served.database.name) == [(2,)]


def test_change_based_on_a_row_that_moved_is_tried_again(served: Served) -> None:
    """PostgreSQL refuses it (40001); on MariaDB the second waits for the lock and is refused by the version."""
    migrate(served.app)
    with served.app.app_context():
        role_id = write(lambda: _flushed(add("0")).id)
    errors: list[BaseException] = []

    def count_up() -> None:
        def work() -> None:
            role = db.session.get_one(Role, role_id)
            role.title = str(int(role.title) + 1)

        try:
            with served.app.app_context():
                for _ in range(5):
                    write(work)
        except BaseException as error:
            errors.append(error)

    threads = [in_thread(count_up) for _ in range(3)]
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert served.server.execute("SELECT title, version FROM roles", served.database.name) == [("15", 16)]


def test_lock_that_somebody_holds_for_long_ends_busy(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(lock=1))
    monkeypatch.setattr(transaction, "PATIENCE_SECONDS", 0)
    served = serve(proxied_database)
    tries: list[int] = []

    def want_the_row() -> None:
        tries.append(1)
        db.session.execute(text("UPDATE notes SET word = 'd' WHERE word = 'a'"))

    with served.app.app_context():
        write(two_rows)
        with db.engine.connect() as holder:
            holder.execute(text("UPDATE notes SET word = 'c' WHERE word = 'a'"))
            answer = served.visit(lambda: write(want_the_row))
            holder.rollback()
    assert len(tries) == 1, "nobody waits for a lock again once their patience is over"
    assert answer.status_code == 503
    assert "The database is busy just now" in answer.text
    assert served.rows() == [("a",), ("b",)]


def test_pool_without_a_free_connection_is_busy(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}.items():
        monkeypatch.setitem(engine.POOL, name, value)
    monkeypatch.setattr(transaction, "PATIENCE_SECONDS", 0)
    served = serve(proxied_database)
    with served.app.app_context(), db.engine.connect(), pytest.raises(Busy):
        write(two_rows)


# SQLite has one writer, and its file may be another process's.


@pytest.fixture
def staff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Flask, sqlite3.Connection]]:
    """Give an application on SQLite, inside its context, and another connection to its file."""
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(lock=1))
    with application(f"sqlite:///{tmp_path}/staff.sqlite3") as app:
        migrate(app)
        other = sqlite3.connect(tmp_path / "staff.sqlite3", isolation_level=None, check_same_thread=False)
        with app.app_context():
            yield app, other
        other.close()


def test_sqlite_writer_waits_for_the_other_and_then_goes_on(staff: tuple[Flask, sqlite3.Connection]) -> None:
    _, other = staff
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.5, other.execute, ["COMMIT"])
    timer.start()
    scalar("SELECT COUNT(*) FROM roles")
    write(lambda: add("waited"))
    timer.join()
    assert titles() == ["waited"]


def test_sqlite_that_stays_locked_ends_busy_with_a_sentence(
    staff: tuple[Flask, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PATIENCE_SECONDS", 0)
    _, other = staff
    other.execute("BEGIN IMMEDIATE")
    tries: list[int] = []
    with pytest.raises(Busy, match="Nothing was saved"):
        write(lambda: tries.append(1))
    assert tries == []
    other.execute("ROLLBACK")
    write(lambda: add("later"))
    assert titles() == ["later"]


def test_sqlite_reader_turned_writer_does_not_fail_on_what_others_committed_between(
    staff: tuple[Flask, sqlite3.Connection],
) -> None:
    _, other = staff
    tries: list[int] = []
    outside: list[str] = []

    def write_elsewhere() -> None:
        try:
            other.execute("PRAGMA busy_timeout = 0")
            other.execute("INSERT INTO roles (title, title_key, version) VALUES ('other', 'other', 1)")
            outside.append("written")
        except sqlite3.OperationalError as error:
            outside.append(str(error))

    def work() -> None:
        tries.append(1)
        scalar("SELECT COUNT(*) FROM roles")
        write_elsewhere()
        add("ours")

    write(work)
    assert (len(tries), outside, titles()) == (1, ["database is locked"], ["ours"])


def test_action_sees_the_state_of_its_own_beginning_and_the_caller_the_new_one(context: Flask) -> None:
    run = {"actor": operator(), "source": actions.Source.CLI}
    outcome = actions.run("create_role", **run, values={"title": "Clerk"})
    assert db.session.scalars(select(Role.title)).all() == ["Clerk"]
    previewed = actions.run("create_role", **run, preview=True, values={"title": "Cook"})
    assert [change.after["title"] for change in previewed.changes] == ["Cook"]
    assert db.session.scalars(select(Role.title)).all() == ["Clerk"]
    assert outcome.value == db.session.scalars(select(Role.id)).one()
