"""What each row of a staff list says about one person, before anything is compared with what is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import gettext as _

from app.actions.imports import dates, money, values
from app.actions.imports.columns import Columns
from app.actions.imports.names import Name, split_name
from app.actions.imports.table import Row, Table
from app.actions.imports.values import Refused
from app.core.problems import Invalid
from app.core.values import clean
from app.people.employee import Employee, Status

DATES = ("birth_date", "hired_on", "left_on", "probation_until", "contract_until")
LINES = ("home_address", "notes")
TEXTS = ("phone", "location", "legal_entity", "personal_phone", "emergency_name", "emergency_phone")


@dataclass(slots=True)
class Record:
    """One row: `values` are columns of the employee, only those that the row fills; `problems` refuse it."""

    row: int
    name: Name
    values: dict[str, Any] = field(default_factory=dict)
    department: str = ""
    role: str = ""
    manager: str = ""
    manager_number: str = ""
    pay: money.Money | None = None
    currency: str = ""
    period: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells of a file are read: which column is what, what its dates and amounts mean, on which day."""

    columns: Columns
    orders: dict[str, dates.Order]
    decimal_mark: money.Mark | None
    today: date
    notes: list[str]


def reading_of(table: Table, columns: Columns, today: date) -> Reading:
    """Return how to read `table`, found out from all its rows; the notes say what had to be assumed."""
    cells: dict[str, set[str]] = {name: set() for name in (*DATES, "pay_amount") if name in columns.places}
    for row in table.rows():
        if not row.problem:
            for name, seen in cells.items():
                seen.add(row.cells[columns.places[name]])
    found = {name: dates.evidence(cells[name]) for name in DATES if name in cells}
    orders = dates.decide(found)
    notes = [
        _order_note(columns.headers[name], orders[name])
        for name, order in found.items()
        if order is None and any(dates.is_ambiguous(cell) for cell in cells[name])
    ]
    return Reading(columns, orders, money.evidence(cells.get("pay_amount", ())), today, notes)


def records(table: Table, reading: Reading) -> Iterator[Record]:
    """Yield what each row says; a row that can't be used has problems."""
    for row in table.rows():
        if row.problem:
            yield Record(row.number, Name("", ""), problems=[row.problem])
        else:
            yield _record(row, reading)


def _order_note(header: str, order: dates.Order) -> str:
    if order is dates.Order.DAY:
        return _("The dates in “%(header)s” could be read in two ways: 7/5/2011 is taken as 7 May.", header=header)
    return _("The dates in “%(header)s” could be read in two ways: 7/5/2011 is taken as July 5.", header=header)


def _record(row: Row, reading: Reading) -> Record:
    places = reading.columns.places
    record = Record(row.number, Name("", ""))

    def cell(name: str) -> str:
        return row.cells[places[name]] if name in places else ""

    def read(name: str, reader: Callable[[str], Any]) -> Any:
        """Return what the reader makes of the cell, None for nothing; what it refuses is a problem of the row."""
        try:
            return reader(cell(name)) or None
        except Refused as refused:
            record.problems.append(f"{reading.columns.headers[name]}: {refused}")
            return None

    record.name = _name(cell)
    record.department, record.role = values.text(cell("department")), values.text(cell("role"))
    record.manager, record.manager_number = values.text(cell("manager")), values.number(cell("manager_number"))
    found = {name: read(name, _day_reader(name, reading)) for name in DATES}
    found |= {name: values.text(cell(name)) for name in TEXTS} | {n: values.clean_lines(cell(n)) for n in LINES}
    found |= {name: read(name, values.email) for name in ("email", "personal_email")}
    found |= {"number": values.number(cell("number")), "leaving_reason": values.word(cell("leaving_reason"))}
    found |= {"employment_type": read("employment_type", values.employment_type), "fte": read("fte", values.fte)}
    found |= {"first_name": record.name.first, "last_name": record.name.last}
    record.pay = read("pay_amount", lambda text: money.money(text, reading.decimal_mark))
    record.currency, record.period = read("pay_currency", money.currency) or "", read("pay_period", money.period) or ""
    # A last day decides about a word for the status that nobody knows.
    found["status"] = Status.LEFT if _is_over(found, cell("status")) else read("status", values.status)
    _settle_end(record, found, reading.today)
    _fit(record, found, reading.columns)
    return record


def _name(cell: Callable[[str], str]) -> Name:
    first, last = values.text(cell("first_name")), values.text(cell("last_name"))
    if first and last:
        return Name(first, last)
    return Name(first or last, "") if first or last else split_name(cell("name"))


def _day_reader(name: str, reading: Reading) -> Callable[[str], date | None]:
    reader = {"birth_date": dates.birth_date, "hired_on": dates.past_date, "left_on": dates.past_date}
    order = reading.orders.get(name, dates.Order.MONTH)
    return lambda cell: reader.get(name, dates.coming_date)(cell, order, reading.today)


def _is_over(found: dict[str, Any], cell: str) -> bool:
    if not found["left_on"]:
        return False
    try:
        return not values.status(cell)
    except Refused:
        return True


def _settle_end(record: Record, found: dict[str, Any], today: date) -> None:
    """Note what contradicts itself in the beginning and the end of an employment."""
    left_on, hired_on, status = found["left_on"], found["hired_on"], found["status"]
    if left_on and left_on > today:
        record.problems.append(
            _("The last day, %(day)s, is still to come: leave it empty until it is here.", day=left_on.isoformat())
        )
    elif left_on and status not in (Status.LEFT, None):
        record.problems.append(
            _("The status says that the person works here, but there is a last day, %(day)s.", day=left_on.isoformat())
        )
    if left_on and hired_on and left_on < hired_on:
        record.problems.append(_("The last day is before the first one."))
    for name in ("probation_until", "contract_until"):
        if found[name] and hired_on and found[name] < hired_on:
            record.problems.append(_("Probation or contract end before the first day."))
    if status not in (Status.LEFT, None):
        found["leaving_reason"] = ""


def _fit(record: Record, found: dict[str, Any], columns: Columns) -> None:
    """Put what the row fills into the record as the database takes it, what is too long for it into its problems."""
    filled = {name: value for name, value in found.items() if value not in (None, "")}
    try:
        record.values = clean(Employee, filled, filled)
    except Invalid as invalid:
        for name, sentences in invalid.errors.items():
            title = columns.headers.get(name) or columns.headers.get("name", name)
            record.problems.extend(f"{title}: {sentence}" for sentence in sentences)
    if not record.name.first:
        record.problems.append(_("There is no name."))
    elif "number" not in filled and "email" not in filled:
        record.problems.append(
            _("There is neither an employee number nor an e-mail address, so a second import could not recognise it.")
        )
