"""Whatever is done, in whatever order: undone from the newest change to the oldest, all is as it was before.

And at every moment the journal replayed from empty gives the tables, and nobody's record contradicts itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import actions
from app.access.actor import operator
from app.accounts.models import User
from app.changes.replay import compare
from app.changes.verification import verify
from app.core.clock import today
from app.core.problems import Busy, Problem
from app.extensions import db
from app.people import assignments, rules
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role
from tests import sample
from tests.actions.undo.undoing import Table, differences, told
from tests.applications import application, migrate
from tests.playing import played
from tests.sample import act

TODAY = today()
PICK = st.integers(0, 30)
PEOPLE = st.lists(PICK, min_size=1, max_size=3)
OPTIONAL = st.one_of(st.none(), PICK)
DAYS = st.sampled_from([None, 0, -1, -40, -400, 1, 30]).map(lambda n: None if n is None else TODAY + timedelta(days=n))
PAST = st.sampled_from([-1000, -400, -40, 0]).map(lambda n: TODAY + timedelta(days=n))
NAMES = st.sampled_from(["Ana", "Bea", "ANA", "Cleo"])
NUMBERS = st.sampled_from(["1", "2", "100", "101"])


class World:
    """A database that all examples share as long as each leaves it as it found it; after a failure, another one."""

    def __init__(self, make_database: Callable[[], str]) -> None:
        self.make_database = make_database
        self.stack = ExitStack()
        self.start: dict[str, Table] | None = None

    def enter(self) -> dict[str, Table]:
        """Return what the tables hold at the start of an example."""
        if self.start is None:
            app: Flask = self.stack.enter_context(application(self.make_database()))
            migrate(app)
            self.stack.enter_context(app.app_context())
            made = sample.build()
            people = list(made.people.values())
            act("raise_pay", employee_ids=people[:3], amount="50000", currency="EUR", valid_from=TODAY)
            self.start = told()
        return self.start


class Machine(RuleBasedStateMachine):
    """Does anything to anybody; what a rule of the house forbids doesn't happen."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.start = self.world.enter()
        self.sets: list[int] = []

    # What there is

    def pick(self, name: str, number: int | None) -> int | None:
        """Return the id of one row of a table; 0, which none has, where it is empty, and None for None."""
        ids = list(db.session.scalars(select(db.metadata.tables[name].c.id).order_by("id")))
        db.session.rollback()
        if number is None:
            return None
        return ids[number % len(ids)] if ids else 0

    def people(self, numbers: list[int]) -> list[int]:
        """Return the ids of some people."""
        return [one for number in numbers if (one := self.pick("employees", number))]

    def version(self, model: Any, row_id: int | None) -> int:
        """Return the present version of a row."""
        found = db.session.get(model, row_id) if row_id else None
        version = found.version if found else 0
        db.session.rollback()
        return version

    def do(self, name: str, /, **arguments: Any) -> actions.Outcome | None:
        """Do an action, unless a rule says no."""
        done = tried(name, **arguments)
        if isinstance(done, Problem):
            assert not isinstance(done, Busy), "the transaction was tried again and again"
            is_foreseen = name != "undo" or not isinstance(done.__cause__, IntegrityError)
            assert is_foreseen, f"no words for {done.__cause__}"
            return None
        if done.change_set_id is not None:
            self.sets.append(done.change_set_id)
        check_soundness()
        return done

    # People

    @rule(number=NUMBERS, name=NAMES, day=PAST, department=OPTIONAL, role=OPTIONAL, manager=OPTIONAL)
    def hire(self, number: str, name: str, day: Any, department: Any, role: Any, manager: Any) -> None:
        places = {
            "department_id": self.pick("departments", department),
            "role_id": self.pick("roles", role),
            "manager_id": self.pick("employees", manager),
        }
        self.do("hire", values={"number": number, "first_name": name, "hired_on": day, **places})

    @rule(
        person=PICK,
        values=st.fixed_dictionaries(
            {},
            optional={
                "phone": st.sampled_from(["", "1", "2"]),
                "first_name": NAMES,
                "number": NUMBERS,
                "notes": st.sampled_from(["", "x"]),
                "status": st.sampled_from(["active", "on_leave", "left"]),
                "left_on": st.sampled_from([None, TODAY, TODAY - timedelta(days=40)]),
                "hired_on": PAST,
                "probation_until": PAST,
            },
        ),
        day=DAYS,
    )
    def edit(self, person: int, values: Any, day: Any) -> None:
        person_id = self.pick("employees", person)
        version = self.version(Employee, person_id)
        self.do("change_employee", employee_id=person_id, version=version, values=values, valid_from=day)

    @rule(people=PEOPLE, department=PICK, day=DAYS)
    def transfer(self, people: Any, department: int, day: Any) -> None:
        wanted = self.pick("departments", department)
        self.do("transfer", employee_ids=self.people(people), department_id=wanted, valid_from=day)

    @rule(people=PEOPLE, manager=OPTIONAL, day=DAYS)
    def change_manager(self, people: Any, manager: Any, day: Any) -> None:
        wanted = self.pick("employees", manager)
        self.do("change_manager", employee_ids=self.people(people), manager_id=wanted, valid_from=day)

    @rule(people=PEOPLE, role=PICK, day=DAYS)
    def assign_role(self, people: Any, role: int, day: Any) -> None:
        wanted = self.pick("roles", role)
        self.do("assign_role", employee_ids=self.people(people), role_id=wanted, valid_from=day)

    @rule(people=PEOPLE, day=DAYS, percent=st.sampled_from([None, "3"]))
    def raise_pay(self, people: Any, day: Any, percent: Any) -> None:
        what = {"percent": percent} if percent else {"amount": "100", "currency": "EUR"}
        self.do("raise_pay", employee_ids=self.people(people), valid_from=day, **what)

    @rule(pay=PICK)
    def remove_pay(self, pay: int) -> None:
        pay_id = self.pick("pay", pay)
        person_id = db.session.scalar(select(db.metadata.tables["pay"].c.employee_id).filter_by(id=pay_id))
        self.do("remove_pay", employee_id=person_id or 0, pay_id=pay_id)

    @rule(people=PEOPLE, day=DAYS, successor=OPTIONAL)
    def leave(self, people: Any, day: Any, successor: Any) -> None:
        wanted = self.pick("employees", successor)
        self.do("leave", employee_ids=self.people(people), left_on=day or TODAY, successor_id=wanted)

    @rule(people=PEOPLE, day=DAYS)
    def come_back(self, people: Any, day: Any) -> None:
        self.do("come_back", employee_ids=self.people(people), valid_from=day)

    @rule(stretch=PICK)
    def cancel_planned(self, stretch: int) -> None:
        rows = db.metadata.tables["assignments"]
        ids = db.session.execute(select(rows.c.id, rows.c.employee_id).where(rows.c.valid_from > TODAY)).all()
        if ids:
            assignment_id, person_id = ids[stretch % len(ids)]
            self.do("cancel_planned", employee_id=person_id, assignment_id=assignment_id)

    @rule(person=PICK)
    def remove(self, person: int) -> None:
        person_id = self.pick("employees", person)
        self.do("delete_employee", employee_id=person_id, version=self.version(Employee, person_id))

    # Departments, roles and accounts

    @rule(kind=st.sampled_from(["department", "role"]), name=NAMES, parent=OPTIONAL)
    def create(self, kind: str, name: str, parent: Any) -> None:
        more = {"parent_id": self.pick("departments", parent)} if kind == "department" else {}
        self.do(f"create_{kind}", values={"name" if kind == "department" else "title": name, **more})

    @rule(department=PICK, name=NAMES, parent=OPTIONAL, lead=OPTIONAL)
    def change_department(self, department: int, name: str, parent: Any, lead: Any) -> None:
        department_id = self.pick("departments", department)
        values = {"name": name, "parent_id": self.pick("departments", parent), "lead_id": self.pick("employees", lead)}
        version = self.version(Department, department_id)
        self.do("change_department", department_id=department_id, version=version, values=values)

    @rule(role=PICK, name=NAMES, level=st.sampled_from([None, 3, 4]))
    def change_role(self, role: int, name: str, level: Any) -> None:
        role_id = self.pick("roles", role)
        version = self.version(Role, role_id)
        self.do("change_role", role_id=role_id, version=version, values={"title": name, "level": level})

    @rule(
        kind=st.sampled_from(["department", "role"]),
        how=st.sampled_from(["merge", "close", "delete"]),
        place=PICK,
        into=OPTIONAL,
    )
    def end(self, kind: str, how: str, place: int, into: Any) -> None:
        ids = {f"{kind}_id": self.pick(f"{kind}s", place), "target_id": self.pick(f"{kind}s", into)}
        self.do(f"{how}_{kind}", **ids)

    @rule(kind=st.sampled_from(["department", "role"]), place=PICK)
    def reopen(self, kind: str, place: int) -> None:
        self.do(f"reopen_{kind}", **{f"{kind}_id": self.pick(f"{kind}s", place)})

    @rule(name=NAMES, role=PICK, person=OPTIONAL)
    def create_user(self, name: str, role: int, person: Any) -> None:
        links = {"access_role_id": self.pick("access_roles", role), "employee_id": self.pick("employees", person)}
        self.do("create_user", values={"email": f"{name}@new.example", **links})

    @rule(user=PICK, role=PICK, is_active=st.booleans())
    def change_user(self, user: int, role: int, is_active: bool) -> None:
        user_id = self.pick("users", user)
        values = {"access_role_id": self.pick("access_roles", role), "is_active": is_active}
        self.do("change_user", user_id=user_id, version=self.version(User, user_id), values=values)

    @rule(user=PICK)
    def delete_user(self, user: int) -> None:
        user_id = self.pick("users", user)
        self.do("delete_user", user_id=user_id, version=self.version(User, user_id))

    # Back and forth

    @precondition(lambda self: self.sets)
    @rule(back=st.integers(0, 6), leave_out=st.booleans(), despite=st.booleans())
    def undo(self, back: int, leave_out: bool, despite: bool) -> None:
        set_id = self.sets[-1 - back % len(self.sets)]
        self.do("undo", undoes=set_id, change_set_id=set_id, leave_out=leave_out, despite=despite)

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            self.world.start = None
            return
        start, self.world.start = self.start, None  # unless all goes well, nobody else begins here
        for set_id in reversed(self.sets):
            undo_whole(set_id)
        assert differences(start, told()) == {}
        assert list(compare()) == []
        assert list(verify()) == []
        self.world.start = start


