"""Planned changes: they take effect on their day, once, also late, and can be taken back before."""

from __future__ import annotations

import logging
import threading
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from app.access.actor import by_user, operator
from app.accounts.models import Session, User
from app.actions import Source, run, work
from app.actions.planned import catch_up
from app.core.clock import now, today
from app.core.problems import Forbidden, NotFound
from app.extensions import db
from app.people import assignments
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Pay
from tests.asking import asked
from tests.career import change, hire, history, one, planned, refused
from tests.sample import account, act
from tests.threads import at_once
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context", "clock")


@pytest.fixture(autouse=True)
def fresh(app):
    """Begin like a process that was just started."""
    app.extensions.pop("planned", None)


def ahead(days):
    """Return a day to come."""
    return today() + timedelta(days=days)


def transfer(*people, to, on):
    """Plan a transfer."""
    act("transfer", employee_ids=list(people), department_id=to, valid_from=on)


def leave(*people, on, **more):
    """Plan a leaving."""
    act("leave", employee_ids=list(people), left_on=on, **more)


def everybody_fits():
    """Hold everybody's history to their record."""
    assignments.check(*db.session.scalars(select(Employee.id)))


def test_planned_change_shows_on_its_day_and_not_before(sample, clock):
    cy, board, engineering = sample.people["Cy"], sample.departments["Board"], sample.departments["Engineering"]
    transfer(cy, to=board, on=ahead(10))
    before = history(cy, "department_id")
    assert before[1:] == [(ahead(10), None, board)]
    clock.move(days=9)
    assert act("take_effect") == {"changed": 0, "overdue": []}
    assert one(cy).department_id == engineering
    clock.move(days=1)
    assert act("take_effect") == {"changed": 1, "overdue": []}
    assert one(cy).department_id == board
    assert act("take_effect") == {"changed": 0, "overdue": []}
    assert history(cy, "department_id") == before
    everybody_fits()


def test_of_several_days_that_nobody_worked_in_the_last_counts(sample, clock):
    cy = sample.people["Cy"]
    transfer(cy, to=sample.departments["Board"], on=ahead(2))
    transfer(cy, to=sample.departments["Platform"], on=ahead(4))
    act("assign_role", employee_ids=[cy], role_id=sample.roles["Clerk"], valid_from=ahead(2))
    clock.move(days=30)
    assert act("take_effect")["changed"] == 1
    assert (one(cy).department_id, one(cy).role_id) == (sample.departments["Platform"], sample.roles["Clerk"])
    everybody_fits()


def test_managers_who_change_places_on_one_day_both_do(sample, clock):
    people = sample.people
    act("change_manager", employee_ids=[people["Cy"]], manager_id=people["Ada"], valid_from=ahead(1))
    act("change_manager", employee_ids=[people["Bo"]], manager_id=people["Cy"], valid_from=ahead(1))
    clock.move(days=1)
    assert act("take_effect") == {"changed": 2, "overdue": []}
    assert (one(people["Bo"]).manager_id, one(people["Cy"]).manager_id) == (people["Cy"], people["Ada"])


def test_what_can_not_be_any_more_stops_nobody_else_and_is_told(sample, clock, caplog):
    people, platform = sample.people, sample.departments["Platform"]
    transfer(people["Hana"], people["Ada"], to=platform, on=ahead(1))
    act("change_manager", employee_ids=[people["Eli"]], manager_id=people["Dee"], valid_from=ahead(2))
    act("assign_role", employee_ids=[people["Cy"]], role_id=sample.roles["Clerk"], valid_from=ahead(2))
    act("change_manager", employee_ids=[people["Bo"]], manager_id=people["Hana"], valid_from=ahead(2))
    clock.move(days=1)
    act("take_effect")
    act("change_manager", employee_ids=[people["Hana"]], manager_id=people["Bo"])
    leave(people["Dee"], on=today())
    db.session.get_one(Department, platform).closed_on = today()
    transfer_later = {"employee_ids": [people["Cy"]], "department_id": sample.departments["Board"]}
    commit()
    act("transfer", **transfer_later, valid_from=ahead(1))
    clock.move(days=1)
    with caplog.at_level(logging.WARNING):
        told = act("take_effect")
    assert told["changed"] == 1
    assert {(row["employee_id"], row["why"]) for row in told["overdue"]} == {
        (people["Eli"], "Dee O'Hara has left. Choose another manager."),
        (people["Bo"], "The new manager works below this person. Choose another one."),
    }
    assert {record.employee_id for record in caplog.records} == {people["Eli"], people["Bo"]}
    assert "Dee" not in caplog.text
    assert one(people["Cy"]).role_id == sample.roles["Clerk"]
    assert one(people["Eli"]).manager_id == people["Cy"]
    change(people["Eli"], manager_id=people["Ada"])
    act("cancel_planned", employee_id=people["Bo"], assignment_id=assignments.of(people["Bo"])[-1].id)
    assert act("take_effect") == {"changed": 0, "overdue": []}
    everybody_fits()


