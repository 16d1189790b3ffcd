"""`flask journal restored` after an older backup was put back; `flask journal verify` before and after it."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import select

from app import actions
from app.access.actor import operator
from app.actions.read_only import SWITCHING
from app.changes.journal import ChangeSet
from app.core.storage import make_store
from app.extensions import db
from tests.actions.archive.archiving import archive, contents, told, use
from tests.actions.archive.conftest import installation, migrated_file
from tests.actions.archive.installing import Installation
from tests.marked import everywhere, hire, make
from tests.sample import act

__all__ = ["installation", "migrated_file"]


def run(*arguments: str) -> Any:
    db.session.rollback()
    return current_app.test_cli_runner().invoke(args=["journal", *arguments])


def test_restored_database_is_reconciled_once(installation: Installation) -> None:
    hire("other")
    marked = make()
    archive()
    assert run("verify").exit_code == 0
    installation.back_up()
    hire("lost")
    act("erase_person", employee_id=marked.id)
    archive()
    lost = told()[-2]
    installation.put_back()

    found = run("verify")
    assert found.exit_code == 1
    assert "flask journal restored" in found.stderr
    done = run("restored")
    assert done.exit_code == 0, done.stderr
    where = f"positions {lost['position']} to {lost['position'] + 1}, the first of {lost['segment']['at'][:10]}"
    assert done.stdout.splitlines()[0] == "People erased again: 1."
    assert f"Lost: 2 parts of change sets, {where}." in done.stdout
    assert everywhere(marked) == []
    archive()
    assert not marked.is_in(b"".join(contents().values()).decode())
    assert run("verify").exit_code == 0

    again = run("restored")
    assert again.exit_code == 0
    assert again.stdout.splitlines() == [
        "People erased again: 0.",
        "Nothing is lost that the journal does not say already.",
    ]
    noted = db.session.scalars(select(ChangeSet).where(ChangeSet.action == "note_restore")).one()
    assert (noted.source, noted.actor_id, noted.arguments["lost"]) == ("cli", None, 2)


def test_read_only_database_tells_what_it_lost_and_who_is_still_to_be_erased(installation: Installation) -> None:
    marked = make()
    switch(is_on=True)
    archive()
    installation.back_up()
    switch(is_on=False)
    act("erase_person", employee_id=marked.id)
    archive()
    installation.put_back()

    refused = run("restored")
    assert refused.exit_code == 1
    assert "Lost: 2 parts of change sets" in refused.stdout
    assert "could not be erased again. Read-only is on. `flask --app run read-only off` ends it." in refused.stderr
    switch(is_on=False)
    assert run("restored").stdout.splitlines()[0] == "People erased again: 1."
    assert everywhere(marked) == []


def switch(*, is_on: bool) -> None:
    actions.run(SWITCHING, actor=operator(), source=actions.Source.CLI, is_on=is_on, why=None)


def test_store_that_is_away_is_a_sentence_and_1(installation: Installation) -> None:
    hire("x")
    archive()
    url = "s3://k:s@bucket?endpoint_url=http://127.0.0.1:9&region=x&connect_timeout=0.2"
    use(make_store(url, installation.file.parent))
    for command in ("restored", "verify"):
        failed = run(command)
        assert failed.exit_code == 1
        assert "s3://bucket (127.0.0.1:9) can’t be reached" in failed.stderr
        assert "Traceback" not in failed.output
