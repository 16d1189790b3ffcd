"""What happens to accounts: made, changed, ended."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.access.actor import by_user
from app.accounts import sessions, sign_in
from app.accounts.models import AccessRole, Credential, Session, User
from app.accounts.sign_in import LinkFailed
from app.actions import Source, run
from app.core.clock import today
from app.core.problems import Conflict, Forbidden, Invalid
from app.extensions import db
from tests.sample import PASSWORD, account, act
from tests.writing import commit, write

pytestmark = pytest.mark.usefixtures("context")


def one(user_id):
    """Return an account, fresh from the database."""
    db.session.rollback()
    return db.session.get(User, user_id)


def role(name):
    """Return the id of an access role."""
    return db.session.scalar(select(AccessRole.id).where(AccessRole.name == name))


def change(user_id, **values):
    """Change an account as of now."""
    return act("change_user", user_id=user_id, version=one(user_id).version, values=values)


def session_of(user_id):
    """Sign somebody in."""
    return write(lambda: sessions.start(db.session.get_one(User, user_id), "127.0.0.1", "tests"))


def count_sessions(user_id):
    """Return how many sessions somebody has."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Session).where(Session.user_id == user_id))


def refused(work, *arguments, **values):
    """Return what is wrong, by field, in words."""
    with pytest.raises(Invalid) as error:
        work(*arguments, **values)
    return {field: " ".join(str(s) for s in sentences) for field, sentences in error.value.errors.items()}


@pytest.mark.usefixtures("sample")
def test_account_needs_an_address_and_an_access_role():
    assert refused(act, "create_user", values={}).keys() == {"email", "access_role_id"}
    assert refused(act, "create_user", values={"email": "nobody", "access_role_id": role("staff")}).keys() == {"email"}
    assert refused(act, "create_user", values={"email": "a@b", "access_role_id": 10**6}).keys() == {"access_role_id"}
    assert refused(act, "create_user", values={"email": "a@b", "access_role_id": "staff"}).keys() == {"access_role_id"}


@pytest.mark.usefixtures("sample")
def test_address_and_employee_belong_to_one_account(sample):
    assert refused(account, "staff", "STAFF@sample.example") == {"email": "Another account has this e-mail address."}
    assert refused(account, "staff", "new@sample.example", sample.people["Eli"]) == {
        "employee_id": "This employee has an account already."
    }
    assert refused(account, "staff", "new@sample.example", sample.people["Flo"]) == {
        "employee_id": "Choose somebody who works here."
    }


def test_password_that_is_easily_guessed_is_refused():
    assert refused(account, "staff", "new@sample.example", password="password").keys() == {"password"}
    assert account("staff", "new@sample.example", password=PASSWORD)


@pytest.mark.parametrize(
    "values", [{"access_role_id": "auditor"}, {"email": "else@sample.example"}, {"is_active": False}]
)
def test_what_concerns_signing_in_ends_the_sessions(sample, values):
    user_id = sample.users["staff"]
    session_of(user_id)
    change(user_id, **{k: role(v) if k == "access_role_id" else v for k, v in values.items()})
    assert count_sessions(user_id) == 0


def test_change_of_nothing_ends_no_session(sample):
    user_id = sample.users["staff"]
    session_of(user_id)
    change(user_id, email="staff@sample.example", is_active=True)
    assert count_sessions(user_id) == 1


def test_last_administrator_stays(sample):
    administrator = sample.users["administrator"]
    words = "administrator@sample.example is the last administrator. Make another one first."
    assert refused(change, administrator, is_active=False) == {"is_active": words}
    assert refused(change, administrator, access_role_id=role("hr")) == {"access_role_id": words}
    assert refused(act, "delete_user", user_id=administrator, version=1) == {"": words}
    other = account("administrator", "other@sample.example")
    change(administrator, access_role_id=role("hr"))
    assert refused(act, "delete_user", user_id=other, version=1)[""].startswith("other@sample.example is the last")


