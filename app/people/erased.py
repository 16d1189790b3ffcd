"""What is left of a person who was erased: where somebody worked and when, but nothing that says who it was."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect

from app.changes import emptying
from app.core.problems import Invalid
from app.people.employee import Employee

KEPT = frozenset(
    {
        "id",
        "version",
        "status",
        "employment_type",
        "fte",
        "hired_on",
        "left_on",
        "department_id",
        "role_id",
        "manager_id",
    }
)
"""What statistics and other people's history need; every other column is wiped, also one that is added later."""
FIRST_NAME, LAST_NAME = "Erased", "person"


def number_of(employee_id: int) -> str:
    """Return the made-up number of somebody who was erased; the real one says who it was."""
    return f"erased-{employee_id}"


def email_of(employee_id: int) -> str:
    """Return the made-up address of their account; RFC 2606 keeps `.invalid` from ever being somebody's."""
    return f"{number_of(employee_id)}@erased.invalid"


def wipe(person: Employee) -> None:
    """Take out of a person's row all that says who it was; the keys and the search words follow."""
    for column in inspect(Employee).column_attrs:
        if column.key not in KEPT | Employee.untold | {"number", "first_name", "last_name"}:
            setattr(person, column.key, None)
    person.number = number_of(person.id)
    person.first_name, person.last_name = FIRST_NAME, LAST_NAME


def is_erased(employee_id: int, number: str) -> bool:
    """Say whether somebody was erased; asks the journal only where the number says so, which anybody might enter."""
    return number == number_of(employee_id) and emptying.erasure_of(employee_id) is not None


def refuse_erased(person: Employee) -> None:
    """Raise `Invalid` where a record would be filled again that was erased."""
    if is_erased(person.id, person.number):
        raise Invalid({"": _l("This person was erased, so nothing is recorded about them any more.")})
