"""Who may hand out access, and that somebody is always left who can."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import Actor, by_user, operator
from app.access.grants import Action, Scope, Subject
from app.accounts import sessions
from app.accounts.administrators import administrators
from app.accounts.models import AccessRole, Session, User
from app.actions import Source, run
from app.changes.approvals import FOUR_EYES, Switch
from app.core.clock import now
from app.core.problems import Forbidden, Invalid, NotFound
from app.extensions import db
from tests.sample import Sample, account, act
from tests.writing import write

ACCOUNTS = Subject.ACCOUNTS


def role_id(name: str) -> int:
    """Return an access role's id."""
    return int(db.session.execute(select(AccessRole.id).where(AccessRole.name == name)).scalar_one())


def user(user_id: int) -> User | None:
    """Return an account, fresh from the database."""
    db.session.rollback()
    return db.session.get(User, user_id)


def attempt(actor: Actor, name: str, **arguments: object) -> object:
    """Do an action as somebody; return what came of it, or the kind of refusal."""
    try:
        return run(name, actor=actor, source=Source.PANEL, **arguments).value
    except (Forbidden, Invalid, NotFound) as refusal:
        return type(refusal)


@pytest.fixture
def clerk(context: Flask, sample: Sample, make_role: Callable[..., str]) -> Actor:
    """Give somebody who may do everything with accounts but hand out access."""
    grants = {(action, ACCOUNTS): Scope.ALL for action in set(Action) - {Action.ADMINISTER}}
    actor = by_user(account(make_role("clerk", grants), "clerk@sample.example"))
    assert actor is not None
    return actor


def test_nobody_gives_themselves_or_others_another_access_role(clerk: Actor, sample: Sample) -> None:
    for user_id in (clerk.user_id, sample.users["staff"]):
        for name in ("administrator", "hr", "staff" if user_id == clerk.user_id else "manager"):
            values = {"access_role_id": role_id(name)}
            assert attempt(clerk, "change_user", user_id=user_id, version=1, values=values) is Forbidden
    values = {"email": "new@sample.example", "access_role_id": role_id("staff")}
    assert attempt(clerk, "create_user", values=values) is Forbidden
    assert attempt(clerk, "make_sign_in_link", user_id=sample.users["administrator"]) is Forbidden
    assert attempt(clerk, "make_sign_in_link", user_id=clerk.user_id) is Forbidden


def test_nobody_takes_over_somebody_elses_record(clerk: Actor, sample: Sample) -> None:
    """Whose employee an account is decides whose private record it sees."""
    for name in ("Dee", "Ada"):
        values = {"employee_id": sample.people[name]}
        assert attempt(clerk, "change_user", user_id=clerk.user_id, version=1, values=values) is Forbidden
    values = {"employee_id": None}
    assert attempt(clerk, "change_user", user_id=sample.users["staff"], version=1, values=values) is Forbidden
    assert user(clerk.user_id).employee_id is None
    assert user(sample.users["staff"]).employee_id == sample.people["Eli"]


def test_what_is_left_of_an_account_may_be_changed_whole_form_and_all(clerk: Actor, sample: Sample) -> None:
    staff = sample.users["staff"]
    values = {
        "email": "eli@sample.example",
        "access_role_id": str(role_id("staff")),
        "employee_id": sample.people["Eli"],
        "is_active": False,
    }
    assert attempt(clerk, "change_user", user_id=staff, version=1, values=values) == staff
    assert (user(staff).email, user(staff).is_active) == ("eli@sample.example", False)


@pytest.mark.parametrize("role", ["staff", "manager", "auditor", "hr"])
def test_who_has_no_right_on_accounts_changes_none(context: Flask, sample: Sample, role: str) -> None:
    actor, staff = by_user(sample.users[role]), sample.users["staff"]
    assert attempt(actor, "change_user", user_id=actor.user_id, version=1, values={"email": "a@b"}) is Forbidden
    assert attempt(actor, "change_user", user_id=staff, version=1, values={"is_active": False}) is Forbidden
    assert attempt(actor, "delete_user", user_id=staff, version=1) is Forbidden
    assert attempt(actor, "make_sign_in_link", user_id=staff) is Forbidden
    values = {"email": "new@sample.example", "access_role_id": role_id("staff")}
    assert attempt(actor, "create_user", values=values, password="walking in the rain") is Forbidden


