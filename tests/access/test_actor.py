"""Who is acting, with the rights of this moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, event, insert, select, update

from app.access import actor as actors
from app.access.actor import Actor, by_session_token, by_user, operator, refreshed
from app.access.grants import Action, Scope, Subject
from app.accounts import sessions
from app.accounts.models import AccessRole, GrantRow, Session, User
from app.actions import Source, run
from app.core.problems import Forbidden
from app.extensions import db
from tests.clock import Clock
from tests.sample import Sample, account, act
from tests.writing import KNOWINGLY, write

pytestmark = pytest.mark.usefixtures("context")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that is sent inside the block."""
    sent: list[str] = []

    def note(_connection, _cursor, sql, _values, _context, _many) -> None:
        sent.append(sql)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def token_of(user_id: int) -> str:
    """Begin a session and return its token."""
    return write(lambda: sessions.start(db.session.get_one(User, user_id), "127.0.0.1", "tests"))


def actor(**grants: Scope) -> Actor:
    """Return an actor who may view these subjects."""
    rights = {(Action.VIEW, Subject(name)): scope for name, scope in grants.items()}
    return Actor(user_id=1, name="x", email="x", access_role="x", grants=rights)


def test_session_user_role_employee_and_grants_are_one_statement(sample: Sample, clock: Clock) -> None:
    token = token_of(sample.users["manager"])
    with statements() as sent:
        found = by_session_token(token, clock.now())
    assert len(sent) == 1
    assert found is not None
    assert (found.user_id, found.email, found.access_role) == (
        sample.users["manager"],
        "manager@sample.example",
        "manager",
    )
    assert (found.employee_id, found.employee_number, found.name) == (sample.people["Bo"], "101", "Bo Lindqvist")
    assert found.department_id == sample.departments["Engineering"]
    assert found.scope(Action.VIEW, Subject.EMPLOYMENT) is Scope.REPORTS
    assert found.scope(Action.EDIT, Subject.EMPLOYMENT) is None
    assert found.last_seen_at == clock.now()
    row = db.session.scalars(select(Session)).one()
    assert found.session_id == row.id
    assert by_user(found.user_id) == replace(found, session_id=None)


def test_token_is_not_stored_and_no_other_word_is_one(sample: Sample, clock: Clock) -> None:
    token = token_of(sample.users["staff"])
    row = db.session.scalars(select(Session)).one()
    assert len(token) >= 43
    assert token not in (row.token_hash, str(row.id))
    for wrong in ("", "x", row.token_hash, str(row.id), token.upper(), token[:-1], f"{token} "):
        assert by_session_token(wrong, clock.now()) is None


def test_session_ends_when_idle_and_in_any_case(sample: Sample, clock: Clock) -> None:
    token = token_of(sample.users["staff"])
    start, second = clock.now(), timedelta(seconds=1)
    assert by_session_token(token, start + sessions.IDLE - second)
    assert by_session_token(token, start + sessions.IDLE) is None
    for hours in range(4, 24, 4):
        clock.moment = start + timedelta(hours=hours)
        row_id = db.session.scalars(select(Session.id)).one()
        write(lambda row_id=row_id: sessions.touch(row_id))
    clock.moment = start + sessions.LONGEST
    assert by_session_token(token, clock.now() - second)
    assert by_session_token(token, clock.now()) is None
    assert timedelta(hours=1) <= sessions.IDLE < sessions.LONGEST <= timedelta(hours=24)


def test_disabled_account_is_nobody(sample: Sample, clock: Clock) -> None:
    token = token_of(sample.users["staff"])
    disable = update(User).where(User.id == sample.users["staff"]).values(is_active=False)
    db.session.execute(disable, execution_options=KNOWINGLY)
    assert by_session_token(token, clock.now()) is None
    assert by_user(sample.users["staff"]) is None
    db.session.rollback()


def test_account_without_employee_is_called_by_its_address(sample: Sample) -> None:
    found = by_user(account("staff", "machine@sample.example"))
    assert found is not None
    assert (found.name, found.employee_id, found.employee_number, found.department_id) == (
        "machine@sample.example",
        None,
        None,
        None,
    )
    assert by_user(10**6) is None


def test_employee_of_one_name_is_called_by_it(sample: Sample) -> None:
    act("change_employee", employee_id=sample.people["Eli"], version=1, values={"last_name": ""})
    assert by_user(sample.users["staff"]).name == "Eli"


