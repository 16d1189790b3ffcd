"""Change sets as a whole: which can be undone, by whom, and how an undo is a change set itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from app import actions
from app.access.actor import operator
from app.actions import work
from app.actions.undo import AlreadyUndone, State, inverses, plan
from app.changes import journal
from app.changes.journal import ChangeRow, ChangeSet, Origin, Segment
from app.changes.tracking import TRACKED, Change, Operation
from app.changes.transaction import write
from app.core.jobs.job import Job
from app.core.jobs.job import State as JobState
from app.core.problems import Forbidden, NotFound
from app.extensions import db
from tests.actions.undo.undoing import differences, do, left_out, refusal, told, undo, user
from tests.career import one
from tests.sample import Sample, act

pytestmark = pytest.mark.usefixtures("context")


def transfer(sample: Sample, *names: str) -> int:
    """Transfer people; return the change set."""
    ids = [sample.people[name] for name in names]
    return do("transfer", employee_ids=ids, department_id=sample.departments["Board"])


def changes(change_set_id: int) -> set[tuple[str, int, str]]:
    """Return what stands in a change set: table, row and operation."""
    rows = db.session.query(ChangeRow).join(Segment, Segment.id == ChangeRow.segment_id)
    return {(row.entity, row.row_id, row.operation) for row in rows.filter(Segment.change_set_id == change_set_id)}


def test_undo_is_a_change_set_that_names_the_one_it_undoes(sample: Sample) -> None:
    moved = transfer(sample, "Eli")
    undone = undo(moved, user(sample.users["hr"]), reason="A slip")
    found = db.session.get_one(ChangeSet, undone)
    assert (found.action, found.undoes_id, found.reason, found.actor_id) == (
        "undo",
        moved,
        "A slip",
        sample.users["hr"],
    )
    assert found.arguments == {"change_set_id": moved}
    with pytest.raises(AlreadyUndone):
        undo(moved)


def test_what_was_tried_and_left_out_is_not_told(sample: Sample) -> None:
    moved = transfer(sample, "Eli", "Cy")
    act("close_department", department_id=sample.departments["Platform"], target_id=sample.departments["Board"])
    assert left_out(moved) == {
        f"employees:{sample.people['Eli']}:job": "Platform is closed. Choose another department."
    }
    last = max(row.id for row in db.session.query(ChangeSet))
    assert {(table, row) for table, row, _ in changes(last) if table == "employees"} == {
        ("employees", sample.people["Cy"])
    }


def test_nothing_is_undone_where_one_of_the_chosen_is_refused(sample: Sample) -> None:
    moved = transfer(sample, "Eli", "Cy")
    act("close_department", department_id=sample.departments["Platform"], target_id=sample.departments["Board"])
    before = told()
    assert refusal(moved) == "Eli García: Platform is closed. Choose another department."
    assert differences(before, told()) == {}


def test_set_that_is_still_being_done_waits(sample: Sample) -> None:
    moved = transfer(sample, "Eli")
    job_id = work.start("transfer", actor=operator(), source=actions.Source.CLI, employee_ids=[], department_id=1)

    def state(value: JobState) -> None:
        job = db.session.get_one(Job, job_id)
        job.change_set_id, job.state = moved, value

    write(lambda: state(JobState.WAITING))
    assert "still being done" in refusal(moved)
    write(lambda: state(JobState.FAILED))
    undo(moved)


def test_opening_of_the_journal_and_erasures_stay(sample: Sample) -> None:
    opening = write(lambda: journal.record(Origin("opening", "system"), []))
    assert "when the journal began" in refusal(opening)
    assert "An erasure can’t be undone" in refusal(do("erase_person", employee_id=sample.people["Flo"]))
    with pytest.raises(NotFound):
        undo(99_999_999)


def test_what_an_erasure_emptied_is_refused_and_the_rest_undone(sample: Sample) -> None:
    moved = transfer(sample, "Eli", "Dee")
    act("erase_person", employee_id=sample.people["Dee"])
    assert left_out(moved) == {f"employees:{sample.people['Dee']}": "It was erased and can’t be brought back."}
    assert one(sample.people["Eli"]).department_id == sample.departments["Platform"]


def test_every_tracked_table_has_an_inverse() -> None:
    missing = TRACKED.keys() - inverses.INVERSES.keys()
    assert not missing, f"say in app/actions/undo how changes of these are undone: {sorted(missing)}"


def test_rows_of_a_table_without_an_inverse_are_refused(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(inverses.INVERSES, "roles")
    made = do("create_role", values={"title": "New"})
    assert refusal(made) == "Changes of this kind can’t be undone."


def test_row_made_and_changed_by_one_set_in_several_parts_goes_once(sample: Sample) -> None:
    before = told()
    made = do("create_role", values={"title": "New"})
    role_id = max(told()["roles"])
    do("change_role", within=made, role_id=role_id, version=1, values={"title": "Newer"})
    do("delete_role", within=made, role_id=sample.roles["Clerk"], target_id=sample.roles["Director"])
    after = told()
    undone = undo(made)
    assert differences(before, told()) == {}
    assert ("roles", role_id, Operation.DELETE) in changes(undone)
    undo(undone)
    assert differences(after, told()) == {}


def test_row_removed_and_made_again_by_one_set_is_set_back(sample: Sample) -> None:
    removed = do("create_role", values={"title": "New", "level": 3})
    role_id = max(told()["roles"])
    before = told()
    gone = do("delete_role", role_id=role_id)
    undo(gone, within=gone)
    do("change_role", within=gone, role_id=role_id, version=1, values={"title": "Other"})
    (unit,) = plan(operator(), gone).units
    assert (unit.key, unit.state) == (f"roles:{role_id}:title", State.CLEAN)
    undo(gone)
    assert differences(before, told()) == {}
    undo(removed)


def test_journal_of_others_takes_the_right_to_see_it(sample: Sample, make_role: Any) -> None:
    moved = transfer(sample, "Eli")
    with pytest.raises(Forbidden):
        undo(moved, user(sample.users["manager"]))
    assert "right" in refusal(moved, user(sample.users["auditor"]))


def test_large_set_is_undone_by_a_worker_the_last_part_first(sample: Sample, app: Flask) -> None:
    before = told()
    moved = transfer(sample, "Eli")
    do("change_manager", within=moved, employee_ids=[sample.people["Eli"]], manager_id=sample.people["Ada"])
    do("transfer", within=moved, employee_ids=[sample.people["Eli"]], department_id=sample.departments["Engineering"])
    job_id = work.start("undo", actor=operator(), source=actions.Source.CLI, undoes=moved, change_set_id=moved)
    db.session.rollback()
    work.do_jobs(app, threading.Event(), is_once=True)
    db.session.rollback()
    job = db.session.get_one(Job, job_id)
    assert (job.state, job.done, job.total) == (JobState.DONE, 3, 3)
    assert db.session.get_one(ChangeSet, job.change_set_id).undoes_id == moved
    assert differences(before, told()) == {}


def test_change_of_a_field_that_columns_do_not_have_any_more_is_refused(sample: Sample) -> None:
    def work_past() -> int:
        change = Change("gone_table", 1, None, Operation.UPDATE, {"x": 1}, {"x": 2})
        return journal.record(Origin("once", "system"), [change])

    assert refusal(write(work_past)) == "Changes of this kind can’t be undone."
