"""Departments: a tree, each with a lead."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.changes.tracking import Tracked
from app.core import text
from app.core.columns import CACHED, KEY_LENGTH, Id, key_string
from app.extensions import Base

if TYPE_CHECKING:
    from app.people.employee import Employee


class Department(Tracked, Base):
    """A part of the organisation; `parent` makes the tree, `closed_on` ends it without losing its history."""

    __tablename__ = "departments"
    CODE_LENGTH = 20
    NAME_LENGTH = 100
    COST_CENTRE_LENGTH = 40
    untold = frozenset({"name_key", "code_key"})

    id: Mapped[Id]
    code: Mapped[str | None] = mapped_column(String(CODE_LENGTH))
    code_key: Mapped[str | None] = mapped_column(key_string(), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(key_string(), unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id", ondelete="RESTRICT"), index=True)
    lead_id: Mapped[int | None] = mapped_column(
        ForeignKey("employees.id", ondelete="RESTRICT", use_alter=True), index=True
    )
    cost_centre: Mapped[str | None] = mapped_column(String(COST_CENTRE_LENGTH))
    closed_on: Mapped[date | None]

    parent: Mapped[Department | None] = relationship(remote_side="Department.id")
    lead: Mapped[Employee | None] = relationship(foreign_keys=[lead_id], post_update=True)

    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        {"sqlite_autoincrement": True, "info": {CACHED: "departments"}},
    )

    @validates("name", "code")
    def _keep_key(self, field: str, value: str | None) -> str | None:
        setattr(self, f"{field}_key", text.key(value)[:KEY_LENGTH] if value else None)
        return value