@pytest.mark.parametrize("action", [a for a in Action if a is not Action.VIEW])
def test_each_right_on_accounts_opens_its_own_action_only(
    context: Flask, sample: Sample, make_role: Callable[..., str], action: Action
) -> None:
    actor = by_user(account(make_role("one right", {(action, ACCOUNTS): Scope.ALL}), "one@sample.example"))
    staff = sample.users["staff"]
    found = {
        "edit": attempt(actor, "change_user", user_id=staff, version=1, values={"email": "eli@sample.example"}),
        "administer": attempt(actor, "make_sign_in_link", user_id=staff),
        "delete": attempt(actor, "delete_user", user_id=sample.users["manager"], version=1),
    }
    assert {name for name, value in found.items() if value is not Forbidden} == {action.value} & set(found)


def test_operator_has_no_password_and_no_sessions(context: Flask, sample: Sample) -> None:
    assert attempt(operator(), "change_password", current_password=None, new_password="x" * 20) is Forbidden
    assert attempt(operator(), "end_session", session_id=1) is NotFound


def test_nobody_ends_a_session_of_somebody_else(context: Flask, sample: Sample) -> None:
    staff, administrator = sample.users["staff"], sample.users["administrator"]
    write(lambda: sessions.start(db.session.get_one(User, staff), None, None))
    session_id = db.session.scalars(select(Session.id)).one()
    db.session.rollback()
    assert attempt(by_user(administrator), "end_session", session_id=session_id) is NotFound
    assert attempt(by_user(staff), "end_session", session_id=session_id + 1) is NotFound
    assert attempt(by_user(staff), "end_session", session_id=session_id) is None
    assert attempt(by_user(staff), "end_session", session_id=session_id) is NotFound


# The last administrator


def test_last_administrator_can_not_be_ended_demoted_deleted_nor_leave(context: Flask, sample: Sample) -> None:
    ada = sample.users["administrator"]
    for values in ({"is_active": False}, {"access_role_id": role_id("hr")}, {"is_active": False, "email": "a@b"}):
        with pytest.raises(Invalid, match="last administrator"):
            act("change_user", user_id=ada, version=1, values=values)
    with pytest.raises(Invalid, match="last administrator"):
        act("delete_user", user_id=ada, version=1)
    leaving = {"left_on": date(2026, 1, 1), "successor_id": sample.people["Bo"]}
    with pytest.raises(Invalid, match="last administrator"):
        act("leave", employee_ids=[sample.people["Ada"]], version=1, **leaving)
    act("change_user", user_id=ada, version=1, values={"email": "ada@sample.example"})
    assert administrators() == [ada]


def test_account_that_is_off_or_may_only_look_is_no_administrator(
    context: Flask, sample: Sample, make_role: Callable[..., str]
) -> None:
    ada = sample.users["administrator"]
    off = account("administrator", "off@sample.example")
    act("change_user", user_id=off, version=1, values={"is_active": False})
    grants = {(action, ACCOUNTS): Scope.ALL for action in set(Action) - {Action.ADMINISTER}}
    account(make_role("nearly", grants | {(Action.ADMINISTER, Subject.SYSTEM): Scope.ALL}), "nearly@sample.example")
    db.session.rollback()
    assert administrators() == [ada]
    with pytest.raises(Invalid, match="last administrator"):
        act("change_user", user_id=ada, version=1, values={"is_active": False})
    act("delete_user", user_id=off, version=2)
    own = account(make_role("second", {(Action.ADMINISTER, ACCOUNTS): Scope.ALL}), "second@sample.example")
    act("change_user", user_id=ada, version=1, values={"is_active": False})
    db.session.rollback()
    assert administrators() == [own]


@pytest.mark.parametrize("how", ["disable", "demote", "delete"])
def test_of_two_administrators_who_remove_each_other_at_once_one_remains(app: Flask, sample: Sample, how: str) -> None:
    first = sample.users["administrator"]
    with app.app_context():
        second, staff = account("administrator", "second@sample.example"), role_id("staff")
        write(lambda: db.session.add(Switch(name=FOUR_EYES, is_on=False, at=now())))  # which would ask a third
    pairs = ((first, second), (second, first))
    barrier, found = threading.Barrier(2), {}

    def remove(who: int, whom: int) -> None:
        with app.app_context():
            actor = by_user(who)
            barrier.wait()
            try:
                if how == "delete":
                    found[who] = attempt(actor, "delete_user", user_id=whom, version=1)
                else:
                    values = {"is_active": False} if how == "disable" else {"access_role_id": staff}
                    found[who] = attempt(actor, "change_user", user_id=whom, version=1, values=values)
            except Exception as error:
                found[who] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=remove, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        left = administrators()
        count = db.session.scalar(select(func.count()).select_from(User).where(User.id.in_((first, second))))
    assert len(left) == 1, found
    assert left[0] in (first, second)
    assert sorted(value in (Forbidden, Invalid) for value in found.values()) == [False, True], found
    assert count == (1 if how == "delete" else 2)
