"""People as the staff pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for

from app.reading.people import Person
from app.reading.person import Record
from app.ui.labels import initials, shown


@dataclass(slots=True)
class Card:
    """A person on a page: ready words and links."""

    name: str
    number: str
    department: str | None
    department_url: str | None
    role: str | None
    manager: Card | None
    email: str | None
    phone: str | None
    location: str | None
    hired_on: date | None
    status_label: str
    years: int | None = None
    on: date | None = None

    @property
    def initials(self) -> str:
        """What stands in for a photo."""
        return initials(self.name)

    @property
    def url(self) -> str:
        """The person's page."""
        return url_for("web.person", number=self.number)


def card(person: Person, **more: Any) -> Card:
    """Return the card of a row of a list; status only where the viewer may see it."""
    values: dict[str, Any] = {
        "name": person.name,
        "number": person.number,
        "department": person.department,
        "department_url": _department_url(person.department_id),
        "role": person.role,
        "manager": _name_card(person.manager, person.manager_number),
        "email": person.email,
        "phone": person.phone,
        "location": person.location,
        "hired_on": person.hired_on,
        "status_label": shown(person.status) if person.sees_employment else "",
    }
    return Card(**(values | more))


def own_card(record: Record, manager: Person | None) -> Card:
    """Return the card of a record, with as much of the manager as is known."""
    values = record.values
    return Card(
        name=record.name,
        number=record.number,
        department=record.department,
        department_url=_department_url(values["department_id"]),
        role=record.role,
        manager=card(manager) if manager else _name_card(record.manager_name, record.manager_number),
        email=values["email"],
        phone=values["phone"],
        location=values["location"],
        hired_on=values["hired_on"],
        status_label=shown(values.get("status")),
    )


def _name_card(name: str | None, number: str | None) -> Card | None:
    if not name or not number:
        return None
    return Card(name, number, None, None, None, None, None, None, None, None, "")


def _department_url(department_id: int | None) -> str | None:
    return url_for("web.directory", department=department_id) if department_id else None
