"""Erasing a person at the command line: it asks nothing, and its exit code says how it went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from app.changes.emptying import erasure_of
from app.commands.people import people
from app.core.clock import now
from app.core.database import migration
from app.extensions import db
from app.people.employee import Employee
from tests.applications import application, migrate
from tests.files import bytes_of
from tests.marked import everywhere, hire, in_files, make, waiting_job
from tests.sample import account, act


def invoke(app: Flask, *arguments: str) -> Result:
    runner = app.test_cli_runner()
    assert isinstance(runner, CliRunner)
    return runner.invoke(people, ["erase", *arguments])


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[Flask]:
    """Give an application inside its context, with a SQLite database of its own."""
    with application(f"sqlite:///{tmp_path}/staff.sqlite3", INSTANCE_PATH=str(tmp_path)) as app:
        migrate(app)
        with app.app_context():
            yield app


def test_person_is_erased_without_a_question(context: Flask) -> None:
    marked = make()
    done = invoke(context, marked.number.upper())
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"Erased. What is left has the number erased-{marked.id}.\n"
    assert everywhere(marked) == []
    erased = erasure_of(marked.id)
    assert erased
    assert erased.actor_id is None


def test_second_time_says_so(context: Flask) -> None:
    person = hire("x")
    assert invoke(context, "Nx").exit_code == 0
    again = invoke(context, f"erased-{person}")
    assert (again.exit_code, again.stdout) == (0, "This person was erased already.\n")
    gone = invoke(context, "Nx")
    assert (gone.exit_code, gone.stdout) == (2, "")
    assert gone.stderr == "There is no employee with the number Nx.\n"


def test_dry_run_says_what_holds_the_person_and_changes_nothing(context: Flask) -> None:
    report = hire("report")
    marked = make()
    act("change_manager", employee_ids=[report], manager_id=marked.id)
    before = everywhere(marked)
    done = invoke(context, marked.number, "--dry-run")
    assert done.exit_code == 0, done.output
    for words in (
        "1 person reports to them, and is left without a manager.",
        "2 entries of pay",
        "1 session, with address and browser",
        "1 API token",
        "1 sign-in link",
        "What 1 background job says of them",
        "The address from which they did 1 change set",
        "1 stretch of the job history",
        "Backups, exported files, e-mails and logs",
        "This was a dry run: nothing was erased.",
    ):
        assert words in done.stdout, words
    assert everywhere(marked) == before


def test_refusal_ends_with_1_also_when_it_is_only_tried(context: Flask) -> None:
    person = hire("x")
    job = waiting_job(person)
    for arguments in (("Nx",), ("Nx", "--dry-run")):
        done = invoke(context, *arguments)
        assert done.exit_code == 1
        assert (
            f"Background work about this person is not finished: wait for it, or cancel it (job {job})." in done.stderr
        )
    db.session.rollback()
    assert db.session.get_one(Employee, person).number == "Nx"


def test_last_administrator_is_refused(context: Flask) -> None:
    account("administrator", "only@work.example", hire("x"))
    done = invoke(context, "Nx")
    assert done.exit_code == 1
    assert "only@work.example is the last administrator." in done.stderr


def test_copies_of_the_database_are_named_and_deleted_when_asked_to(own_app: Flask, tmp_path: Path) -> None:
    marked = make()
    db.session.rollback()
    copy = migration._copy_of_sqlite(now())
    notes = tmp_path / "staff-before-the-merger.sqlite3"
    notes.write_text("not ours")
    assert copy.name in invoke(own_app, marked.number, "--dry-run").stdout
    done = invoke(own_app, marked.number)
    assert done.exit_code == 0, done.output
    assert f"This copy still holds them, delete it (--delete-copies does): {copy}" in done.stdout
    assert marked.mark.encode() in bytes_of(copy)
    assert in_files(marked) == []
    again = invoke(own_app, f"erased-{marked.id}", "--delete-copies")
    assert (again.exit_code, again.stdout) == (0, "This person was erased already.\n")
    assert not copy.exists()
    assert notes.exists()
