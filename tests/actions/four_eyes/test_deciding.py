"""What waits is done once, by a second person, as it was looked at; or not at all."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.access.actor import Actor, operator
from app.access.grants import Action, Scope, Subject
from app.accounts.models import User
from app.actions import work
from app.actions.employees import hire
from app.actions.four_eyes import deciding
from app.actions.registry import Outcome, Source
from app.changes.approvals import Verdict
from app.core.jobs.job import Job
from app.core.problems import Forbidden, Invalid, NotFound
from app.extensions import db
from app.people.employee import Employee
from app.people.role import Role
from tests.actions.four_eyes.house import House, change, do, held, role, sets, user, verdict, waiting, who
from tests.clock import Clock
from tests.sample import account, act
from tests.threads import at_once

PANEL = Source.PANEL


def approve(user_id: int, approval_id: int, answer: str | None = None) -> Any:
    return deciding.approve(who(user_id), approval_id, source=PANEL, answer=answer)


def promoted(house: House) -> int:
    """Have Ana ask for somebody of HR to become an administrator."""
    arguments = change(house.hr, access_role_id=role("administrator"))
    return held(house.ana, "change_user", **arguments, reason="Summer")


def notices() -> list[dict[str, Any]]:
    """Return the messages about approvals that are to be sent, the oldest first."""
    db.session.rollback()
    found = db.session.scalars(select(Job.arguments).where(Job.action == "send_mail").order_by(Job.id))
    return [one for one in found if one and str(one["kind"]).startswith("approval_")]


def test_approved_is_done_for_who_asked_and_told_of_who_approved(house: House) -> None:
    approval_id = promoted(house)
    done = approve(house.ben, approval_id, "Fine")
    assert isinstance(done, Outcome)
    assert user(house.hr).access_role_id == role("administrator")
    approved, changed = sets()[:2]
    assert (changed.id, changed.action, changed.actor_id) == (done.change_set_id, "change_user", house.ana)
    assert (changed.source, changed.reason, changed.address) == ("panel", "Summer", None)
    assert (approved.action, approved.actor_id, approved.reason) == ("approve", house.ben, "Fine")
    assert approved.arguments == {"approval_id": approval_id, "change_set_id": done.change_set_id}
    found = waiting(approval_id)
    assert (found.verdict, found.decided_by_id, found.answer) == (Verdict.APPROVED, house.ben, "Fine")
    assert (found.change_set_id, found.arguments) == (done.change_set_id, None)
    asked, decided = notices()
    assert (asked["kind"], asked["user_id"], asked["approval_id"]) == ("approval_asked", house.ben, approval_id)
    assert (decided["user_id"], decided["verdict"]) == (house.ana, "approved")


def test_what_waits_is_shown_as_it_would_be_now(house: House) -> None:
    approval_id = promoted(house)
    for user_id in (house.ana, house.ben):
        shown = deciding.preview(who(user_id), approval_id)
        (changed,) = shown.changes
        assert (changed.id, changed.after) == (house.hr, {"access_role_id": role("administrator")})
        assert deciding.is_as_asked(approval_id, shown)
    assert user(house.hr).access_role_id == role("hr")
    with pytest.raises(NotFound):
        deciding.preview(who(house.hr), approval_id)
    with pytest.raises(NotFound):
        deciding.preview(who(house.ana), 0)


def test_nobody_approves_their_own(house: House) -> None:
    approval_id = promoted(house)
    with pytest.raises(Invalid, match="Another administrator"):
        approve(house.ana, approval_id)
    with pytest.raises(Invalid, match="withdraw"):
        deciding.refuse(who(house.ana), approval_id, None)
    assert verdict(approval_id) is Verdict.WAITING


def test_only_administrators_decide(house: House, roles: list[int]) -> None:
    approval_id = promoted(house)
    for decide in (approve, lambda user_id, one: deciding.refuse(who(user_id), one, None)):
        with pytest.raises(Forbidden):
            decide(house.hr, approval_id)
    with pytest.raises(Forbidden):
        deciding.approve(operator(), approval_id, source=Source.CLI)
    ben = who(house.ben)
    third = account("administrator", "third@house.example")
    act("change_user", **change(house.ben, is_active=False))
    with pytest.raises(Forbidden):
        deciding.approve(ben, approval_id, source=PANEL)
    approve(third, approval_id)


def test_erasure_takes_the_right_to_erase_also_of_who_approves(house: House, make_role: Any) -> None:
    name = make_role("keepers", {(Action.ADMINISTER, Subject.ACCOUNTS): Scope.ALL})
    keeper = account(name, "keeper@house.example")
    asked = held(house.ana, "erase_person", employee_id=house.sample.people["Dee"])
    with pytest.raises(Forbidden):
        approve(keeper, asked)
    approve(keeper, promoted(house))
    approve(house.ben, asked)


def test_other_account_of_the_same_person_is_not_a_second_person(house: House) -> None:
    dee = house.sample.people["Dee"]
    act("change_user", **change(house.ben, employee_id=dee))
    act("change_user", **change(house.ben, employee_id=None))
    act("change_user", **change(house.ana, employee_id=dee))
    with pytest.raises(Invalid, match="same person"):
        approve(house.ben, promoted(house))
    asked = held(house.ben, "erase_person", employee_id=house.sample.people["Eli"])
    with pytest.raises(Invalid, match="same person"):
        approve(house.ana, asked)


def test_refused_withdrawn_and_expired_do_nothing(house: House, clock: Clock) -> None:
    refused = promoted(house)
    deciding.refuse(who(house.ben), refused, "Ask me first")
    withdrawn = promoted(house)
    assert withdrawn != refused
    with pytest.raises(NotFound):
        deciding.withdraw(who(house.ben), withdrawn)
    deciding.withdraw(who(house.ana), withdrawn)
    expired = promoted(house)
    clock.move(days=7)
    with pytest.raises(Invalid, match="in time"):
        approve(house.ben, expired)
    assert verdict(expired) is Verdict.WAITING
    act("expire_approvals")
    told = sets()[0]
    assert (told.action, told.actor_id, told.arguments) == ("expire_approvals", None, {"approval_ids": [expired]})
    for approval_id, became in ((refused, "refused"), (withdrawn, "withdrawn"), (expired, "expired")):
        found = waiting(approval_id)
        assert (found.verdict, found.arguments, found.change_set_id) == (became, None, None)
        for decide in (
            lambda one: approve(house.ben, one),
            lambda one: deciding.refuse(who(house.ben), one, None),
            lambda one: deciding.withdraw(who(house.ana), one),
            lambda one: deciding.preview(who(house.ben), one),
        ):
            with pytest.raises(Invalid, match="decided"):
                decide(approval_id)
    assert waiting(refused).answer == "Ask me first"
    assert user(house.hr).access_role_id == role("hr")
    decided = [one["verdict"] for one in notices() if one["kind"] == "approval_decided"]
    assert decided == ["refused", "expired"]
    before = len(sets())
    act("expire_approvals")
    assert len(sets()) == before


def test_expiring_comes_round_each_hour() -> None:
    assert [one.every for one in work.SCHEDULES if one.action == "expire_approvals"] == ["hour"]


def test_two_who_approve_at_once_do_it_once(house: House, app: Flask) -> None:
    third = account("administrator", "third@house.example")
    values = {"email": "made@house.example", "access_role_id": role("administrator")}
    for _ in range(3):
        approval_id = held(house.ana, "create_user", values=values)
        results = at_once(app, *[partial(approve, one, approval_id) for one in (house.ben, third)] * 2)
        assert [type(one) for one in results].count(Outcome) == 1, results
        assert [str(one) for one in results if isinstance(one, Exception)] == ["This is decided already."] * 3
        made = select(User).where(User.email == "made@house.example")
        assert verdict(approval_id) is Verdict.APPROVED
        (one,) = db.session.scalars(made)
        act("delete_user", user_id=one.id, version=one.version)


def test_refusing_and_approving_at_once_is_one_of_the_two(house: House, app: Flask) -> None:
    third = account("administrator", "third@house.example")
    for _ in range(3):
        approval_id = promoted(house)
        results = at_once(
            app,
            lambda one=approval_id: approve(house.ben, one),
            lambda one=approval_id: deciding.refuse(who(third), one, None),
        )
        assert len([one for one in results if isinstance(one, Invalid)]) == 1, results
        is_done = user(house.hr).access_role_id == role("administrator")
        assert (verdict(approval_id) is Verdict.APPROVED) is is_done
        act("change_user", **change(house.hr, access_role_id=role("hr")))


def test_what_would_be_something_else_by_now_is_not_done(house: House, roles: list[int]) -> None:
    approval_id = held(house.hr, "touch", role_ids=roles)
    act("touch", role_ids=roles[:1], word="y")
    assert not deciding.is_as_asked(approval_id, deciding.preview(who(house.ben), approval_id))
    with pytest.raises(deciding.Outdated):
        approve(house.ben, approval_id)
    found = waiting(approval_id)
    assert (found.verdict, found.change_set_id, found.arguments) == (Verdict.OUTDATED, None, None)
    told = sets()[0]
    assert (told.action, told.actor_id) == ("approve", house.ben)
    assert told.arguments == {"approval_id": approval_id, "verdict": "outdated"}
    assert [one["verdict"] for one in notices()[2:]] == ["outdated"]
    descriptions = db.session.scalars(select(Role.description).where(Role.id.in_(roles[1:]))).all()
    assert set(descriptions) == {None}


def test_what_did_not_change_it_leaves_it_as_it_was_asked_for(house: House, roles: list[int]) -> None:
    approval_id = held(house.hr, "touch", role_ids=roles[:201])
    act("touch", role_ids=roles[201:])
    approve(house.ben, approval_id)
    assert len([one for one in db.session.scalars(select(Role.description).where(Role.id.in_(roles))) if one]) == 250


def test_what_can_not_be_done_any_more_says_why(house: House) -> None:
    approval_id = promoted(house)
    act("delete_user", user_id=house.hr, version=user(house.hr).version)
    with pytest.raises(deciding.Outdated, match="no such record"):
        approve(house.ben, approval_id)
    assert verdict(approval_id) is Verdict.OUTDATED
    assert "no such record" in (waiting(approval_id).answer or "")


def test_broken_constraint_is_outdated_too(house: House) -> None:
    values = {"email": "made@house.example", "access_role_id": role("administrator")}
    approval_id = held(house.ana, "create_user", values=values)
    account("staff", "made@house.example")
    with pytest.raises(deciding.Outdated):
        approve(house.ben, approval_id)
    assert verdict(approval_id) is Verdict.OUTDATED


def test_it_is_done_with_the_rights_of_who_asked_at_that_moment(house: House, roles: list[int]) -> None:
    demoted = held(house.hr, "touch", role_ids=roles)
    act("change_user", **change(house.hr, access_role_id=role("staff")))
    with pytest.raises(deciding.Outdated, match="right"):
        approve(house.ben, demoted)
    act("change_user", **change(house.hr, access_role_id=role("hr")))
    ended = held(house.hr, "touch", role_ids=roles)
    act("change_user", **change(house.hr, is_active=False))
    with pytest.raises(deciding.Outdated, match="switched off"):
        approve(house.ben, ended)
    assert {verdict(demoted), verdict(ended)} == {Verdict.OUTDATED}


def test_what_was_approved_is_not_counted(house: House, roles: list[int]) -> None:
    approve(house.ben, held(house.hr, "touch", role_ids=roles))
    do(house.hr, "touch", role_ids=roles[:199])
    do(house.hr, "touch", role_ids=roles[:1])
    held(house.hr, "touch", role_ids=roles[:1])


def test_new_rows_have_other_ids_when_it_is_done(house: House, named: Any) -> None:
    @named("hire_each", needs=(Action.CREATE, Subject.EMPLOYMENT))
    def hire_each(actor: Actor, count: int) -> None:
        boss = None
        for number in range(count):
            values = {"number": f"new{number}", "first_name": "New", "hired_on": "2024-01-01", "manager_id": boss}
            boss = hire(actor, values)

    approval_id = held(house.hr, "hire_each", count=110)
    other = act("hire", values={"number": "other", "first_name": "Other", "hired_on": "2024-01-01"})
    done = approve(house.ben, approval_id)
    people = [one.id for one in done.changes if one.entity == "employees"]
    assert len(people) == 110
    assert other not in people


def test_what_comes_after_the_commit_comes_after_the_approval(house: House, named: Any) -> None:
    seen: list[str] = []

    @named("wipe", needs=None, after=lambda: seen.append(user(house.hr).email))
    def wipe(actor: Actor) -> None:
        db.session.get_one(User, house.ben).email = "elsewhere@house.example"
        db.session.get_one(User, house.hr).email = "after@house.example"

    approval_id = held(house.ana, "wipe")
    do(house.ana, "wipe", preview=True)
    assert seen == []
    approve(house.ben, approval_id)
    assert seen == ["after@house.example"]


def test_erasure_is_done_with_all_that_goes_with_it(house: House) -> None:
    dee = house.sample.people["Dee"]
    act("change_employee", employee_id=dee, version=1, values={"notes": "Zanzibar"})
    approval_id = held(house.ana, "erase_person", employee_id=dee, reason="Dee O'Hara asked for it")
    done = approve(house.ben, approval_id)
    assert done.afterwards is True
    db.session.rollback()
    assert db.session.get_one(Employee, dee).first_name == "Erased"
    if db.engine.dialect.name == "sqlite":
        log = Path(f"{db.engine.url.database}-wal")
        assert not log.exists() or b"Zanzibar" not in log.read_bytes()