def test_department_that_closed_meanwhile_keeps_its_newcomers_where_they_are(sample, clock):
    cy = sample.people["Cy"]
    transfer(cy, to=sample.departments["Platform"], on=ahead(1))
    db.session.get_one(Department, sample.departments["Platform"]).closed_on = today()
    commit()
    clock.move(days=3)
    (told,) = act("take_effect")["overdue"]
    assert (told["employee_id"], told["valid_from"]) == (cy, ahead(-2).isoformat())
    assert told["why"] == "Platform is closed. Choose another department."
    assert one(cy).department_id == sample.departments["Engineering"]
    db.session.get_one(Department, sample.departments["Platform"]).closed_on = None
    commit()
    assert act("take_effect")["changed"] == 1


def test_planned_leaving_ends_work_account_and_lead_after_the_last_day(sample, clock):
    bo, cy, hana, ada = (sample.people[name] for name in ("Bo", "Cy", "Hana", "Ada"))
    times = {"created_at": now(), "last_seen_at": now(), "expires_at": now() + timedelta(days=1)}
    db.session.add(Session(token_hash="t" * 64, user_id=sample.users["manager"], **times))
    commit()
    act("raise_pay", employee_ids=[bo], amount=1, currency="EUR")
    transfer(bo, to=sample.departments["Platform"], on=ahead(5))
    leave(bo, on=ahead(10), successor_id=hana, leaving_reason="Moved on")
    leaves = ahead(11)
    assert history(bo, "status", "manager_id")[1:] == [
        (ahead(5), leaves, "active", ada),
        (leaves, None, "left", hana),
    ]
    assert (one(bo).status, one(bo).left_on) == ("active", None)
    assert db.session.scalar(select(Pay.valid_to)) == leaves
    clock.move(days=10)
    act("take_effect")
    assert one(bo).status == "active"
    assert db.session.get_one(User, sample.users["manager"]).is_active
    late = hire("L", hired_on=today(), manager_id=bo)
    clock.move(days=3)
    assert act("take_effect")["changed"] == 1
    gone = one(bo)
    assert (gone.status, gone.left_on, gone.leaving_reason) == ("left", leaves - timedelta(days=1), "Moved on")
    assert (gone.department_id, gone.manager_id) == (sample.departments["Platform"], ada)
    assert history(bo)[-1] == (leaves - timedelta(days=6), leaves)
    assert history(cy, "manager_id")[-1] == (leaves, None, hana)
    assert one(late).manager_id == hana
    assert db.session.get_one(Department, sample.departments["Engineering"]).lead_id == hana
    assert not db.session.get_one(User, sample.users["manager"]).is_active
    assert db.session.scalar(select(func.count()).select_from(Session)) == 0
    everybody_fits()


def test_reports_go_to_who_is_above_where_the_successor_is_gone_by_then(sample, clock):
    people = sample.people
    leave(people["Bo"], on=ahead(5), successor_id=people["Hana"])
    leave(people["Hana"], on=ahead(2))
    clock.move(days=6)
    assert act("take_effect") == {"changed": 2, "overdue": []}
    assert one(people["Cy"]).manager_id == one(people["Dee"]).manager_id == people["Ada"]
    everybody_fits()


def test_last_administrator_stays_after_the_last_day_and_is_told(sample, clock):
    people = sample.people
    leave(people["Ada"], on=ahead(1), successor_id=people["Hana"])
    leave(people["Dee"], on=ahead(1))
    clock.move(days=2)
    told = act("take_effect")
    assert (told["changed"], one(people["Dee"]).status, one(people["Ada"]).status) == (1, "left", "active")
    assert (
        told["overdue"][0]["why"] == "administrator@sample.example is the last administrator. Make another one first."
    )
    account("administrator", "other@sample.example")
    assert act("take_effect") == {"changed": 1, "overdue": []}
    assert one(people["Bo"]).manager_id == people["Hana"]


