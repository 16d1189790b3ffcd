"""What a plan is made of: plain values that say who the made-up people are, without a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.people.employee import EmploymentType, Status
from app.people.history import PayPeriod


@dataclass(frozen=True, slots=True)
class DemoDepartment:
    """A department; `parent_code` is None for the root, `lead_number` is somebody who works in it today."""

    code: str
    name: str
    parent_code: str | None
    lead_number: str
    cost_centre: str


@dataclass(frozen=True, slots=True)
class DemoRole:
    """A job title; levels run from 1 (junior) to 7 (the chief executive)."""

    title: str
    family: str
    level: int
    description: str


@dataclass(frozen=True, slots=True)
class DemoAssignment:
    """What a person did from `valid_from` until the day before `valid_to`."""

    valid_from: date
    valid_to: date | None
    status: Status
    department_code: str
    role_title: str
    manager_number: str | None


@dataclass(frozen=True, slots=True)
class DemoPay:
    """What a person was paid, full time, from `valid_from` until the day before `valid_to`."""

    valid_from: date
    valid_to: date | None
    amount: Decimal
    currency: str
    period: PayPeriod
    reason: str


@dataclass(frozen=True, slots=True)
class DemoEmployee:
    """A person with their history; the last assignment is their place today, or the one they left from."""

    number: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    location: str
    employment_type: EmploymentType
    status: Status
    fte: Decimal
    hired_on: date
    probation_until: date | None
    contract_until: date | None
    left_on: date | None
    leaving_reason: str | None
    legal_entity: str
    birth_date: date
    home_address: str
    personal_email: str
    personal_phone: str
    emergency_name: str
    emergency_phone: str
    assignments: tuple[DemoAssignment, ...]
    pay: tuple[DemoPay, ...]


def number_of(index: int) -> str:
    """Return the employee number of the person at this place (from 0) in the order of hiring."""
    return f"D-{index + 1:05d}"


def index_of(number: str) -> int:
    """Return the place of the person with this number."""
    return int(number.removeprefix("D-")) - 1
