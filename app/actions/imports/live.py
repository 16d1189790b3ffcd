"""What is known here already about the people, departments and roles of a staff list, loaded in chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import inspect, or_, select

from app.actions.imports.names import Name
from app.core import text
from app.core.clock import today
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Pay, PayPeriod
from app.people.role import Role

CHUNK = 400
_COLUMNS = [column for column in inspect(Employee).columns if column.name not in ("photo", "custom")]


@dataclass(slots=True)
class Known:
    """Somebody who is here: the columns of their row, and their pay."""

    id: int
    version: int
    name: Name
    columns: dict[str, Any]
    pay: tuple[Decimal, str, PayPeriod] | None = None


@dataclass(slots=True)
class People:
    """Those people of a chunk of rows who are here, by the keys of number and e-mail."""

    by_number: dict[str, Known] = field(default_factory=dict)
    by_email: dict[str, Known] = field(default_factory=dict)


@dataclass(slots=True)
class Choices:
    """All departments, or all roles: (id, name, whether it is closed) by key, and names by id."""

    by_key: dict[str, tuple[int, str, bool]]
    names: dict[int, str]


def people(numbers: Collection[str], emails: Collection[str]) -> People:
    """Return who is here under these keys, in three statements for up to `CHUNK` rows."""
    found = People()
    if not numbers and not emails:
        return found
    query = select(*_COLUMNS).where(or_(Employee.number_key.in_(numbers), Employee.email_key.in_(emails)))
    by_id: dict[int, Known] = {}
    for row in db.session.execute(query).mappings():
        columns = dict(row)
        person = Known(columns["id"], columns["version"], Name(columns["first_name"], columns["last_name"]), columns)
        by_id[person.id] = found.by_number[columns["number_key"]] = person
        if columns["email_key"]:
            found.by_email[columns["email_key"]] = person
    columns_of_pay = (Pay.employee_id, Pay.amount, Pay.currency, Pay.period, Pay.valid_from)
    told = select(*columns_of_pay).where(Pay.employee_id.in_(list(by_id))).order_by(Pay.valid_from)
    for employee_id, amount, currency, period, valid_from in db.session.execute(told):
        if valid_from <= today() or by_id[employee_id].pay is None:  # what is planned is not what they are paid
            by_id[employee_id].pay = (amount, currency, period)
    return found


def departments() -> Choices:
    """Return all departments."""
    rows = db.session.execute(select(Department.id, Department.name, Department.closed_on))
    return _choices((row_id, name, closed_on) for row_id, name, closed_on in rows)


def roles() -> Choices:
    """Return all roles."""
    rows = db.session.execute(select(Role.id, Role.title, Role.closed_on))
    return _choices((row_id, title, closed_on) for row_id, title, closed_on in rows)


def _choices(rows: Iterable[tuple[int, str, date | None]]) -> Choices:
    choices = Choices({}, {})
    for row_id, name, closed_on in rows:
        choices.by_key[text.key(name)] = (row_id, name, closed_on is not None)
        choices.names[row_id] = name
    return choices
