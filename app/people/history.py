"""Job and pay history with effective dates; intervals are half open: `valid_to` is the first day it no longer holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.changes.tracking import Tracked
from app.core.columns import Id, choice
from app.extensions import Base
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role


class PayPeriod(StrEnum):
    """What an amount of pay is paid for."""

    YEAR = "year"
    MONTH = "month"
    HOUR = "hour"


class Assignment(Tracked, Base):
    """What a person did from one day to another: status, department, role and manager."""

    __tablename__ = "assignments"
    person_field = "employee_id"

    id: Mapped[Id]
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id", ondelete="RESTRICT"))
    status: Mapped[Status] = mapped_column(choice(Status, "status"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id", ondelete="RESTRICT"), index=True)
    role_id: Mapped[int | None] = mapped_column(ForeignKey("roles.id", ondelete="RESTRICT"), index=True)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("employees.id", ondelete="RESTRICT"), index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    employee: Mapped[Employee] = relationship(foreign_keys=[employee_id])
    department: Mapped[Department | None] = relationship()
    role: Mapped[Role | None] = relationship()
    manager: Mapped[Employee | None] = relationship(foreign_keys=[manager_id])

    __table_args__ = (
        UniqueConstraint("employee_id", "valid_from"),
        CheckConstraint("valid_to > valid_from", name="order"),
        Index(None, "valid_from"),
        {"sqlite_autoincrement": True},
    )


class Pay(Tracked, Base):
    """What a person is paid from one day to another, in full currency units for one period."""

    __tablename__ = "pay"
    REASON_LENGTH = 200
    person_field = "employee_id"

    id: Mapped[Id]
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    currency: Mapped[str] = mapped_column(String(3))  # ISO 4217
    period: Mapped[PayPeriod] = mapped_column(choice(PayPeriod, "period"), default=PayPeriod.YEAR)
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    employee: Mapped[Employee] = relationship()

    __table_args__ = (
        UniqueConstraint("employee_id", "valid_from"),
        CheckConstraint("valid_to > valid_from", name="order"),
        CheckConstraint("amount >= 0", name="amount"),
        {"sqlite_autoincrement": True},
    )
