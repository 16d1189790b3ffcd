"""What a transaction changes is told field by field, from the first value to the last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, update

from app.changes import transaction
from app.changes.tracking import KNOWINGLY, Change, Operation, Untold, recording, tell_new
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role
from tests.writing import write

Told = dict[tuple[str, str], tuple[Any, Any]]


def told(work: Callable[[], object]) -> Told:
    """Do something in a write of its own and return what was told: (table, field) → (before, after)."""

    def recorded() -> list[Change]:
        with recording() as changes:
            work()
            db.session.flush()
        return changes

    return {
        (change.entity, field): (change.before.get(field), change.after.get(field))
        for change in transaction.write(recorded)
        for field in {**change.before, **change.after}
    }


@pytest.fixture
def role_id(context: Flask) -> int:
    """Give the id of a stored role."""

    def make() -> int:
        role = Role(title="Clerk", family="Office", level=3)
        db.session.add(role)
        db.session.flush()
        return role.id

    return write(make)


def role(role_id: int) -> Role:
    return db.session.get_one(Role, role_id)


def test_new_row_tells_what_it_was_given(context: Flask) -> None:
    person = {"number": "1", "first_name": "Zoë", "last_name": "", "hired_on": date(2020, 1, 1), "fte": Decimal("0.5")}
    found = told(lambda: db.session.add(Employee(**person, custom={"shoe": [43]})))
    assert {field: pair for (_, field), pair in found.items() if field in person or field == "custom"} == {
        "number": (None, "1"),
        "first_name": (None, "Zoë"),
        "last_name": (None, ""),
        "hired_on": (None, date(2020, 1, 1)),
        "fte": (None, Decimal("0.5")),
        "custom": (None, {"shoe": [43]}),
    }
    assert found["employees", "status"] == (None, Status.ACTIVE)
    assert not {"id", "version", "name_key", "number_key", "email_key"} & {field for _, field in found}
    assert {entity for entity, _ in found} == {"employees"}


def test_ids_of_new_rows_are_told(context: Flask) -> None:
    def work() -> list[Change]:
        with recording() as changes:
            db.session.add(Role(title="A"))
            db.session.flush()
        return changes

    (change,) = transaction.write(work)
    assert (change.id, change.operation) == (db.session.query(Role.id).scalar(), Operation.CREATE)


def test_changed_field_tells_before_and_after_and_the_others_nothing(role_id: int) -> None:
    assert told(lambda: setattr(role(role_id), "level", 5)) == {("roles", "level"): (3, 5)}
    assert told(lambda: setattr(role(role_id), "family", None)) == {("roles", "family"): ("Office", None)}
    assert told(lambda: setattr(role(role_id), "description", "x")) == {("roles", "description"): (None, "x")}


def test_same_value_again_is_no_change(role_id: int) -> None:
    assert told(lambda: setattr(role(role_id), "title", "Clerk")) == {}


def test_several_flushes_are_one_change_from_the_first_value_to_the_last(role_id: int) -> None:
    def work() -> None:
        for level in (4, 5, 6):
            role(role_id).level = level
            db.session.flush()

    assert told(work) == {("roles", "level"): (3, 6)}


def test_field_that_is_back_where_it_was_is_no_change(role_id: int) -> None:
    def work() -> None:
        for level in (4, 3):
            role(role_id).level = level
            db.session.flush()

    assert told(work) == {}


def test_row_made_and_changed_in_one_transaction_tells_what_it_became(context: Flask) -> None:
    def work() -> None:
        made = Role(title="A")
        db.session.add(made)
        db.session.flush()
        made.title, made.level = "B", 2

    assert told(work) == {("roles", "title"): (None, "B"), ("roles", "level"): (None, 2)}


def test_deleted_row_tells_all_that_it_held(role_id: int) -> None:
    assert told(lambda: db.session.delete(role(role_id))) == {
        ("roles", "title"): ("Clerk", None),
        ("roles", "family"): ("Office", None),
        ("roles", "level"): (3, None),
    }


def test_row_deleted_after_an_unsaved_change_tells_what_was_stored(role_id: int) -> None:
    def work() -> None:
        with db.session.no_autoflush:
            row = role(role_id)
            row.level = 9
            db.session.delete(row)

    assert told(work)["roles", "level"] == (3, None)


def test_row_made_and_deleted_in_one_transaction_tells_nothing(context: Flask) -> None:
    def work() -> None:
        made = Role(title="A")
        db.session.add(made)
        db.session.flush()
        db.session.delete(made)

    assert told(work) == {}


def test_value_that_was_not_loaded_is_told_all_the_same(role_id: int) -> None:
    def work() -> None:
        row = role(role_id)
        db.session.expire(row)
        row.level = 5

    assert told(work) == {("roles", "level"): (3, 5)}


def test_reference_set_through_the_other_record_is_told_as_its_id(role_id: int) -> None:
    def make() -> tuple[int, int]:
        person = Employee(number="1", first_name="A", last_name="B", hired_on=date(2020, 1, 1))
        department = Department(name="Board")
        db.session.add_all([person, department])
        db.session.flush()
        return person.id, department.id

    person_id, department_id = write(make)

    def work() -> None:
        person = db.session.get_one(Employee, person_id)
        person.role = role(role_id)
        db.session.get_one(Department, department_id).lead = person

    assert told(work) == {
        ("employees", "role_id"): (None, role_id),
        ("departments", "lead_id"): (None, person_id),
    }


def test_what_would_change_outside_the_block_is_refused(role_id: int) -> None:
    def work() -> None:
        with recording():
            pass
        role(role_id).level = 9

    with pytest.raises(Untold, match="Role would change outside an action"):
        transaction.write(work)
    assert role(role_id).level == 3


@pytest.mark.parametrize("is_recorded", [True, False])
def test_bulk_statement_on_a_tracked_table_is_refused_inside_an_action_and_outside(
    role_id: int, is_recorded: bool
) -> None:
    block = recording if is_recorded else nullcontext
    for statement in (update(Role).values(level=9), delete(Role), insert(Role).values(title="x", version=1)):

        def work(statement: Any = statement) -> None:
            with block():
                db.session.execute(statement)

        with pytest.raises(Untold, match="bulk statement on roles"):
            transaction.write(work)
    assert [row.level for row in db.session.query(Role).all()] == [3]


def test_bulk_statement_that_is_told_elsewhere_passes(role_id: int) -> None:
    def work() -> None:
        rows = [{"title": title, "title_key": title, "level": 2, "version": 1} for title in ("a", "b")]
        db.session.connection().execute(insert(Role), rows, execution_options={KNOWINGLY: True})
        tell_new(Role, Role.title_key.in_(["a", "b"]))

    def recorded() -> list[Change]:
        with recording() as changes:
            work()
        return changes

    found = transaction.write(recorded)
    assert [(change.operation, change.after) for change in found] == [
        (Operation.CREATE, {"title": title, "level": 2}) for title in ("a", "b")
    ]


def test_whose_record_a_row_is_part_of_is_told(role_id: int) -> None:
    def work() -> list[Change]:
        with recording() as changes:
            person = Employee(number="1", first_name="A", last_name="B", hired_on=date(2020, 1, 1))
            db.session.add(person)
            db.session.flush()
            db.session.add(Assignment(employee_id=person.id, status=Status.ACTIVE, valid_from=date(2020, 1, 1)))
            role(role_id).level = 4
            db.session.flush()
        return changes

    found = {change.entity: (change.person_id, change.id) for change in transaction.write(work)}
    person_id = found["employees"][1]
    assert {name: pair[0] for name, pair in found.items()} == {
        "employees": person_id,
        "assignments": person_id,
        "roles": None,
    }


def test_attempt_that_was_taken_back_tells_nothing(role_id: int) -> None:
    from sqlalchemy.orm.exc import StaleDataError

    tries: list[int] = []

    def work() -> list[Change]:
        tries.append(1)
        with recording() as changes:
            role(role_id).level = 3 + len(tries)
            db.session.flush()
            if len(tries) == 1:
                raise StaleDataError
        return changes

    (change,) = transaction.write(work)
    assert (change.before, change.after) == ({"level": 3}, {"level": 5})


def test_version_moves_with_each_update(role_id: int) -> None:
    versions = [role(role_id).version]
    for level in (4, 5):
        write(lambda level=level: setattr(role(role_id), "level", level))
        versions.append(role(role_id).version)
    assert versions == [1, 2, 3]
