"""`flask journal list`: the latest change sets, one a line; `flask journal verify`: what is wrong with them."""

from __future__ import annotations

import json

import pytest

from app import actions
from app.access.actor import by_user, operator
from app.actions import Source
from app.changes import journal as writing
from app.changes.journal import Origin
from app.changes.transaction import write
from app.extensions import db
from app.people.employee import Employee
from app.reading import journal
from app.reading.journal import Wanted
from tests.applications import application, migrate
from tests.changes.sealed import note, seal_all
from tests.changes.tampering import allow_everything
from tests.sample import act, stored


def run(app, *arguments):
    """Run the command and return its lines."""
    result = app.test_cli_runner().invoke(args=["journal", "list", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def changed(app, sample, actor=None, **values):
    """Change Eli; return the set."""
    version = stored(app, Employee, sample.people["Eli"]).version
    arguments = {"employee_id": sample.people["Eli"], "version": version, "values": values}
    with app.app_context():
        who = by_user(actor) if actor else operator()
        source = Source.PANEL if actor else Source.CLI
        return actions.run("change_employee", actor=who, source=source, reason="New\ndesk", **arguments).change_set_id


def test_json_is_one_object_a_line(app, sample):
    first = changed(app, sample, phone="+1 1")
    second = changed(app, sample, actor=sample.users["hr"], phone="+1 2")
    with app.app_context():
        undo = write(lambda: writing.record(Origin("undo", "system", undoes_id=first), []))
    every = [json.loads(line) for line in run(app, "--limit", "100000", "--json")]
    found = [one for one in every if one["id"] in (undo, second, first)]
    assert [one["id"] for one in found] == [undo, second, first]
    assert [one["actor"] for one in found] == ["system", "Hana 山田", "operator"]
    assert [one["undone"] for one in found] == [False, False, True]
    assert [one["records"] for one in found] == [0, 1, 1]
    del found[1]["at"], found[1]["id"]
    assert found[1] == {
        "actor": "Hana 山田",
        "action": "change_employee",
        "source": "panel",
        "reason": "New\ndesk",
        "records": 1,
        "undone": False,
    }


def test_lines_for_people_hold_one_set_each(app, sample):
    set_id = changed(app, sample, phone="+1 1")
    lines = [line for line in run(app, "--limit", "100000") if line.split()[0] == str(set_id)]
    assert len(lines) == 1
    for words in (str(set_id), "Employee changed (1)", "operator, cli", "New desk"):
        assert words in lines[0]


def test_limit_goes_beyond_what_is_read_at_once(app, sample, monkeypatch):
    monkeypatch.setattr("app.reading.journal.CHUNK", 2)
    for i in range(5):
        changed(app, sample, phone=str(i))
    with app.app_context():
        expected = [entry.id for entry in journal.sets(operator(), Wanted(size=5)).rows]
    assert [json.loads(line)["id"] for line in run(app, "--limit", "5", "--json")] == expected


def test_limit_has_to_be_a_number_above_nought(app):
    for limit in ("0", "-1", "x"):
        assert app.test_cli_runner().invoke(args=["journal", "list", "--limit", limit]).exit_code == 2


@pytest.fixture
def forged(fresh_database_url, tmp_path):
    """Give a function that runs plain SQL on a sealed journal that nothing keeps, and then the command."""
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as own:
        migrate(own)
        with own.app_context():
            act("create_role", values={"title": "Clerk"}, reason="as planned")
            note("as planned")
            seal_all()
            allow_everything()

        def verify(*statements):
            with own.app_context(), db.engine.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
            return own.test_cli_runner().invoke(args=["journal", "verify", "--no-archive"])

        yield verify


@pytest.mark.everywhere
def test_verify_names_what_was_altered_and_ends_with_1(forged):
    clean = forged()
    assert (clean.exit_code, clean.stderr) == (0, "")
    assert "The journal is whole, and gives today's tables." in clean.stdout
    result = forged(
        "UPDATE change_sets SET reason = 'forged' WHERE reason = 'as planned' AND action = 'create_role'",
        "DELETE FROM seals WHERE position = 2",
    )
    assert result.exit_code == 1
    first, second, third, last = result.stderr.splitlines()
    assert first == "Position 2: it has no seal."
    assert second.startswith("Change set 2, position ")
    assert second.endswith(": it tells another reason or other arguments than when it was sealed.")
    assert third.startswith("Segment 2: it has no seal")
    assert last == "3 findings."
    assert "forged" not in result.stderr


def test_verify_names_what_can_not_be_read_and_goes_no_further(forged, database_engine):
    if database_engine == "postgresql":  # which takes no nonsense
        return
    result = forged("UPDATE changes SET after = '{' WHERE entity = 'roles'")
    assert result.exit_code == 1
    assert "it holds something that nobody wrote in after." in result.stderr
    assert "were not compared" in result.stderr