def test_planned_leaving_is_moved_by_planning_it_again_and_ends_plans_after_it(sample, clock):
    dee = sample.people["Dee"]
    act("raise_pay", employee_ids=[dee], amount=1, currency="EUR")
    leave(dee, on=ahead(5))
    leave(dee, on=ahead(20))
    transfer(dee, to=sample.departments["Board"], on=ahead(10))
    assert [row[:2] for row in history(dee)][1:] == [(ahead(10), ahead(21)), (ahead(21), None)]
    assert db.session.scalar(select(Pay.valid_to)) == ahead(21)
    late = refused(transfer, dee, to=sample.departments["Engineering"], on=ahead(21))
    assert late == {"valid_from": "This is after the last day of work."}
    leave(dee, on=ahead(9))
    assert [row[:2] for row in history(dee)] == [(date(2018, 9, 3), ahead(10)), (ahead(10), None)]
    leave(dee, on=today())
    assert [row[:2] for row in history(dee)] == [(date(2018, 9, 3), ahead(1))]
    assert one(dee).status == "left"
    everybody_fits()


def test_planned_return_brings_somebody_back_on_the_day(sample, clock):
    flo = sample.people["Flo"]
    act("come_back", employee_ids=[flo], valid_from=ahead(3))
    act("raise_pay", employee_ids=[flo], amount=1, currency="EUR", valid_from=ahead(3))
    transfer(flo, to=sample.departments["Board"], on=ahead(5))
    everybody_fits()
    clock.move(days=3)
    assert act("take_effect")["changed"] == 1
    assert (one(flo).status, one(flo).left_on) == ("active", None)
    assert one(flo).department_id == sample.departments["Platform"]
    clock.move(days=2)
    act("take_effect")
    assert one(flo).department_id == sample.departments["Board"]
    everybody_fits()


# Taken back


def test_plan_that_is_taken_back_takes_along_what_later_ones_took_over(sample):
    cy, board = sample.people["Cy"], sample.departments["Board"]
    transfer(cy, to=board, on=ahead(5))
    act("assign_role", employee_ids=[cy], role_id=sample.roles["Clerk"], valid_from=ahead(10))
    act("cancel_planned", employee_id=cy, assignment_id=planned(cy)[0])
    assert history(cy, "department_id", "role_id") == [
        (date(2015, 6, 15), ahead(10), sample.departments["Engineering"], sample.roles["Engineer"]),
        (ahead(10), None, sample.departments["Engineering"], sample.roles["Clerk"]),
    ]


def test_leaving_that_is_taken_back_leaves_no_trace(sample):
    dee = sample.people["Dee"]
    act("raise_pay", employee_ids=[dee], amount=1, currency="EUR")
    leave(dee, on=ahead(5), leaving_reason="Moved on")
    act("cancel_planned", employee_id=dee, assignment_id=planned(dee)[0])
    assert history(dee) == [(date(2018, 9, 3), None)]
    assert (one(dee).leaving_reason, db.session.scalar(select(Pay.valid_to))) == (None, None)


def test_return_that_is_taken_back_takes_along_what_was_to_follow(sample):
    flo = sample.people["Flo"]
    act("come_back", employee_ids=[flo], valid_from=ahead(3))
    transfer(flo, to=sample.departments["Board"], on=ahead(5))
    act("cancel_planned", employee_id=flo, assignment_id=planned(flo)[0])
    assert history(flo) == [(date(2016, 5, 2), date(2020, 6, 1))]


def test_what_took_effect_or_is_not_theirs_can_not_be_taken_back(sample, clock):
    cy, dee = sample.people["Cy"], sample.people["Dee"]
    transfer(cy, to=sample.departments["Board"], on=ahead(1))
    (plan,) = planned(cy)
    with pytest.raises(NotFound):
        act("cancel_planned", employee_id=dee, assignment_id=plan)
    arguments = {"employee_id": cy, "assignment_id": plan}
    with pytest.raises(Forbidden):
        run("cancel_planned", actor=by_user(sample.users["manager"]), source=Source.PANEL, **arguments)
    clock.move(days=1)
    act("take_effect")
    words = "This has taken effect already. Correct it, or change it from a day on."
    assert refused(act, "cancel_planned", employee_id=cy, assignment_id=plan) == {"": words}
    newcomer = hire("N", hired_on=ahead(5))
    assert refused(act, "cancel_planned", employee_id=newcomer, assignment_id=planned(newcomer)[0]) == {"": words}


