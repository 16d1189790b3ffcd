"""`flask journal undo` takes a change set back; `flask journal verify` proves the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from app.changes.journal import ChangeSet, Segment
from app.changes.tracking import KNOWINGLY
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Assignment
from tests import sample as samples
from tests.actions.undo.undoing import differences, do, told, undo
from tests.applications import application, migrate
from tests.career import one
from tests.sample import Sample


def run(app: Flask, *arguments: str) -> Any:
    """Run a command of the group."""
    return app.test_cli_runner().invoke(args=["journal", *arguments])


def edit(person_id: int, **values: Any) -> int:
    """Change somebody's record; return the change set."""
    return do("change_employee", employee_id=person_id, version=one(person_id).version, values=values)


def test_all_of_a_set_is_undone_and_once_more_does_no_harm(app: Flask, sample: Sample) -> None:
    with app.app_context():
        before = told()
        set_id = do("transfer", employee_ids=[sample.people["Eli"]], department_id=sample.departments["Board"])
    result = run(app, "undo", str(set_id), "--reason", "A slip")
    assert (result.exit_code, result.stdout) == (0, "Records as they were before: 1.\n")
    with app.app_context():
        assert differences(before, told()) == {}
        undone = db.session.query(ChangeSet).filter_by(undoes_id=set_id).one()
        assert (undone.source, undone.reason, undone.actor_id) == ("cli", "A slip", None)
    again = run(app, "undo", str(set_id))
    assert (again.exit_code, again.stdout) == (0, "Records as they were before: 0.\n")


def test_what_is_left_out_is_listed_and_despite_takes_it_along(app: Flask, sample: Sample) -> None:
    eli = sample.people["Eli"]
    with app.app_context():
        set_id = edit(eli, phone="+999 1", location="Rome")
        edit(eli, phone="+999 2")
    result = run(app, "undo", str(set_id))
    assert result.exit_code == 1
    assert result.stderr == "Left as it is: Eli García, Phone: It was changed again since.\n"
    with app.app_context():
        assert (one(eli).phone, one(eli).location) == ("+999 2", None)
    assert run(app, "undo", str(set_id)).exit_code == 1
    assert run(app, "undo", str(set_id), "--despite").exit_code == 0
    with app.app_context():
        assert one(eli).phone == "+999 104"


def test_what_a_rule_forbids_is_listed(app: Flask, sample: Sample) -> None:
    with app.app_context():
        set_id = do("create_department", values={"name": "New"})
        new_id = max(told()["departments"])
        do("transfer", employee_ids=[sample.people["Eli"]], department_id=new_id)
    result = run(app, "undo", str(set_id))
    assert result.exit_code == 1
    assert "Somebody works in New, or did, by now." in result.stderr


def test_no_such_set_and_one_that_cannot_be_undone_have_codes_of_their_own(app: Flask, sample: Sample) -> None:
    missing = run(app, "undo", "99999999")
    assert (missing.exit_code, missing.stderr) == (2, "There is no change set 99999999.\n")
    with app.app_context():
        erasure = do("erase_person", employee_id=sample.people["Flo"])
    refused = run(app, "undo", str(erasure))
    assert refused.exit_code == 1
    assert "An erasure can’t be undone" in refused.stderr


def test_large_set_is_undone_part_by_part_in_one_new_set(
    app: Flask, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.actions.undo.planning.MOST", 2)
    with app.app_context():
        before = told()
        people = [sample.people[name] for name in ("Cy", "Dee", "Eli")]
        board = sample.departments["Board"]
        set_id = do("transfer", employee_ids=people[:1], department_id=board)
        for person_id in people[1:]:
            do("transfer", within=set_id, employee_ids=[person_id], department_id=board)
        do("change_manager", within=set_id, employee_ids=people[2:], manager_id=people[1])
    result = run(app, "undo", str(set_id))
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [f"Part {number} of 4." for number in (1, 2, 3, 4)]
    with app.app_context():
        assert differences(before, told()) == {}
        undone = db.session.query(ChangeSet).filter_by(undoes_id=set_id).one()
        assert db.session.query(Segment).filter_by(change_set_id=undone.id).count() == 4
        redone = undo(undone.id)
        assert differences(before, told()) != {}
        undo(redone)
        assert differences(before, told()) == {}


def test_verify_is_content_with_what_actions_did_and_names_what_others_did(
    fresh_database_url: str, tmp_path: Path
) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app:
        migrate(app)
        with app.app_context():
            people = samples.build().people
            undo(do("transfer", employee_ids=[people["Eli"]], department_id=1))
            do("erase_person", employee_id=people["Flo"])
        result = run(app, "verify")
        assert result.exit_code == 0, result.stderr
        with app.app_context(), db.engine.begin() as connection:
            connection = connection.execution_options(**{KNOWINGLY: True})
            connection.execute(update(Employee).where(Employee.id == people["Bo"]).values(phone="1"))
            connection.execute(delete(Assignment).where(Assignment.employee_id == people["Cy"]))
        result = run(app, "verify")
        assert result.exit_code == 1
        assert f"employees {people['Bo']}: the journal and the table differ in phone." in result.stderr
        assert "only the journal has it" in result.stderr
        assert "2 findings" in result.stderr