def tried(name: str, /, **arguments: Any) -> actions.Outcome | Problem:
    """Do an action; return what came of it, or what was wrong with it."""
    try:
        return actions.run(name, actor=operator(), source=actions.Source.CLI, **arguments)
    except Problem as problem:
        return problem


def undo_whole(set_id: int) -> None:
    """Undo all of a change set, after which nothing else has changed."""
    done = tried("undo", undoes=set_id, change_set_id=set_id)
    if isinstance(done, Problem):
        assert str(done).startswith("This has been undone already"), f"change set {set_id}: {done}"
    else:
        assert not done.value.left_out, f"change set {set_id}"


def check_soundness() -> None:
    """Raise unless the records are as the rules want them, whoever changed or undid what."""
    db.session.rollback()
    people = {person.id: person for person in db.session.scalars(select(Employee))}
    departments = {department.id: department for department in db.session.scalars(select(Department))}
    roles = {role.id: role for role in db.session.scalars(select(Role))}
    assignments.check(*people)
    here = [person for person in people.values() if person.status is not Status.LEFT]
    for person in here:
        assert person.department_id is None or departments[person.department_id].closed_on is None, person.name
        assert person.role_id is None or roles[person.role_id].closed_on is None, person.name
        assert person.manager_id is None or people[person.manager_id].status is not Status.LEFT, person.name
    assert not rules.in_circles({person.id: person.manager_id for person in here})
    for user in db.session.scalars(select(User).where(User.is_active, User.employee_id.is_not(None))):
        assert people[user.employee_id].status is not Status.LEFT, user.email
    for department in departments.values():
        assert department.lead_id is None or people[department.lead_id].status is not Status.LEFT
        assert department.parent_id is None or not departments[department.parent_id].closed_on or department.closed_on
    db.session.rollback()


@pytest.fixture
def world(make_database: Callable[[], str], database_url: str) -> Iterator[World]:
    world = World(make_database)
    with world.stack:
        yield world


def play(world: World, examples: int, steps: int) -> None:
    """Play so many games."""
    machine = type("Played", (Machine,), {"world": world})
    played(machine, examples, steps)


def test_everything_undone_from_the_newest_on_is_as_it_was(world: World) -> None:
    play(world, examples=6, steps=15)


@pytest.mark.slow
def test_everything_undone_from_the_newest_on_is_as_it_was_after_much_more(world: World) -> None:
    play(world, examples=60, steps=50)
