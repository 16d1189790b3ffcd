"""The demo organisation in the database: all of it, once, beside what was there before."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import Actor, operator
from app.actions import demo
from app.actions.demo.plan import plan
from app.actions.registry import Source, run
from app.core import clock, text
from app.core.problems import Forbidden
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status, name_key
from app.people.history import Assignment, Pay
from app.people.role import Role
from app.people.search import FOUND_BY, SearchWord, words_of
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")

MODELS = (Department, Role, Employee, Assignment, Pay, SearchWord)


def counts() -> dict[str, int]:
    return {model.__tablename__: db.session.scalar(select(func.count()).select_from(model)) or 0 for model in MODELS}


def everything() -> dict[str, list[tuple[object, ...]]]:
    db.session.rollback()
    return {
        model.__tablename__: sorted(map(tuple, db.session.execute(select(*model.__table__.columns))), key=repr)
        for model in MODELS
    }


def everybody() -> dict[str, Employee]:
    db.session.rollback()
    return {employee.number: employee for employee in db.session.scalars(select(Employee))}


def keep(*rows: object) -> None:
    db.session.add_all(rows)
    commit()


def assert_lines_are_sound(people: dict[str, Employee]) -> None:
    by_id = {employee.id: employee for employee in people.values()}
    for employee in by_id.values():
        above, seen = employee, set()
        while above.manager_id is not None:
            assert above.id not in seen
            seen.add(above.id)
            above = by_id[above.manager_id]
        if employee.status is not Status.LEFT and employee.number != "D-00001":
            assert employee.manager_id is not None
            assert by_id[employee.manager_id].status is Status.ACTIVE
    for row in db.session.scalars(select(Assignment).where(Assignment.manager_id.is_not(None))):
        assert by_id[row.manager_id].hired_on <= row.valid_from


def test_database_holds_what_was_planned():
    seeded = demo.seed(120, 1)
    made = plan(120, 1, clock.today())
    planned = list(made.people())
    assert seeded == demo.Seeded(120, len(made.departments), len(made.roles), 0)
    assert counts() == {
        "departments": len(made.departments),
        "roles": len(made.roles),
        "employees": 120,
        "assignments": sum(len(p.assignments) for p in planned),
        "pay": sum(len(p.pay) for p in planned),
        "search_words": sum(len(words_of({f: getattr(p, f) for f in FOUND_BY})) for p in planned),
    }
    people = everybody()
    departments = {d.id: d.code for d in db.session.scalars(select(Department))}
    titles = {r.id: r.title for r in db.session.scalars(select(Role))}
    numbers = {e.id: e.number for e in people.values()}
    for p in planned:
        row = people[p.number]
        for field in (
            "first_name",
            "last_name",
            "email",
            "status",
            "fte",
            "hired_on",
            "left_on",
            "birth_date",
            "phone",
        ):
            assert getattr(row, field) == getattr(p, field)
        assert (row.number_key, row.email_key) == (text.key(p.number), text.key(p.email))
        assert row.name_key == name_key(p.first_name, p.last_name)
        assert row.version == 1
        history = db.session.scalars(
            select(Assignment).where(Assignment.employee_id == row.id).order_by(Assignment.valid_from)
        ).all()
        assert [
            (
                a.valid_from,
                a.valid_to,
                a.status,
                departments[a.department_id],
                titles[a.role_id],
                numbers.get(a.manager_id),
            )
            for a in history
        ] == [
            (a.valid_from, a.valid_to, a.status, a.department_code, a.role_title, a.manager_number)
            for a in p.assignments
        ]
        now = history[-1]
        assert (row.department_id, row.role_id, row.manager_id) == (now.department_id, now.role_id, now.manager_id)
        pay = db.session.scalars(select(Pay).where(Pay.employee_id == row.id).order_by(Pay.valid_from)).all()
        assert [(w.amount, w.currency, w.period, w.valid_to) for w in pay] == [
            (w.amount, w.currency, w.period, w.valid_to) for w in p.pay
        ]


@pytest.mark.once
def test_departments_have_parents_and_leads_who_work_there():
    demo.seed(120, 1)
    departments = db.session.scalars(select(Department)).all()
    assert sum(department.parent_id is None for department in departments) == 1
    for department in departments:
        assert department.lead is not None
        assert department.lead.department_id == department.id
        assert department.lead.status is Status.ACTIVE


def test_second_run_changes_nothing():
    demo.seed(120, 1)
    before = everything()
    assert demo.seed(120, 1) == demo.Seeded(0, 0, 0, 120)
    assert everything() == before


@pytest.mark.once
def test_second_run_respects_what_was_renamed_and_closed_meanwhile():
    demo.seed(120, 1)
    departments = {d.code: d for d in db.session.scalars(select(Department))}
    departments["TEC"].name = "Engines"
    departments["FIN"].closed_on = clock.today()
    with db.session.no_autoflush:
        db.session.scalars(select(Role).where(Role.level == 7)).one().title = "Boss"
    commit()
    before = everything()
    assert demo.seed(120, 1) == demo.Seeded(0, 0, 0, 120)
    assert everything() == before


@pytest.mark.once
def test_larger_number_uses_departments_that_were_renamed_meanwhile():
    demo.seed(120, 1)
    technology = db.session.scalars(select(Department).where(Department.code == "TEC")).one()
    technology.name = "Engines"
    commit()
    demo.seed(300, 1)
    assert db.session.scalar(select(func.count()).where(Department.name_key == "technology")) == 0


@pytest.mark.once
def test_smaller_number_changes_nothing():
    demo.seed(120, 1)
    before = everything()
    assert demo.seed(60, 1).people == 0
    assert everything()["employees"] == before["employees"]


@pytest.mark.once
def test_nobody_wanted_is_nobody_added():
    assert demo.seed(0, 1) == demo.Seeded(0, 0, 0, 0)
    assert counts()["employees"] == 0


@pytest.mark.once
def test_larger_number_adds_the_missing_people_and_keeps_the_others():
    demo.seed(60, 1)
    before = {number: (e.first_name, e.email, e.manager_id, e.version) for number, e in everybody().items()}
    assert demo.seed(400, 1).people == 340
    people = everybody()
    assert len(people) == 400
    assert {n: (e.first_name, e.email, e.manager_id, e.version) for n, e in people.items() if n in before} == before
    assert len({e.email_key for e in people.values()}) == 400
    assert_lines_are_sound(people)
    assert all(department.lead_id for department in db.session.scalars(select(Department)))


def test_run_cut_short_is_completed_by_the_next():
    wanted = {"employees": 300, "seed": 1, "today": clock.today()}
    for name, more in (
        ("seed_demo_organisation", {}),
        ("seed_demo_people", {"segment": 0}),
        ("seed_demo_people", {"segment": 1}),
    ):
        run(name, actor=operator(), source=Source.CLI, **wanted, **more)
    assert 0 < counts()["employees"] < 300
    demo.seed(300, 1)
    after = counts()
    assert after["employees"] == 300
    assert after["assignments"] == sum(len(p.assignments) for p in plan(300, 1, clock.today()).people())
    assert_lines_are_sound(everybody())


@pytest.mark.once
def test_manager_who_left_meanwhile_gets_no_new_reports():
    wanted = {"employees": 300, "seed": 1, "today": clock.today()}
    made = plan(**wanted)
    run("seed_demo_organisation", actor=operator(), source=Source.CLI, **wanted)
    for segment in range(len(made.segments) - 1):
        run("seed_demo_people", actor=operator(), source=Source.CLI, **wanted, segment=segment)
    last = [made.person(index) for index in made.segments[-1]]
    gone = next(p.assignments[-1].manager_number for p in last if p.left_on is None)
    manager = everybody()[gone]
    manager.status, manager.left_on = Status.LEFT, clock.today()
    commit()
    demo.seed(300, 1)
    added = [p.number for p in last if p.left_on is None]
    people = everybody()
    assert gone not in {people[number].manager.number for number in added if people[number].manager}


@pytest.mark.once
def test_department_and_role_of_the_same_name_are_reused_untouched():
    keep(Department(name="TECHNOLOGY", code="T1", cost_centre="4711"), Role(title="software  ENGINEER", level=9))
    demo.seed(120, 1)
    mine = db.session.scalars(select(Department).where(Department.code == "T1")).one()
    assert (mine.name, mine.cost_centre, mine.parent_id, mine.lead_id, mine.version) == (
        "TECHNOLOGY",
        "4711",
        None,
        None,
        1,
    )
    assert db.session.scalar(select(func.count()).where(Department.name_key == "technology")) == 1
    assert db.session.scalar(select(func.count()).where(Employee.department_id == mine.id))
    role = db.session.scalars(select(Role).where(Role.level == 9)).one()
    assert db.session.scalar(select(func.count()).where(Employee.role_id == role.id))


@pytest.mark.once
def test_closed_department_stays_closed_and_empty():
    closed = Department(name="Technology", closed_on=date(2020, 1, 1))
    keep(closed)
    demo.seed(120, 1)
    assert db.session.scalar(select(func.count()).where(Employee.department_id == closed.id)) == 0
    assert db.session.scalars(select(Department).where(Department.name == "Technology (demo)")).one().lead_id
    assert demo.seed(120, 1) == demo.Seeded(0, 0, 0, 120)


@pytest.mark.once
def test_code_that_is_taken_is_left_out():
    keep(Department(name="Tectonics", code="tec"))
    demo.seed(120, 1)
    technology = db.session.scalars(select(Department).where(Department.name_key == "technology")).one()
    assert technology.code is None
    assert technology.lead_id


@pytest.mark.once
def test_real_people_stay_as_they_are_and_keep_their_address():
    planned = next(iter(plan(60, 1, clock.today()).people()))
    real = Employee(number="7", first_name="Ana", last_name="Real", email=planned.email, hired_on=date(2020, 1, 1))
    keep(real)
    before = {column.key: getattr(real, column.key) for column in Employee.__table__.columns}
    demo.seed(60, 1)
    people = everybody()
    assert {column.key: getattr(people["7"], column.key) for column in Employee.__table__.columns} == before
    assert people["D-00001"].email == planned.email.replace("@", ".d-00001@")


@pytest.mark.once
def test_number_that_a_real_person_has_is_left_alone():
    keep(Employee(number="d-00002", first_name="Ana", last_name="Real", hired_on=date(2020, 1, 1)))
    assert demo.seed(60, 1) == demo.Seeded(59, *counted(), 1)
    people = everybody()
    assert people["d-00002"].first_name == "Ana"
    assert "D-00002" not in people
    assert not db.session.scalar(select(func.count()).where(Employee.manager_id == people["d-00002"].id))


def counted() -> tuple[int, int]:
    made = plan(60, 1, clock.today())
    return len(made.departments), len(made.roles)


@pytest.mark.once
def test_progress_ends_with_everybody():
    told: list[tuple[int, int]] = []
    demo.seed(60, 1, lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (60, 60)


@pytest.mark.once
def test_actor_without_the_right_adds_nothing():
    stranger = Actor(user_id=None, name="x", email="", access_role="staff", grants={})
    with pytest.raises(Forbidden):
        demo.seed(10, 1, actor=stranger)
    assert counts()["departments"] == 0


@pytest.mark.once
def test_right_to_create_people_alone_does_not_reveal_or_write_pay():
    everything_else = {right: scope for right, scope in operator().grants.items() if right[1] != "compensation"}
    clerk = Actor(user_id=None, name="x", email="", access_role="hr", grants=everything_else)
    with pytest.raises(Forbidden):
        demo.seed(10, 1, actor=clerk)
    assert counts()["employees"] == 0


@pytest.mark.once
def test_command_adds_people_and_tells_how_many(app: Flask):
    result = app.test_cli_runner().invoke(args=["seed-demo", "--employees", "12", "--seed", "3"])
    assert result.exit_code == 0
    assert result.stdout.startswith("Added 12 people, ")
    assert "12 of 12 people" in result.stderr
    assert counts()["employees"] == 12


@pytest.mark.once
def test_command_without_options_makes_three_hundred(app: Flask):
    result = app.test_cli_runner().invoke(args=["seed-demo"])
    assert result.exit_code == 0
    assert counts()["employees"] == 300


@pytest.mark.once
@pytest.mark.parametrize("wrong", ["-1", "1000001"])
def test_command_refuses_an_impossible_number_in_a_sentence(app: Flask, wrong: str):
    result = app.test_cli_runner().invoke(args=["seed-demo", "--employees", wrong])
    assert result.exit_code == 2
    assert result.stderr == "Choose a number of employees from 0 to 1,000,000.\n"
    assert result.stdout == ""