def test_account_that_never_signed_in_is_deleted_and_any_other_ended(sample):
    staff, auditor = sample.users["staff"], sample.users["auditor"]
    session_of(auditor)
    db.session.get_one(User, auditor).last_signed_in_at = one(auditor).created_at
    commit()
    assert act("delete_user", user_id=staff, version=1) is False
    assert act("delete_user", user_id=auditor, version=one(auditor).version) is True
    assert one(staff) is None
    assert one(auditor).is_active is False
    assert count_sessions(auditor) == 0


def test_nobody_ends_their_own_account(sample):
    administrator = by_user(sample.users["administrator"])
    account("administrator", "other@sample.example")
    with pytest.raises(Invalid, match="your own account"):
        run("delete_user", actor=administrator, source=Source.PANEL, user_id=administrator.user_id, version=1)


def test_stale_version_is_a_conflict(sample):
    staff = sample.users["staff"]
    change(staff, email="else@sample.example")
    with pytest.raises(Conflict) as conflict:
        act("change_user", user_id=staff, version=1, values={"email": "mine@sample.example"})
    assert conflict.value.theirs == {"email": "else@sample.example"}
    with pytest.raises(Conflict):
        act("delete_user", user_id=staff, version=1)


def test_account_of_somebody_who_left_is_not_switched_on(sample):
    act("leave", employee_ids=[sample.people["Eli"]], left_on=today())
    with pytest.raises(Invalid) as error:
        change(sample.users["staff"], is_active=True)
    assert list(error.value.errors) == ["is_active"]
    act("change_employee", employee_id=sample.people["Eli"], version=2, values={"status": "active", "left_on": None})
    change(sample.users["staff"], is_active=True)
    assert one(sample.users["staff"]).is_active


def test_only_who_administers_accounts_makes_them_or_links(sample):
    hr = by_user(sample.users["hr"])
    values = {"email": "new@sample.example", "access_role_id": role("administrator")}
    for name, arguments in (
        ("create_user", {"values": values}),
        ("change_user", {"user_id": sample.users["hr"], "version": 1, "values": values}),
        ("delete_user", {"user_id": sample.users["staff"], "version": 1}),
        ("make_sign_in_link", {"user_id": sample.users["administrator"]}),
    ):
        with pytest.raises(Forbidden):
            run(name, actor=hr, source=Source.PANEL, **arguments)


def test_link_signs_in_once_and_a_new_one_replaces_it(sample):
    staff = sample.users["staff"]
    first, second = (act("make_sign_in_link", user_id=staff) for _ in range(2))
    with pytest.raises(LinkFailed):
        sign_in.with_link(first, "127.0.0.1", None)
    assert sign_in.with_link(second, "127.0.0.1", None)
    with pytest.raises(LinkFailed):
        sign_in.with_link(second, "127.0.0.1", None)
    assert {row.token_hash for row in db.session.scalars(select(Credential))}.isdisjoint({first, second})


def test_no_link_for_an_account_that_ended(sample):
    change(sample.users["staff"], is_active=False)
    assert refused(act, "make_sign_in_link", user_id=sample.users["staff"])[""].startswith(
        "This account is switched off"
    )


def test_own_password_takes_the_present_one_and_ends_the_other_sessions():
    user_id = account("staff", "new@sample.example", password=PASSWORD)
    session_of(user_id)
    me = by_user(user_id)

    def change_password(current, new):
        return run("change_password", actor=me, source=Source.WEB, current_password=current, new_password=new)

    assert refused(change_password, "wrong", "another good walk") == {
        "current_password": "This is not your present password."
    }
    assert refused(change_password, PASSWORD, "short").keys() == {"new_password"}
    assert count_sessions(user_id) == 1
    change_password(PASSWORD, "another good walk home")
    assert count_sessions(user_id) == 0
