"""What was done to departments, roles and accounts is undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import actions
from app.access.grants import Action, Scope, Subject
from app.accounts import sessions
from app.accounts.models import AccessRole, GrantRow, Session, User
from app.changes.transaction import write
from app.core.clock import today
from app.extensions import db
from app.people import assignments
from app.people.department import Department
from app.people.employee import Employee
from app.people.role import Role
from tests.actions.undo.undoing import differences, do, do_once, left_out, refusal, told, undo, user
from tests.sample import Sample, account, act

pytestmark = pytest.mark.usefixtures("context")


def row(model: Any, row_id: int) -> Any:
    """Return a row, fresh from the database."""
    db.session.rollback()
    return db.session.get_one(model, row_id)


def change(kind: str, row_id: int, /, **values: Any) -> int:
    """Change a department, role or account; return the change set."""
    model = {"department": Department, "role": Role, "user": User}[kind]
    version = row(model, row_id).version
    return do(f"change_{kind}", **{f"{kind}_id": row_id}, version=version, values=values)


@pytest.mark.parametrize(
    ("name", "kind", "place", "target"),
    [
        ("merge_department", "departments", "Platform", "Board"),
        ("close_department", "departments", "Engineering", "Board"),
        ("delete_department", "departments", "Engineering", "Platform"),
        ("merge_role", "roles", "Engineer", "Clerk"),
        ("close_role", "roles", "Engineer", "Clerk"),
    ],
)
def test_what_was_ended_is_open_again_with_everybody_in_it(
    sample: Sample, name: str, kind: str, place: str, target: str
) -> None:
    ids = getattr(sample, kind)
    before = told()
    ended = do(name, **{f"{kind[:-1]}_id": ids[place], "target_id": ids[target]})
    after = told()
    undone = undo(ended)
    assert differences(before, told()) == {}
    undo(undone)
    assert differences(after, told()) == {}


def test_new_department_goes_unless_it_is_used_by_now(sample: Sample) -> None:
    before = told()
    made = do("create_department", values={"name": "New", "parent_id": sample.departments["Board"]})
    department_id = max(told()["departments"])
    inside = do("transfer", employee_ids=[sample.people["Eli"]], department_id=department_id)
    assert refusal(made) == "Somebody works in New, or did, by now. Close it instead."
    undo(inside)
    below = do("move_departments", department_ids=[sample.departments["Platform"]], parent_id=department_id)
    assert refusal(made) == "There are departments below New by now. Move them first."
    undo(below)
    undo(made)
    assert differences(before, told()) == {}


def test_deleted_department_comes_back_unless_its_name_is_taken(sample: Sample) -> None:
    act("create_department", values={"name": "Short-lived", "code": "SL", "lead_id": sample.people["Hana"]})
    before = told()
    department_id = max(before["departments"])
    gone = do("delete_department", department_id=department_id)
    other = do("create_department", values={"name": "SHORT-lived"})
    assert refusal(gone) == "Short-lived: Another department has this name."
    undo(other)
    undo(gone)
    assert differences(before, told()) == {}
    assert row(Department, department_id).code_key == "sl"


def test_department_is_not_closed_again_around_people_nor_put_below_itself(sample: Sample) -> None:
    platform, board = sample.departments["Platform"], sample.departments["Board"]
    act("close_department", department_id=platform, target_id=board)
    opened = do("reopen_department", department_id=platform)
    act("transfer", employee_ids=[sample.people["Eli"]], department_id=platform)
    assert refusal(opened) == "Platform: Somebody is in it, or will be. Move them first."
    moved = do("move_departments", department_ids=[platform], parent_id=None)
    act("move_departments", department_ids=[sample.departments["Engineering"]], parent_id=platform)
    assert refusal(moved) == "Platform: A department can’t be inside itself. Choose another parent."


def test_lead_who_left_does_not_lead_again(sample: Sample) -> None:
    led = change("department", sample.departments["Platform"], lead_id=sample.people["Dee"])
    other = change("department", sample.departments["Platform"], lead_id=sample.people["Cy"], name="Base")
    act("leave", employee_ids=[sample.people["Dee"]], left_on=today())
    key = f"departments:{sample.departments['Platform']}:lead_id"
    assert left_out(other) == {key: "Who led it doesn’t work here any more."}
    assert row(Department, sample.departments["Platform"]).name == "Platform"
    assert refusal(led) == "Platform: It was changed again since."


def test_role_is_undone_field_by_field(sample: Sample) -> None:
    clerk = sample.roles["Clerk"]
    changed = change("role", clerk, title="Assistant", level=3, family="Office")
    change("role", clerk, level=4)
    assert left_out(changed) == {f"roles:{clerk}:level": "It was changed again since."}
    found = row(Role, clerk)
    assert (found.title, found.title_key, found.level, found.family) == ("Clerk", "clerk", 4, None)


def test_names_that_two_records_exchanged_go_back_in_a_fitting_order(sample: Sample) -> None:
    clerk, engineer = sample.roles["Clerk"], sample.roles["Engineer"]
    before = told()
    first = change("role", engineer, title="Builder")
    second = change("role", clerk, title="Engineer")
    assert refusal(first) == "Builder: Another role has this title."
    undo(second)
    undo(first)
    assert differences(before, told()) == {}


def test_account_goes_unless_it_was_used(sample: Sample) -> None:
    before = told()
    made = do("create_user", values={"email": "new@sample.example", "access_role_id": 4}, password="rain in the hills")
    user_id = max(told()["users"])
    undone = undo(made)
    assert differences(before, told()) == {}
    undo(undone)
    assert row(User, user_id).email_key == "new@sample.example"
    assert row(User, user_id).password_hash is None
    write(lambda: sessions.start(db.session.get_one(User, user_id), None, None))
    assert refusal(made) == "new@sample.example: Somebody has signed in with it since. Switch it off instead."


def test_access_taken_back_ends_sessions(sample: Sample, browser: Any) -> None:
    users = sample.users
    role_id = row(User, users["administrator"]).access_role_id
    raised = change("user", users["staff"], access_role_id=role_id)
    browser.sign_in(users["staff"])
    undo(raised)
    assert db.session.query(Session).filter_by(user_id=users["staff"]).count() == 0
    assert row(User, users["staff"]).access_role_id != role_id


def test_access_is_handed_out_by_who_may_only(sample: Sample, make_role: Any) -> None:
    may = [(Action.VIEW, Subject.JOURNAL), (Action.EDIT, Subject.ACCOUNTS), (Action.VIEW, Subject.ACCOUNTS)]
    helper = user(account(make_role("helpers", dict.fromkeys(may, Scope.ALL)), "helper@sample.example"))
    auditor, staff = (row(User, sample.users[name]).access_role_id for name in ("auditor", "staff"))
    lowered = change("user", sample.users["auditor"], access_role_id=staff, email="else@sample.example")
    done = actions.run(
        "undo", actor=helper, source=actions.Source.PANEL, change_set_id=lowered, leave_out=True, undoes=lowered
    )
    assert [unit.part for unit in done.value.done] == ["email"]
    assert row(User, sample.users["auditor"]).access_role_id == staff
    undo(lowered, user(sample.users["administrator"]))
    assert row(User, sample.users["auditor"]).access_role_id == auditor


def test_last_administrator_stays(sample: Sample) -> None:
    users = sample.users
    admin = row(User, users["administrator"]).access_role_id
    second = change("user", users["hr"], access_role_id=admin)
    act("change_user", user_id=users["administrator"], version=1, values={"is_active": False})
    words = "Nobody could administer accounts any more. Make another administrator first."
    assert refusal(second) == f"hr@sample.example: {words}"


def test_grants_of_an_access_role_are_undone(sample: Sample, browser: Any) -> None:
    def widen(_actor: Any) -> None:
        role_id = db.session.scalar(select(AccessRole.id).where(AccessRole.name == "staff"))
        db.session.add(GrantRow(access_role_id=role_id, action="export", subject="directory", scope="all"))
        db.session.add(AccessRole(name="made-up"))

    before = told()
    widened = do_once(widen)
    browser.sign_in(sample.users["staff"])
    undone = undo(widened)
    assert differences(before, told()) == {}
    assert db.session.query(Session).count() == 0
    undo(undone)
    assert "made-up" in {one["name"] for one in told()["access_roles"].values()}
    undo(undone + 1)


def test_everything_made_at_once_goes_at_once(sample: Sample) -> None:
    """As an import makes it: a department, its people, and who leads and manages whom."""

    def found(_actor: Any) -> None:
        top = Department(name="Top")
        people = [Employee(number=f"9{n}", first_name="X", hired_on=today() - timedelta(days=9)) for n in range(3)]
        db.session.add_all([top, *people])
        db.session.flush()
        top.lead_id = people[0].id
        people[0].manager_id, people[1].manager_id = people[1].id, people[2].id
        for person in people:
            person.department_id = top.id
            assignments.begin(person, person.hired_on)

    before = told()
    founded = do_once(found)
    after = told()
    undone = undo(founded)
    assert differences(before, told()) == {}
    undo(undone)
    assert differences(after, told()) == {}
