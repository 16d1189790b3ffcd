"""The named actions of an import; each takes a segment of rows as plain values and does all of it or nothing.

A row that breaks a rule makes the whole segment `Invalid`, its errors by row number, so that the caller can leave those
rows out and try again: a row taken back inside the transaction would stay in the record of what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.employees import change_employee, hire
from app.actions.guard import loaded
from app.actions.imports import live
from app.actions.organisation import create_department, create_role
from app.actions.registry import action
from app.core import text
from app.core.clock import today
from app.core.problems import Conflict, Invalid, NotFound, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import pay
from app.people.assignments import HELD
from app.people.employee import Employee, Status
from app.people.history import Pay

Row = Mapping[str, Any]
PREFIX = "P-"
DIGITS = 6


@action("import_organisation", needs=(Action.CREATE, Subject.ORGANISATION))
def import_organisation(actor: Actor, departments: Sequence[str], roles: Sequence[str]) -> None:
    """Make those departments and roles that are not there yet."""
    there = live.departments().by_key
    for name in departments:
        if text.key(name) not in there:
            create_department(actor, {"name": name})
    there = live.roles().by_key
    for title in roles:
        if text.key(title) not in there:
            create_role(actor, {"title": title})


@action("import_people", needs=(Action.CREATE, Subject.EMPLOYMENT))
def import_people(actor: Actor, rows: Sequence[Row]) -> dict[int, tuple[int, int, str]]:
    """Make or change the person of each row; return row number → their id, version and number.

    A row has `row`, `employee_id` and `version` (both empty for somebody new), `values` (columns of the employee),
    `department`, `role` (names, empty: leave), `pay` (amount, currency, period; empty: leave).
    """
    places = {"department": live.departments().by_key, "role": live.roles().by_key}

    def write(row: Row) -> tuple[int, int, str]:
        values = dict(row["values"])
        for field, found in places.items():
            if row[field]:
                if text.key(row[field]) not in found:
                    raise NotFound()
                values[f"{field}_id"] = found[text.key(row[field])][0]
        if row["employee_id"] is None:
            if not values.get("number"):
                values["number"] = _next_number()
            person = loaded(Employee, hire(actor, values))
        else:
            person = _changed(actor, row["employee_id"], row["version"], values)
        if row["pay"]:
            actor.require(Action.EDIT, Subject.COMPENSATION)
            _set_pay(person, clean(Pay, row["pay"], ("amount", "currency", "period")))
        db.session.flush()
        return person.id, person.version, person.number

    return _each(rows, write)


@action("import_managers", needs=(Action.EDIT, Subject.DIRECTORY))
def import_managers(actor: Actor, rows: Sequence[Row]) -> dict[int, tuple[int, int, str]]:
    """Give the person of each row (`row`, `employee_id`) their manager (`manager_id`), those above first.

    Return row number → the person's id, version and number.
    """

    def write(row: Row) -> tuple[int, int, str]:
        person = loaded(Employee, row["employee_id"])
        person = _changed(actor, person.id, person.version, {"manager_id": row["manager_id"]})
        return person.id, person.version, person.number

    return _each(rows, write)


def _each(rows: Sequence[Row], write: Callable[[Row], tuple[int, int, str]]) -> dict[int, tuple[int, int, str]]:
    """Return what `write` gives for each row; raise `Invalid` with the sentences of all rows that can't be written."""
    written: dict[int, tuple[int, int, str]] = {}
    errors: dict[str, list[Sentence]] = {}
    for row in rows:
        try:
            written[row["row"]] = write(row)
        except Invalid as invalid:
            errors[str(row["row"])] = [words for sentences in invalid.errors.values() for words in sentences]
        except (Conflict, NotFound) as problem:
            errors[str(row["row"])] = [str(problem)]
        if errors:
            # What a broken row left half done must not reach the database with the next one's statements.
            db.session.expire_all()
    if errors:
        raise Invalid(errors)
    return written


def _changed(actor: Actor, employee_id: int, version: int, values: Mapping[str, Any]) -> Employee:
    """Change a person; what moves them in the organisation holds from today, what was not known before always did."""
    person = loaded(Employee, employee_id)
    cleaned = clean(Employee, values, values)
    moves = {
        field: value
        for field, value in cleaned.items()
        if field in HELD and getattr(person, field) not in (None, value) and value is not Status.LEFT
    }
    is_past = (
        person.hired_on <= today() and person.status is not Status.LEFT and cleaned.get("status") is not Status.LEFT
    )
    day = today() if is_past else None
    corrections = {field: value for field, value in values.items() if field not in moves}
    if corrections:
        change_employee(actor, employee_id, version, corrections)
        version = person.version
    if moves:
        change_employee(actor, employee_id, version, moves, valid_from=day)
    db.session.flush()
    return person


def _set_pay(person: Employee, values: Mapping[str, Any]) -> None:
    """Let a person be paid this from today on; who has none yet always was, who left was to the end."""
    history = pay.histories([person])[person.id]
    now = pay.present(history)
    if now is None:
        end = person.left_on + timedelta(days=1) if person.left_on else None
        pay.place(person, history, person.hired_on, values, end)
    elif person.left_on or now.valid_from >= today() or (now.valid_to is not None and now.valid_to <= today()):
        for field, value in values.items():
            setattr(now, field, value)
    else:
        pay.place(person, history, today(), values, None)


def _next_number() -> str:
    """Return the next number for somebody whose list has none: P-000001, P-000002 …"""
    first = text.key(PREFIX)
    query = select(func.max(Employee.number_key)).where(
        Employee.number_key >= first + "0" * DIGITS,
        Employee.number_key <= first + "9" * DIGITS,
        func.length(Employee.number_key) == len(first) + DIGITS,
    )
    last = db.session.execute(query).scalar()
    return f"{PREFIX}{int(last[len(first) :]) + 1 if last else 1:0{DIGITS}}"


def plain(value: Any) -> Any:
    """Return a value as JSON has it, which the arguments of an action are made of."""
    return value.isoformat() if isinstance(value, date) else str(value) if value is not None else None
