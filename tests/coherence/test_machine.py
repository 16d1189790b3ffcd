"""Whatever is done, in whatever order and by whichever process: what the cache tells is what the snapshot holds.

And a new snapshot holds every commit that was acknowledged before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlalchemy import insert, update

from app import actions
from app.changes.tracking import KNOWINGLY
from app.core.problems import Problem
from app.core.querycache import keeper, versions
from app.core.querycache.codec import Rows
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.reading import dashboard, lookups, organisation, people, statistics
from tests import sample
from tests.actions.undo.test_machine import PICK, Machine, tried
from tests.applications import migrate
from tests.coherence.backups import Backup, backup
from tests.coherence.questions import QUESTIONS, ask, asked
from tests.coherence.town import Snapshot, Town, compare, past_the_cache, sign_in, town
from tests.playing import played
from tests.sample import act

PROCESSES = st.sampled_from(["first", "second", "apart"])
ROLES = ("administrator", "hr", "manager", "staff")
READERS = st.sampled_from(ROLES)
MOST_HELD = 3
PAGES: dict[str, Callable[[Any], Any]] = {
    "overview": statistics.overview,
    "start": dashboard.dashboard,
    "people": lambda actor: people.people(actor, people.Wanted()),
    "departments": lambda actor: organisation.departments(actor, organisation.Wanted()),
    "roles": lambda actor: organisation.roles(actor, organisation.Wanted()),
    "choices": lambda actor: lookups.departments(actor, ""),
}


class World:
    """A town that all examples share: each begins with the same rows, put back as from a backup."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.stack = ExitStack()
        self.town: Town = self.stack.enter_context(town(database_url, first=redis_url, second=redis_url, apart=""))
        first = self.town.processes["first"].app
        migrate(first)
        self.stack.enter_context(first.app_context())
        sample.build()
        act("hire", values={"number": "200", "first_name": "Gil", "hired_on": "2020-01-01"})
        self.town.tokens = sign_in(*(f"{role}@sample.example" for role in ROLES))
        db.session.rollback()
        self.start = backup(self.town.outside)
        self.commits = 0

    def enter(self) -> dict[str, Any]:
        """Begin an example with what the tables held at first, and nothing kept."""
        db.session.rollback()
        self.start.put_back()
        for process in self.town.processes.values():
            process.forget()
        return {}