# By itself


def test_nobody_but_the_system_lets_plans_take_effect(sample):
    with pytest.raises(Forbidden):
        run("take_effect", actor=by_user(sample.users["administrator"]), source=Source.PANEL)


def test_day_is_caught_up_with_once(sample, clock, monkeypatch):
    looked = []
    monkeypatch.setattr(assignments, "due_ids", lambda *arguments: looked.append(arguments) or [])
    clock.move(days=40)
    for _ in range(3):
        catch_up()
    assert len(looked) == 1
    clock.move(days=1)
    catch_up()
    assert len(looked) == 2


def test_crowd_is_caught_up_with_in_parts(sample, clock, monkeypatch):
    crowd = [hire(f"C{i}", hired_on=today()) for i in range(5)]
    transfer(*crowd, to=sample.departments["Board"], on=ahead(1))
    clock.move(days=1)
    monkeypatch.setattr("app.actions.planned.MOST", 2)
    done = []
    for _ in range(4):
        catch_up()
        db.session.rollback()
        done.append(db.session.scalar(select(func.count()).where(Employee.id.in_(crowd), Employee.department_id > 0)))
    assert done == [2, 4, 5, 5]


def test_daily_job_lets_everybody_have_their_turn_however_long_ago_it_was_due(app, sample, clock, monkeypatch):
    crowd = [hire(f"C{i}", hired_on=today()) for i in range(5)]
    transfer(*crowd, to=sample.departments["Board"], on=ahead(1))
    clock.move(days=100)
    monkeypatch.setattr("app.actions.planned.MOST", 2)
    work.start("take_effect", actor=operator(), source=Source.SYSTEM)
    work.do_jobs(app, threading.Event(), is_once=True)
    assert {one(person).department_id for person in crowd} == {sample.departments["Board"]}


def test_trouble_while_catching_up_is_logged_and_tried_again_later(sample, clock, monkeypatch, caplog):
    transfer(sample.people["Cy"], to=sample.departments["Board"], on=ahead(1))
    clock.move(days=1)
    with monkeypatch.context() as broken:
        broken.setattr(assignments, "due_ids", lambda *_: 1 / 0)
        catch_up()
        catch_up()
    assert [record.message for record in caplog.records].count("planned changes could not take effect") == 1
    catch_up()
    assert one(sample.people["Cy"]).department_id == sample.departments["Engineering"]
    monkeypatch.setattr("time.monotonic", lambda: float("inf"))
    catch_up()
    assert one(sample.people["Cy"]).department_id == sample.departments["Board"]


def test_day_with_nothing_due_is_one_look(sample, clock):
    hire("N", hired_on=ahead(1))
    clock.move(days=1)
    with asked() as statements:
        catch_up()
    assert len(statements) == 1


def test_two_who_plan_for_one_person_at_once_do_not_both_begin_anew(app, sample):
    """Neither touches a row that the other does, but for the one that says so."""
    flo, dee = sample.people["Flo"], sample.people["Dee"]
    for turn in range(4):
        days = [ahead(10 + 2 * turn), ahead(11 + 2 * turn)]
        pay = {"employee_ids": [hire(f"N{turn}")], "amount": 1, "currency": "EUR"}
        returns = at_once(app, *(partial(act, "come_back", employee_ids=[flo], valid_from=day) for day in days))
        at_once(app, *(partial(act, "raise_pay", **pay, valid_from=day) for day in days))
        moves = [
            ("transfer", {"department_id": sample.departments["Board"]}),
            ("assign_role", {"role_id": sample.roles["Clerk"]}),
        ]
        at_once(
            app,
            *(
                partial(act, name, employee_ids=[dee], **more, valid_from=day)
                for (name, more), day in zip(moves, days, strict=True)
            ),
        )
        assert sum(result == 1 for result in returns) == 1
        everybody_fits()
        act("cancel_planned", employee_id=flo, assignment_id=planned(flo)[0])
