"""The digest of what an action would do: the same for the same, whatever ids new rows get, and else another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask

from app.actions.four_eyes import digest
from app.changes.journal import HASH_LENGTH
from app.changes.tracking import Change, Operation

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def hired(first: int, stretch: int, **values: Any) -> list[Change]:
    """Return the changes that hire two people, the second under the first, with these ids."""
    people = [
        Change("employees", first, first, Operation.CREATE, {}, {"first_name": "A", **values}),
        Change("employees", first + 1, first + 1, Operation.CREATE, {}, {"first_name": "B", "manager_id": first}),
    ]
    jobs = [
        Change("assignments", stretch + number, first + number, Operation.CREATE, {}, {"employee_id": first + number})
        for number in range(2)
    ]
    return people + jobs


def moved(**after: Any) -> list[Change]:
    return [Change("employees", 7, 7, Operation.UPDATE, dict.fromkeys(after), after)]


def test_ids_of_new_rows_and_the_order_of_changes_do_not_matter(context: Flask) -> None:
    first = digest.of_changes(hired(10, 20))
    assert digest.of_changes(hired(33, 900)) == first
    assert digest.of_changes(hired(10, 20)[::-1]) == first
    assert len(first) == HASH_LENGTH


def test_who_a_new_row_belongs_to_matters(context: Flask) -> None:
    changes = hired(10, 20)
    other = [*changes[:3], replace(changes[3], after={"employee_id": 10}, person_id=10)]
    assert digest.of_changes(other) != digest.of_changes(changes)
    known = [*changes[:1], replace(changes[1], after={"first_name": "B", "manager_id": 3}), *changes[2:]]
    assert digest.of_changes(known) != digest.of_changes(changes)


def test_same_number_in_a_column_that_is_no_reference_is_a_number(context: Flask) -> None:
    changes = hired(1, 20, fte=1)
    assert digest.of_changes(hired(2, 20, fte=2)) != digest.of_changes(changes)


def test_every_value_and_day_matters_and_no_moment_does(context: Flask) -> None:
    first = digest.of_changes(moved(phone="1", hired_on=date(2026, 1, 1), fte=Decimal("0.5")))
    assert digest.of_changes(moved(phone="1", hired_on=date(2026, 1, 1), fte=Decimal("0.50"))) == first
    assert digest.of_changes(moved(phone="2", hired_on=date(2026, 1, 1), fte=Decimal("0.5"))) != first
    assert digest.of_changes(moved(phone="1", hired_on=date(2026, 1, 2), fte=Decimal("0.5"))) != first
    (change,) = moved(phone="1")
    for other in (
        replace(change, id=8),
        replace(change, person_id=8),
        replace(change, before={"phone": "0"}),
        replace(change, operation=Operation.ERASE),
        replace(change, entity="users"),
    ):
        assert digest.of_changes([other]) != digest.of_changes([change])

    def made(at: datetime) -> list[Change]:
        return [Change("users", 5, None, Operation.CREATE, {}, {"created_at": at})]

    assert digest.of_changes(made(MOMENT)) == digest.of_changes(made(MOMENT.replace(year=2027)))


def test_digest_of_steps_is_known_as_one(context: Flask) -> None:
    steps = [("touch", {"role_ids": [1, 2]}), ("touch", {"role_ids": [3]})]
    found = digest.of_steps(steps)
    assert len(found) == HASH_LENGTH
    assert digest.is_of_steps(found)
    assert not digest.is_of_steps(digest.of_changes([]))
    assert not digest.is_of_steps(None)
    assert digest.of_steps(steps[::-1]) != found
    assert digest.of_steps([("touch", {"role_ids": [1, 4]}), steps[1]]) != found
