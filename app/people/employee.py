"""Employees: the row is today's view; assignments and pay hold the history."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Numeric, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.changes.tracking import Tracked
from app.core import text
from app.core.columns import CACHED, KEY_LENGTH, UNCACHED, Id, choice, key_string
from app.extensions import Base
from app.people.department import Department
from app.people.role import Role


class Status(StrEnum):
    """Where a person stands today."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    LEFT = "left"


class EmploymentType(StrEnum):
    """On what terms a person works here."""

    PERMANENT = "permanent"
    FIXED_TERM = "fixed_term"
    INTERN = "intern"
    CONTRACTOR = "contractor"


class Employee(Tracked, Base):
    """A person who works here or did; names are free text in any script, the last name may be missing."""

    __tablename__ = "employees"
    NUMBER_LENGTH = 40
    NAME_LENGTH = 100
    EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3
    PHONE_LENGTH = 40
    LOCATION_LENGTH = 100
    REASON_LENGTH = 200
    LEGAL_ENTITY_LENGTH = 100
    ADDRESS_LENGTH = 500
    NOTES_LENGTH = 5000
    MOST_FTE = Decimal("1.5")
    untold = frozenset({"number_key", "name_key", "email_key"})
    person_field = "id"

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH))
    number_key: Mapped[str] = mapped_column(key_string(), unique=True)
    first_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    last_name: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    name_key: Mapped[str] = mapped_column(key_string())
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))
    email_key: Mapped[str | None] = mapped_column(key_string(), unique=True)
    phone: Mapped[str | None] = mapped_column(String(PHONE_LENGTH))
    location: Mapped[str | None] = mapped_column(String(LOCATION_LENGTH))
    photo: Mapped[str | None] = mapped_column(String(200))  # key of the picture in the file store

    status: Mapped[Status] = mapped_column(choice(Status, "status"), default=Status.ACTIVE)
    employment_type: Mapped[EmploymentType] = mapped_column(
        choice(EmploymentType, "employment_type"), default=EmploymentType.PERMANENT
    )
    fte: Mapped[Decimal] = mapped_column(Numeric(4, 3), default=Decimal(1))
    hired_on: Mapped[date]
    probation_until: Mapped[date | None]
    contract_until: Mapped[date | None]
    left_on: Mapped[date | None]  # the last day of work
    leaving_reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    legal_entity: Mapped[str | None] = mapped_column(String(LEGAL_ENTITY_LENGTH))

    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id", ondelete="RESTRICT"))
    role_id: Mapped[int | None] = mapped_column(ForeignKey("roles.id", ondelete="RESTRICT"))
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("employees.id", ondelete="RESTRICT"))

    birth_date: Mapped[date | None] = mapped_column(info=UNCACHED)
    home_address: Mapped[str | None] = mapped_column(String(ADDRESS_LENGTH), info=UNCACHED)
    personal_email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH), info=UNCACHED)
    personal_phone: Mapped[str | None] = mapped_column(String(PHONE_LENGTH), info=UNCACHED)
    emergency_name: Mapped[str | None] = mapped_column(String(NAME_LENGTH), info=UNCACHED)
    emergency_phone: Mapped[str | None] = mapped_column(String(PHONE_LENGTH), info=UNCACHED)
    notes: Mapped[str | None] = mapped_column(Text, info={"longest": NOTES_LENGTH, **UNCACHED})
    custom: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=UNCACHED)

    department: Mapped[Department | None] = relationship(foreign_keys=[department_id])
    role: Mapped[Role | None] = relationship()
    manager: Mapped[Employee | None] = relationship(remote_side="Employee.id")

    __table_args__ = (
        CheckConstraint("first_name <> ''", name="has_a_name"),
        CheckConstraint("number <> ''", name="has_a_number"),
        CheckConstraint("fte > 0 AND fte <= 1.5", name="fte"),
        CheckConstraint("(status = 'left') = (left_on IS NOT NULL)", name="left_on"),
        CheckConstraint("left_on >= hired_on", name="left_after_hired"),
        CheckConstraint("contract_until >= hired_on", name="contract_after_hired"),
        CheckConstraint("probation_until >= hired_on", name="probation_after_hired"),
        # What the lists sort by stands behind what they filter by, so that each page is one short walk of an index.
        Index(None, "name_key", "id"),
        Index(None, "hired_on", "id"),
        Index(None, "left_on"),
        Index(None, "status", "id"),
        Index(None, "status", "name_key", "id"),
        Index(None, "department_id", "name_key", "id"),
        Index(None, "role_id", "name_key", "id"),
        Index(None, "manager_id", "name_key", "id"),
        {"sqlite_autoincrement": True, "info": {CACHED: "employees"}},
    )

    @property
    def name(self) -> str:
        """The name as people say it."""
        return f"{self.first_name} {self.last_name}".strip()

    @validates("number", "email")
    def _keep_key(self, field: str, value: str | None) -> str | None:
        setattr(self, f"{field}_key", text.key(value)[:KEY_LENGTH] if value else None)
        return value

    @validates("first_name", "last_name")
    def _keep_name_key(self, field: str, value: str) -> str:
        names = {"first_name": self.first_name, "last_name": self.last_name} | {field: value}
        self.name_key = name_key(names["first_name"], names["last_name"])
        return value


def name_key(first_name: str | None, last_name: str | None) -> str:
    """Return what a list of people sorts by: last name, then first name."""
    return text.sort_key(f"{last_name or ''} {first_name or ''}")[:KEY_LENGTH]
