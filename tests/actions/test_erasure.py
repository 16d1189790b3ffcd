"""Erasing a person: nothing that says who it was is left anywhere, and everything else is as it was."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, inspect, select

from app import actions
from app.access.actor import by_user, operator
from app.accounts.models import ApiToken, Credential, Session, SignInThrottle, User
from app.actions import Source
from app.actions.erasure import erase
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.changes.opening import open_journal
from app.changes.replay import compare, replayed
from app.changes.tracking import Operation
from app.changes.verification import verify
from app.core.clock import today
from app.core.jobs.job import Job, State
from app.core.problems import Forbidden, Invalid
from app.extensions import db
from app.people import assignments, erased
from app.people.department import Department
from app.people.employee import Employee, EmploymentType, Status
from app.people.history import Pay
from app.people.search import SearchWord
from tests.applications import application, migrate
from tests.marked import Marked, change, done_job, everywhere, hire, in_files, make, waiting_job
from tests.sample import Sample, account, act, build

TODAY, DAY = today(), timedelta(days=1)


@pytest.fixture
def marked(sample: Sample, context: Flask) -> Marked:
    """Give somebody in Platform under Bo, with traces everywhere."""
    return make(department_id=sample.departments["Platform"], manager_id=sample.people["Bo"])


def wipe(person: int) -> Any:
    return erase(operator(), Source.CLI, person)


def row(model: Any, row_id: int) -> Any:
    db.session.rollback()
    return db.session.get_one(model, row_id)


def last_set() -> tuple[ChangeSet, list[ChangeRow]]:
    """Return the newest change set and its changes."""
    db.session.rollback()
    found = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
    rows = select(ChangeRow).join(Segment, Segment.id == ChangeRow.segment_id)
    return found, list(db.session.scalars(rows.where(Segment.change_set_id == found.id).order_by(ChangeRow.id)))


def test_nothing_that_tells_of_the_person_is_left(marked: Marked, capsys: pytest.CaptureFixture[str]) -> None:
    before = everywhere(marked)
    tables = {name.split(".")[0] for name in before}
    assert tables >= {"employees", "pay", "search_words", "users", "sessions", "api_tokens", "changes", "change_sets"}
    assert tables >= {"jobs", "sign_in_throttles"}
    assert {"change_sets.reason", "change_sets.address", "changes.before", "changes.after"} <= set(before)
    done = wipe(marked.id)
    assert done.was_needed
    assert done.is_log_emptied
    assert everywhere(marked) == []
    assert in_files(marked) == []
    logged = capsys.readouterr()
    assert not marked.is_in(logged.err + logged.out)


@pytest.mark.once
def test_bytes_are_looked_for_where_they_would_be(marked: Marked) -> None:
    assert in_files(marked) != []


def test_where_and_when_somebody_worked_stays(marked: Marked, sample: Sample) -> None:
    stretches = [(s.id, s.valid_from, s.department_id, s.manager_id) for s in assignments.of(marked.id)]
    was = row(Employee, marked.id)
    kept = {name: getattr(was, name) for name in ("hired_on", "department_id", "manager_id", "employment_type", "fte")}
    wipe(marked.id)
    person = row(Employee, marked.id)
    assert {name: getattr(person, name) for name in kept} == kept
    assert (person.status, person.left_on) == (Status.LEFT, TODAY)
    assert (person.name, person.number) == ("Erased person", f"erased-{marked.id}")
    assert [(s.id, s.valid_from, s.department_id, s.manager_id) for s in assignments.of(marked.id)] == stretches
    assert assignments.of(marked.id)[-1].valid_to == TODAY + DAY
    assert db.session.scalars(select(Pay).where(Pay.employee_id == marked.id)).all() == []
    words = select(SearchWord.word).where(SearchWord.employee_id == marked.id)
    assert set(db.session.scalars(words)) == {"erased", "person", str(marked.id), f"erased{marked.id}"}


def test_column_that_nobody_decided_to_keep_is_wiped(marked: Marked) -> None:
    wipe(marked.id)
    person = row(Employee, marked.id)
    made_up = {"number", "number_key", "first_name", "last_name", "name_key"}
    for column in inspect(Employee).column_attrs:
        if column.key not in erased.KEPT | made_up:
            assert getattr(person, column.key) is None, f"{column.key} is left of an erased person"


def test_every_way_in_is_closed(marked: Marked) -> None:
    wipe(marked.id)
    user = row(User, marked.user_id)
    assert (user.email, user.is_active) == (f"erased-{marked.id}@erased.invalid", False)
    assert (user.password_hash, user.last_signed_in_at, user.employee_id) == (None, None, marked.id)
    for table in (Session, Credential, ApiToken):
        assert db.session.scalar(select(func.count()).where(table.user_id == marked.user_id)) == 0
    assert db.session.scalar(select(func.count()).select_from(SignInThrottle)) == 0


def test_erasure_itself_tells_what_is_left_and_nothing_of_before(marked: Marked) -> None:
    paid = list(db.session.scalars(select(Pay.id).where(Pay.employee_id == marked.id)))
    wipe(marked.id)
    found, rows = last_set()
    assert (found.action, found.reason, found.arguments) == ("erase_person", None, {"employee_id": marked.id})
    assert [kept.before for kept in rows if kept.before] == []
    told = {(kept.entity, kept.row_id): kept.operation for kept in rows}
    jobs = [("assignments", stretch.id) for stretch in assignments.of(marked.id)]
    left = [("employees", marked.id), ("users", marked.user_id), *jobs]
    assert told == dict.fromkeys(left, Operation.ERASE) | {("pay", pay_id): Operation.DELETE for pay_id in paid}
    assert all(kept.person_id == marked.id for kept in rows)


def test_journal_from_its_beginning_still_gives_todays_tables(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app:
        migrate(app)
        with app.app_context():
            open_journal()
            organisation = build()
            marked = make(department_id=organisation.departments["Board"], manager_id=organisation.people["Bo"])
            linked_once = account("staff", f"{marked.mark}@second.example")
            used = {"user_id": linked_once}
            other = hire("other")
            act("change_user", **used, version=1, values={"employee_id": other})
            act("delete_user", **used, version=2)
            act("raise_pay", employee_ids=[marked.id, other], amount="50", currency="EUR", period="year")
            for person in (marked.id, organisation.people["Bo"], other):
                wipe(person)
                db.session.rollback()
                assert list(compare()) == []
                assert list(verify()) == []
            assert everywhere(marked) == []


def test_part_of_a_change_that_others_had_in_it_can_still_be_undone(marked: Marked, sample: Sample) -> None:
    other = hire("other")
    act("assign_role", employee_ids=[marked.id, other], role_id=sample.roles["Clerk"])
    shared, _rows = last_set()
    wipe(marked.id)
    erasure, _rows = last_set()
    undone = act("undo", change_set_id=shared.id, leave_out=True)
    assert {unit.record for unit in undone.done} == {("employees", other)}
    assert row(Employee, other).role_id is None
    assert row(Employee, marked.id).role_id == sample.roles["Clerk"]
    with pytest.raises(Invalid, match="An erasure can’t be undone"):
        act("undo", change_set_id=erasure.id)


def test_what_the_journal_says_of_others_stays(marked: Marked, sample: Sample) -> None:
    other = hire("other")
    ids = [marked.id, other]
    act("assign_role", employee_ids=ids, role_id=sample.roles["Clerk"], reason="everybody becomes a clerk")
    shared, _rows = last_set()
    theirs = select(ChangeRow).where(ChangeRow.person_id == other).order_by(ChangeRow.id)
    before = [(c.id, c.before, c.after, c.salt) for c in db.session.scalars(theirs)]
    assert before
    wipe(marked.id)
    db.session.rollback()
    assert [(c.id, c.before, c.after, c.salt) for c in db.session.scalars(theirs)] == before
    kept = row(ChangeSet, shared.id)
    assert (kept.action, kept.reason, kept.arguments) == ("assign_role", None, None)
    emptied = select(ChangeRow).where(ChangeRow.person_id == marked.id, ChangeRow.operation != Operation.ERASE)
    mine = list(db.session.scalars(emptied.where(ChangeRow.operation != Operation.DELETE)))
    assert mine
    assert {(c.before, c.after, c.salt) for c in mine} == {(None, None, None)}
    assert all(c.digest and c.fields.strip() for c in mine)


def test_reports_go_to_the_nearest_above_who_works_here(marked: Marked, sample: Sample) -> None:
    report = hire("report", manager_id=marked.id)
    later = hire("later", manager_id=sample.people["Ada"])
    act("change_manager", employee_ids=[later], manager_id=marked.id, valid_from=TODAY + 9 * DAY)
    platform = row(Department, sample.departments["Platform"])
    act("change_department", department_id=platform.id, version=platform.version, values={"lead_id": marked.id})
    act("leave", employee_ids=[sample.people["Bo"]], left_on=TODAY)
    assert row(Employee, marked.id).manager_id == sample.people["Ada"]
    wipe(marked.id)
    assert row(Employee, report).manager_id == sample.people["Ada"]
    assert [s.manager_id for s in assignments.of(report)] == [marked.id, sample.people["Ada"]]
    assert {s.manager_id for s in assignments.of(later)} == {sample.people["Ada"]}
    assert row(Department, platform.id).lead_id is None
    assignments.check(marked.id, report, later)


def test_reports_of_somebody_at_the_top_are_left_without_a_manager(context: Flask) -> None:
    top = hire("top")
    report = hire("report", manager_id=top)
    wipe(top)
    assert row(Employee, report).manager_id is None


def test_who_has_left_keeps_their_last_day(context: Flask) -> None:
    person = hire("gone", status=Status.LEFT, left_on=date(2020, 5, 31), employment_type=EmploymentType.INTERN)
    wipe(person)
    found = row(Employee, person)
    assert (found.left_on, found.employment_type) == (date(2020, 5, 31), EmploymentType.INTERN)


def test_what_was_planned_goes(marked: Marked, sample: Sample) -> None:
    act("assign_role", employee_ids=[marked.id], role_id=sample.roles["Clerk"], valid_from=TODAY + 30 * DAY)
    act("raise_pay", employee_ids=[marked.id], percent="1", valid_from=TODAY + 30 * DAY)
    act("leave", employee_ids=[marked.id], left_on=TODAY + 60 * DAY)
    wipe(marked.id)
    assert [(s.status, s.valid_to) for s in assignments.of(marked.id)] == [(Status.ACTIVE, TODAY + DAY)]
    assignments.check(marked.id)
    assert [kept.before for kept in last_set()[1] if kept.before] == []


def test_who_has_yet_to_begin_never_does(context: Flask) -> None:
    person = hire("new", hired_on=TODAY + 10 * DAY, probation_until=None)
    wipe(person)
    found = row(Employee, person)
    assert (found.status, found.left_on) == (Status.LEFT, TODAY + 10 * DAY)
    assert [s.valid_to for s in assignments.of(person)] == [TODAY + 11 * DAY]


def test_last_administrator_and_ones_own_record_are_refused(sample: Sample, context: Flask) -> None:
    ada = sample.people["Ada"]
    with pytest.raises(Invalid, match="last administrator"):
        wipe(ada)
    actor = by_user(sample.users["administrator"])
    assert actor
    with pytest.raises(Invalid, match="your own record"):
        erase(actor, Source.PANEL, ada)
    assert row(Employee, ada).first_name == "Ada"


@pytest.mark.parametrize("role", ["hr", "manager", "auditor", "staff"])
def test_only_administrators_may(sample: Sample, context: Flask, role: str) -> None:
    actor = by_user(sample.users[role])
    assert actor
    with pytest.raises(Forbidden):
        erase(actor, Source.PANEL, sample.people["Dee"])


def test_unfinished_work_about_the_person_is_refused_and_finished_work_is_emptied(marked: Marked) -> None:
    waiting = waiting_job(marked.id)
    with pytest.raises(Invalid, match=f"job {waiting}"):
        wipe(marked.id)
    assert row(Employee, marked.id).number == marked.number
    act("cancel_job", job_id=waiting)
    other = waiting_job(hire("other"))
    done = done_job(f"as {row(Employee, marked.id).name} asked for")
    wipe(marked.id)
    assert (row(Job, done).state, row(Job, done).reason) == (State.DONE, None)
    failed = row(Job, marked.job_id)
    assert failed.state is State.CANCELLED
    assert (failed.arguments, failed.steps, failed.reason, failed.error) == (None, None, None, None)
    assert row(Job, other).state is State.WAITING
    assert row(Job, other).arguments


def test_second_time_changes_nothing(marked: Marked) -> None:
    wipe(marked.id)
    first, _rows = last_set()
    assert not wipe(marked.id).was_needed
    assert last_set()[0].id == first.id


def test_what_was_written_afterwards_is_erased_again(marked: Marked) -> None:
    wipe(marked.id)
    user = row(User, marked.user_id)
    again = {"email": f"{marked.mark}@new.example"}
    act("change_user", user_id=user.id, version=user.version, values=again)
    assert everywhere(marked) != []
    assert wipe(marked.id).was_needed
    assert everywhere(marked) == []


def test_account_that_is_somebody_elses_now_keeps_its_address(marked: Marked) -> None:
    user = row(User, marked.user_id)
    values = {"employee_id": None, "email": "shared@work.example"}
    act("change_user", user_id=user.id, version=user.version, values=values)
    wipe(marked.id)
    found = row(User, marked.user_id)
    assert (found.email, found.is_active) == ("shared@work.example", True)
    assert replayed("users", user.id, user.id)[user.id]["email"] == "shared@work.example"


def test_preview_changes_nothing(marked: Marked) -> None:
    before = everywhere(marked)
    outcome = actions.run("erase_person", actor=operator(), source=Source.CLI, preview=True, employee_id=marked.id)
    assert outcome.value is True
    assert everywhere(marked) == before


def test_number_of_statements_does_not_grow_with_what_there_is(context: Flask) -> None:
    counts = []
    for changes in (2, 30):
        person = hire(f"busy{changes}")
        for number in range(changes):
            change(person, phone=str(number))
        counts.append(statements(person))
    assert counts[0] == counts[1]


def statements(person: int) -> int:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        wipe(person)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(found)


@pytest.mark.once
def test_log_that_somebody_still_reads_an_older_state_from_is_told_of(marked: Marked) -> None:
    def give_up_soon(connection: Any, *_rest: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 50")

    event.listen(db.engine, "checkout", give_up_soon)
    try:
        with db.engine.connect() as reader:
            reader.execute(select(func.count()).select_from(Employee)).scalar()
            assert not wipe(marked.id).is_log_emptied
            assert everywhere(marked) == []
        again = wipe(marked.id)
    finally:
        event.remove(db.engine, "checkout", give_up_soon)
        db.engine.dispose()  # the connections that would still give up soon
    assert (again.was_needed, again.is_log_emptied) == (False, True)
    assert in_files(marked) == []


def test_nothing_is_recorded_about_who_was_erased(marked: Marked, sample: Sample) -> None:
    wipe(marked.id)
    version = row(Employee, marked.id).version
    for name, arguments in (
        ("change_employee", {"employee_id": marked.id, "version": version, "values": {"notes": "was nice"}}),
        ("raise_pay", {"employee_ids": [marked.id], "amount": "1", "currency": "EUR", "period": "year"}),
        ("assign_role", {"employee_ids": [sample.people["Dee"], marked.id], "role_id": sample.roles["Clerk"]}),
        ("delete_employee", {"employee_id": marked.id, "version": version}),
    ):
        with pytest.raises(Invalid, match="This person was erased"):
            act(name, **arguments)


def test_number_that_only_looks_like_an_erased_ones_means_nothing(context: Flask) -> None:
    person = hire("x")
    act(
        "change_employee",
        employee_id=person,
        version=row(Employee, person).version,
        values={"number": f"erased-{person}"},
    )
    change(person, notes="is here")
    assert row(Employee, person).notes == "is here"
    assert wipe(person).was_needed
    assert row(Employee, person).notes is None
