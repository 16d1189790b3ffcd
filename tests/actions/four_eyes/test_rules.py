"""What waits for a second administrator, and what does not; also by the ways around it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from app import actions
from app.access.actor import Actor, operator
from app.access.grants import Action, Scope, Subject
from app.accounts.models import GrantRow, User
from app.actions.four_eyes import rules
from app.actions.four_eyes.rules import Rule
from app.actions.registry import Source
from app.changes.approvals import Approval
from app.core.clock import today
from app.core.problems import Forbidden, HeldBack, Invalid
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee
from tests.actions.four_eyes.house import House, change, do, held, role, rules_of, sets, user, waiting, would_wait
from tests.clock import Clock
from tests.sample import Sample, account, act
from tests.threads import at_once

DAY = timedelta(days=1)


def hire(count: int, mark: str = "h") -> list[int]:
    """Have the operator hire people; return their ids."""
    values = {"first_name": "New", "hired_on": "2024-01-01"}
    return [int(act("hire", values={**values, "number": f"{mark}{number}"})) for number in range(count)]


def test_numbers_that_people_were_told() -> None:
    assert (20, 200, timedelta(hours=1)) == (rules.MOST_DELETED, rules.MOST_ROWS, rules.WINDOW)


def test_one_administrator_waits_for_nobody(sample: Sample, context: Flask) -> None:
    one = sample.users["administrator"]
    assert not rules.is_in_force()
    do(one, "change_user", **change(sample.users["hr"], access_role_id=role("administrator")))
    assert rules.is_in_force()
    assert rules_of(held(one, "erase_person", employee_id=sample.people["Dee"])) == ["erasure"]


def test_operator_waits_for_nobody(house: House, roles: list[int]) -> None:
    act("touch", role_ids=roles)
    act("change_user", **change(house.hr, access_role_id=role("administrator")))
    act("erase_person", employee_id=house.sample.people["Dee"])
    act("change_user", **change(house.ben, is_active=False))
    assert db.session.scalar(select(func.count()).select_from(Approval)) == 0


@pytest.mark.parametrize("way", ["create", "role", "switch on"])
def test_whoever_becomes_an_administrator_waits(house: House, way: str) -> None:
    ended = account("administrator", "once@house.example")
    act("change_user", **change(ended, is_active=False))
    values = {"email": "new@house.example", "access_role_id": role("administrator")}
    name, arguments = {
        "create": ("create_user", {"values": values}),
        "role": ("change_user", change(house.hr, access_role_id=role("administrator"))),
        "switch on": ("change_user", change(ended, is_active=True)),
    }[way]
    assert would_wait(house.ana, name, **arguments) == (Rule.ADMINISTRATION,)
    assert rules_of(held(house.ana, name, **arguments)) == ["administration"]
    assert set(rules.active_administrators()) == {house.ana, house.ben}


def test_other_accounts_wait_for_nobody(house: House) -> None:
    made = do(house.ana, "create_user", values={"email": "x@house.example", "access_role_id": role("staff")}).value
    do(house.ana, "change_user", **change(made, access_role_id=role("hr"), email="y@house.example"))
    do(house.ana, "change_user", **change(made, is_active=False))
    assert do(house.ana, "delete_user", user_id=made, version=user(made).version).value is False


def test_address_and_person_of_another_administrator_wait_but_not_ones_own_address(house: House) -> None:
    for values in ({"email": "mine@house.example"}, {"employee_id": house.sample.people["Dee"]}):
        assert rules_of(held(house.ana, "change_user", **change(house.ben, **values))) == ["administration"]
    person = {"employee_id": house.sample.people["Dee"]}
    assert rules_of(held(house.ana, "change_user", **change(house.ana, **person))) == ["administration"]
    do(house.ana, "change_user", **change(house.ana, email="ana.new@house.example"))
    assert user(house.ben).email == "ben@house.example"


@pytest.mark.parametrize("values", [{"is_active": False}, {"access_role_id": "staff"}])
def test_of_two_administrators_neither_ends_the_other_alone(house: House, values: dict[str, Any]) -> None:
    values = {name: role(value) if isinstance(value, str) else value for name, value in values.items()}
    assert rules_of(held(house.ana, "change_user", **change(house.ben, **values))) == ["administration"]
    assert rules_of(held(house.ana, "change_user", **change(house.ana, **values))) == ["administration"]
    assert rules_of(held(house.ana, "delete_user", user_id=house.ben, version=user(house.ben).version))
    third = account("administrator", "third@house.example")
    do(house.ana, "change_user", **change(third, **values))


def test_of_three_administrators_two_do_not_end_one_each_at_once(house: House, app: Flask, named: Any) -> None:
    @named("end", needs=(Action.EDIT, Subject.ACCOUNTS))
    def end(actor: Actor, user_id: int) -> None:
        db.session.get_one(User, user_id).is_active = False

    third = account("administrator", "third@house.example")
    pairs = ((house.ana, house.ben), (third, house.ana), (house.ben, third))
    works = [lambda one=one, other=other: do(one, "end", user_id=other) for one, other in pairs]
    results = at_once(app, *works)
    assert len(rules.active_administrators()) == 2, results


def test_leaving_of_an_administrator_counts_also_when_it_is_planned(house: House) -> None:
    eli, dee = house.sample.people["Eli"], house.sample.people["Dee"]
    act("change_user", **change(house.sample.users["staff"], employee_id=None))
    act("change_user", **change(house.ben, employee_id=eli))
    for day in (today(), today() + DAY):
        assert rules_of(held(house.hr, "leave", employee_ids=[eli], left_on=day)) == ["administration"]
    third = account("administrator", "third@house.example", dee)
    do(house.hr, "leave", employee_ids=[eli], left_on=today() + DAY)
    assert rules_of(held(house.hr, "leave", employee_ids=[dee], left_on=today() + 9 * DAY)) == ["administration"]
    assert user(third).is_active
    do(house.ana, "create_user", values={"email": "z@house.example", "access_role_id": role("staff")})


def test_leaving_that_is_planned_already_does_not_hide_one_of_today(house: House) -> None:
    people = [house.sample.people[name] for name in ("Eli", "Dee")]
    act("change_user", **change(house.sample.users["staff"], employee_id=None))
    act("change_user", **change(house.ben, employee_id=people[0]))
    account("administrator", "third@house.example", people[1])
    act("leave", employee_ids=people, left_on=today() + DAY)
    do(house.hr, "leave", employee_ids=people[:1], left_on=today())
    assert rules_of(held(house.hr, "leave", employee_ids=people[1:], left_on=today())) == ["administration"]


def test_whoever_is_to_leave_does_not_stay_in_place_of_another(house: House) -> None:
    dee = house.sample.people["Dee"]
    account("administrator", "third@house.example", dee)
    do(house.hr, "leave", employee_ids=[dee], left_on=today() + DAY)
    assert rules_of(held(house.ana, "change_user", **change(house.ben, is_active=False))) == ["administration"]


def test_rights_of_an_access_role_count_as_far_as_somebody_holds_it(house: House, make_role: Any, named: Any) -> None:
    name = make_role("helpers", {(Action.VIEW, Subject.DIRECTORY): Scope.ALL})
    helper = account(name, "helper@house.example")

    @named("widen", needs=(Action.ADMINISTER, Subject.ACCOUNTS))
    def widen(actor: Actor, access_role_id: int) -> None:
        words = {"action": "administer", "subject": "accounts", "scope": "all"}
        db.session.add(GrantRow(access_role_id=access_role_id, **words))

    @named("narrow", needs=(Action.ADMINISTER, Subject.ACCOUNTS))
    def narrow(actor: Actor, access_role_id: int) -> None:
        query = select(GrantRow).where(GrantRow.access_role_id == access_role_id, GrantRow.subject == "accounts")
        for grant in db.session.scalars(query):
            db.session.delete(grant)

    assert rules_of(held(house.ana, "widen", access_role_id=role(name))) == ["administration"]
    assert rules_of(held(house.ana, "narrow", access_role_id=role("administrator"))) == ["administration"]
    act("change_user", **change(helper, is_active=False))
    do(house.ana, "widen", access_role_id=role(name))
    assert rules_of(held(house.ana, "change_user", **change(helper, is_active=True))) == ["administration"]


def test_erasing_waits_whoever_it_is_about(house: House) -> None:
    act("change_user", **change(house.sample.users["staff"], employee_id=None))
    act("change_user", **change(house.ben, employee_id=house.sample.people["Eli"]))
    for name in ("Dee", "Eli"):
        person = house.sample.people[name]
        assert "erasure" in rules_of(held(house.ana, "erase_person", employee_id=person))
        db.session.rollback()
        assert db.session.get_one(Employee, person).first_name == name


def test_twenty_people_are_deleted_at_most_within_an_hour(house: House, clock: Clock, named: Any) -> None:
    @named("delete_many", needs=(Action.DELETE, Subject.EMPLOYMENT))
    def delete_many(actor: Actor, employee_ids: list[int]) -> None:
        for employee_id in employee_ids:
            person = db.session.get_one(Employee, employee_id)
            for stretch in assignments.of(employee_id):
                db.session.delete(stretch)
            db.session.flush()
            db.session.delete(person)

    people = hire(62)
    assert rules_of(held(house.hr, "delete_many", employee_ids=people[:21])) == ["deletion"]
    do(house.hr, "delete_many", employee_ids=people[:15])
    do(house.hr, "delete_many", employee_ids=people[15:20])
    assert rules_of(held(house.hr, "delete_many", employee_ids=people[20:21])) == ["deletion"]
    clock.move(minutes=61)
    do(house.hr, "delete_many", employee_ids=people[20:40])


def test_two_hundred_rows_are_changed_at_most_within_an_hour(house: House, roles: list[int], clock: Clock) -> None:
    assert rules_of(held(house.hr, "touch", role_ids=roles[:201])) == ["rows"]
    assert would_wait(house.hr, "touch", role_ids=roles[:200]) == ()
    do(house.hr, "touch", role_ids=roles[:199])
    do(house.hr, "touch", role_ids=roles[:1])
    for some in (roles[:1], roles[:199]):
        assert rules_of(held(house.hr, "touch", role_ids=some)) == ["rows"]
    do(house.ana, "touch", role_ids=roles[:10])
    clock.move(minutes=59)
    held(house.hr, "touch", role_ids=roles[1:2])
    clock.move(minutes=2)
    do(house.hr, "touch", role_ids=roles[:199])


def test_undo_of_ones_own_big_change_counts_like_any_other(house: House, roles: list[int]) -> None:
    done = do(house.hr, "touch", role_ids=roles[:150])
    undo = {"change_set_id": done.change_set_id, "undoes": done.change_set_id}
    assert rules_of(held(house.hr, "undo", **undo)) == ["rows"]


def test_undo_hands_out_no_access_alone(house: House) -> None:
    act("change_user", **change(house.hr, access_role_id=role("administrator")))
    act("change_user", **change(house.hr, access_role_id=role("hr")))
    demoted = sets()[0].id
    assert rules_of(held(house.ana, "undo", change_set_id=demoted)) == ["administration"]


def test_portions_at_once_are_counted_too(house: House, roles: list[int], app: Flask) -> None:
    works = [lambda part=part: do(house.hr, "touch", role_ids=roles[part * 60 : part * 60 + 60]) for part in range(4)]
    results = at_once(app, *works)
    assert [type(result) for result in results].count(HeldBack) == 1, results
    assert [type(result) for result in results].count(actions.Outcome) == 3, results


def test_asking_twice_is_asking_once(house: House, roles: list[int]) -> None:
    first = held(house.hr, "touch", role_ids=roles)
    assert held(house.hr, "touch", role_ids=roles) == first
    assert held(house.hr, "touch", role_ids=roles[:-1]) != first
    assert held(house.hr, "touch", role_ids=[*roles, 0]) != first  # which would do the same today
    assert held(house.ana, "touch", role_ids=roles) != first


def test_what_waits_tells_who_asked_for_what_and_why(house: House, roles: list[int]) -> None:
    approval = waiting(held(house.hr, "touch", role_ids=roles, reason="  Spring "))
    assert (approval.action, approval.actor_id, approval.source, approval.reason) == (
        "touch",
        house.hr,
        "panel",
        "Spring",
    )
    assert (approval.arguments, approval.records, approval.verdict) == ({"role_ids": roles}, 250, "waiting")
    assert approval.expires_at - approval.asked_at == timedelta(days=7)
    asked = sets()[0]
    assert (asked.action, asked.actor_id, asked.arguments) == ("ask_approval", house.hr, {"approval_id": approval.id})


def test_password_is_not_kept_for_a_week(house: House) -> None:
    values = {"email": "new@house.example", "access_role_id": role("administrator")}
    with pytest.raises(Invalid) as refused:
        do(house.ana, "create_user", values=values, password="walking in the sun")
    assert list(refused.value.errors) == ["password"]
    assert db.session.scalar(select(func.count()).select_from(Approval)) == 0
    staff = {"email": "new@house.example", "access_role_id": role("staff")}
    do(house.ana, "create_user", values=staff, password="walking in the sun")


def test_nobody_makes_a_way_in_for_another_administrator(house: House) -> None:
    with pytest.raises(Invalid, match="Forgot your password"):
        do(house.ana, "make_sign_in_link", user_id=house.ben)
    for user_id in (house.ana, house.hr):
        do(house.ana, "make_sign_in_link", user_id=user_id)
    act("make_sign_in_link", user_id=house.ben)
    act("change_user", **change(house.hr, access_role_id=role("administrator")))
    act("switch_four_eyes", is_on=False)
    do(house.ana, "make_sign_in_link", user_id=house.ben)


def test_ordinary_edit_costs_one_statement(house: House, roles: list[int]) -> None:
    def statements(user_id: int | None) -> int:
        found: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            found.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            if user_id is None:
                actions.run("touch", actor=operator(), source=Source.CLI, role_ids=roles[:1])
            else:
                do(user_id, "touch", role_ids=roles[:1])
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len([one for one in found if not one.startswith(("BEGIN", "PRAGMA"))])

    # Beside it, the two that say who it is: `do` looks it up, and `run` again inside the transaction. The latter also
    # says whether anything may be changed, for which the operator, whom nobody looks up, has one of their own.
    assert statements(house.hr) == statements(None) + 1 + 2 - 1


def test_switching_it_off_waits_and_switching_on_does_not(house: House) -> None:
    assert would_wait(house.ana, "switch_four_eyes", is_on=False) == (Rule.SWITCH,)
    assert rules_of(held(house.ana, "switch_four_eyes", is_on=False)) == ["switch"]
    assert rules.is_in_force()
    act("switch_four_eyes", is_on=False)
    assert not rules.is_in_force()
    assert sets()[0].arguments == {"is_on": False}
    do(house.ana, "erase_person", employee_id=house.sample.people["Dee"])
    do(house.ana, "switch_four_eyes", is_on=True)
    assert rules.is_in_force()
    held(house.ana, "switch_four_eyes", is_on=False)


def test_others_than_administrators_switch_nothing(house: House) -> None:
    with pytest.raises(Forbidden):
        do(house.hr, "switch_four_eyes", is_on=False)


def test_ended_administrators_count_for_nothing(house: House) -> None:
    act("change_user", **change(house.ben, is_active=False))
    assert not rules.is_in_force()
    with db.engine.begin() as connection:
        assert connection.execute(select(User.is_active).where(User.id == house.ben)).scalar() is False
    do(house.ana, "change_user", **change(house.hr, access_role_id=role("administrator")))