class Coherence(Machine):
    """Does anything that can be done to records, by any process; and to stores and databases what befalls them."""

    world: Any

    def __init__(self) -> None:
        super().__init__()
        self.town: Town = self.world.town
        self.held: list[tuple[Snapshot, dict[str, Rows]]] = []
        self.copies: dict[str, Any] = {}
        self.backup: Backup = self.world.start
        self.turn = 0

    def do(self, name: str, /, **arguments: Any) -> actions.Outcome | None:
        """Do an action in the process whose turn it is, unless a rule says no."""
        self.turn += 1
        process = list(self.town.processes.values())[self.turn % 3]
        with process.app.app_context():
            done = tried(name, **arguments)
        if isinstance(done, Problem):
            return None
        self.world.commits += 1
        if done.change_set_id is not None:
            self.sets.append(done.change_set_id)
        return done

    @invariant()
    def nobody_is_told_what_is_not_so(self) -> None:
        db.session.rollback()
        self.turn += 1
        names = list(self.town.processes)
        reader = ROLES[self.turn % len(ROLES)]
        for place in (0, 1):
            self.town.read(names[(self.turn + place) % 3], reader)

    @rule(process=PROCESSES, reader=READERS)
    def open_pages(self, process: str, reader: str) -> None:
        held = Snapshot(self.town.processes[process], self.town.tokens[reader])
        try:
            for name, page in PAGES.items() if held.actor else ():
                found = held.run(page, held.actor)
                again = held.run(page, held.actor)
                wanted = held.run(past_the_cache, lambda page=page: page(held.actor))
                assert found == again == wanted, name
        finally:
            held.close()

    @rule(process=PROCESSES, reader=READERS, person=PICK)
    def see_what_one_has_just_done(self, process: str, reader: str, person: int) -> None:
        wanted = self.pick("employees", person)
        version = self.version(Employee, wanted)
        held = Snapshot(self.town.processes[process], self.town.tokens[reader])
        try:
            if held.actor:
                before = held.run(self.town.compared, held.actor)
                values = {"phone": f"+{self.turn} {version}"}
                done = held.run(lambda: tried("change_employee", employee_id=wanted, version=version, values=values))
                after = held.run(self.town.compared, held.actor)
                is_done = not isinstance(done, Problem)
                self.world.commits += is_done
                is_seen = any(row[0] == wanted for row in before["staff"])
                assert (before["staff"] != after["staff"]) == (is_done and is_seen)
        finally:
            held.close()

    # What passes the actions by, and what comes to nothing

    @rule(process=PROCESSES, number=PICK, is_kept=st.booleans())
    def write_by_hand(self, process: str, number: int, is_kept: bool) -> None:
        self.turn += 1
        person = self.pick("employees", number)
        name = f"Place {self.turn}"
        with self.town.processes[process].app.app_context(), db.engine.connect() as connection:
            connection = connection.execution_options(**{KNOWINGLY: True})
            with connection.begin() as transaction:
                connection.execute(update(Employee).where(Employee.id == person).values(phone=f"by hand {self.turn}"))
                row = {"name": name, "name_key": name.casefold(), "version": 1}
                connection.execute(insert(Department).values(row))
                if not is_kept:
                    transaction.rollback()
        self.world.commits += is_kept

    @rule(process=PROCESSES, number=PICK, how=st.sampled_from(["preview", "refused", "late"]))
    def change_nothing(self, process: str, number: int, how: str) -> None:
        person_id = self.pick("employees", number)
        version = self.version(Employee, person_id) + (how == "refused")
        arguments = {"employee_id": person_id, "version": version, "values": {"phone": "never"}}

        def fail(_set_id: int | None) -> None:
            raise Problem("at the last moment")

        more: dict[str, Any] = {"preview": {"preview": True}, "refused": {}, "late": {"also": fail}}[how]
        with self.town.processes[process].app.app_context():
            done = tried("change_employee", **arguments, **more)
        assert how == "preview" or isinstance(done, Problem)

    # What befalls stores

    @rule(process=PROCESSES)
    def forget(self, process: str) -> None:
        self.town.processes[process].forget()

    @rule(process=PROCESSES, number=PICK)
    def forget_one(self, process: str, number: int) -> None:
        self.town.processes[process].forget_one(number)

    @rule(process=PROCESSES)
    def copy_the_store(self, process: str) -> None:
        self.copies[process] = self.town.processes[process].copied()

    @precondition(lambda self: self.copies)
    @rule()
    def begin_stores_again_from_old_copies(self) -> None:
        for process, copy in self.copies.items():
            self.town.processes[process].put_back(copy)

    # What befalls tokens

    @rule(process=PROCESSES)
    def fold(self, process: str) -> None:
        with self.town.processes[process].app.app_context():
            keeper.fold()

    @rule(process=PROCESSES)
    def move_all_tokens(self, process: str) -> None:
        with self.town.processes[process].app.app_context(), db.engine.begin() as connection:
            versions.move(connection, {*versions.groups().values(), *map(versions.of_query, QUESTIONS)})

    # What lasts

    @precondition(lambda self: len(self.held) < MOST_HELD)
    @rule(process=PROCESSES, reader=READERS)
    def begin_a_long_request(self, process: str, reader: str) -> None:
        held = Snapshot(self.town.processes[process], self.town.tokens[reader])
        if not held.actor:
            held.close()
            return
        wanted = {name: self.town.outside_rows(asked(name, held.actor)[0]) for name in QUESTIONS}
        self.held.append((held, wanted))

    @precondition(lambda self: self.held)
    @rule(number=PICK)
    def go_on_with_it(self, number: int) -> None:
        held, wanted = self.held[number % len(self.held)]
        for name in QUESTIONS:
            compare(name, held.run(ask, name, held.actor), wanted[name], "its snapshot")
            self.town.reads += 1

    @precondition(lambda self: self.held)
    @rule(number=PICK)
    def end_it(self, number: int) -> None:
        self.held.pop(number % len(self.held))[0].close()

    # What befalls the database

    @rule()
    def back_up(self) -> None:
        db.session.rollback()
        self.backup = backup(self.town.outside)

    @rule()
    def restore(self) -> None:
        self.end_all()
        self.backup.put_back()
        self.sets.clear()

    def end_all(self) -> None:
        """End all requests that are not over."""
        db.session.rollback()
        while self.held:
            self.held.pop()[0].close()

    def teardown(self) -> None:
        self.end_all()
        self.town.check()


@pytest.fixture
def world(fresh_database_url: str, redis_url: str) -> Iterator[World]:
    world = World(fresh_database_url, redis_url)
    with world.stack:
        yield world


def play(world: World, examples: int, steps: int) -> None:
    """Play so many games."""
    machine = type("Played", (Coherence,), {"world": world})
    played(machine, examples, steps)
    counted = {what: world.town.uses(what) for what in ("hits", "misses", "verified", "away", "writing", "refused")}
    sys.stdout.write(f"{world.town.reads} reads, {world.commits} commits, {counted}\n")  # for who asks with -rP
    assert world.commits > examples
    assert counted["hits"] > world.town.reads // 10  # else it was not the cache that answered
    assert counted["verified"] > 0
    assert counted["refused"] == 0


def test_nobody_is_told_anything_but_what_the_snapshot_holds(world: World) -> None:
    play(world, examples=5, steps=15)


@pytest.mark.slow
def test_nobody_is_told_anything_but_what_the_snapshot_holds_after_much_more(world: World) -> None:
    play(world, examples=60, steps=50)