def test_whether_there_is_a_password_is_known(sample: Sample) -> None:
    assert by_user(sample.users["staff"]).has_password is False
    assert by_user(account("staff", "new@sample.example", password="walking in the rain")).has_password is True


def test_access_role_without_grants_signs_in_and_may_nothing(
    sample: Sample, make_role: Callable[..., str], clock: Clock
) -> None:
    found = by_session_token(token_of(account(make_role("nothing", {}), "n@sample.example")), clock.now())
    assert found is not None
    assert dict(found.grants) == {}


@pytest.mark.parametrize(("field", "word"), [("action", "teleport"), ("subject", "weather")])
def test_grant_in_words_of_a_newer_version_is_no_right_and_no_fault(
    app: Flask, sample: Sample, make_role: Callable[..., str], field: str, word: str
) -> None:
    name = make_role("newer", {(Action.VIEW, Subject.DIRECTORY): Scope.ALL})
    words = {"action": "view", "subject": "notes", "scope": "all"} | {field: word}
    with db.engine.begin() as connection:
        role_id = connection.execute(select(AccessRole.id).where(AccessRole.name == name)).scalar_one()
        row = insert(GrantRow).values(access_role_id=role_id, version=1, **words)
        connection.execute(row, execution_options=KNOWINGLY)
    found = by_user(account(name, "n@sample.example"))
    assert dict(found.grants) == {(Action.VIEW, Subject.DIRECTORY): Scope.ALL}


def test_scope_of_a_newer_version_is_no_right() -> None:
    rows = [("view", "notes", "galaxy"), ("view", "directory", "self"), (None, None, None)]
    assert actors._grants(rows) == {(Action.VIEW, Subject.DIRECTORY): Scope.SELF}


def test_questions_about_a_right() -> None:
    who = actor(directory=Scope.ALL, employment=Scope.REPORTS, private=Scope.DEPARTMENT, notes=Scope.SELF)
    asked = (Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE, Subject.NOTES, Subject.COMPENSATION)
    answers = [
        (who.can(Action.VIEW, s), who.can_beyond_self(Action.VIEW, s), who.can_everywhere(Action.VIEW, s))
        for s in asked
    ]
    assert answers == [
        (True, True, True),
        (True, True, False),
        (True, True, False),
        (True, False, False),
        (False, False, False),
    ]
    assert not who.can(Action.EDIT, Subject.DIRECTORY)
    who.require(Action.VIEW, Subject.NOTES)
    with pytest.raises(Forbidden):
        who.require(Action.VIEW, Subject.COMPENSATION)


def test_operator_may_everything_everywhere() -> None:
    who = operator()
    assert who.user_id is None
    assert who.employee_id is None
    assert (who.name, who.email, who.access_role) == ("operator", "", "administrator")
    assert all(who.can_everywhere(action, subject) for action in Action for subject in Subject)
    assert refreshed(who) is who


def test_refreshed_has_the_rights_of_now_and_the_session_of_then(sample: Sample) -> None:
    before = replace(by_user(sample.users["staff"]), session_id=7)
    hr = db.session.scalar(select(AccessRole.id).where(AccessRole.name == "hr"))
    act("change_user", user_id=before.user_id, version=1, values={"access_role_id": hr})
    after = refreshed(before)
    assert (after.access_role, after.session_id) == ("hr", 7)
    assert after.can(Action.EDIT, Subject.NOTES)
    act("change_user", user_id=before.user_id, version=2, values={"is_active": False})
    with pytest.raises(Forbidden):
        refreshed(before)


def test_grant_taken_away_between_page_and_post_is_refused(sample: Sample, make_role: Callable[..., str]) -> None:
    grants = {(Action.VIEW, Subject.DIRECTORY): Scope.ALL, (Action.EDIT, Subject.DIRECTORY): Scope.ALL}
    who = by_user(account(make_role("editor", grants), "editor@sample.example"))
    eli = sample.people["Eli"]

    def change(version: int, phone: str) -> None:
        values = {"phone": phone}
        run("change_employee", actor=who, source=Source.PANEL, employee_id=eli, version=version, values=values)

    change(1, "+1")
    with db.engine.begin() as connection:
        connection.execute(
            delete(GrantRow).where(
                GrantRow.action == "edit",
                GrantRow.access_role_id == select(AccessRole.id).where(AccessRole.name == "editor").scalar_subquery(),
            ),
            execution_options=KNOWINGLY,
        )
    assert who.can(Action.EDIT, Subject.DIRECTORY)
    with pytest.raises(Forbidden):
        change(2, "+2")
