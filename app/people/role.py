"""Roles: job titles, grouped in families and levels."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.changes.tracking import Tracked
from app.core import text
from app.core.columns import CACHED, KEY_LENGTH, Id, key_string
from app.extensions import Base


class Role(Tracked, Base):
    """A job title that people hold; what they may do in Rollcall is their access role, another thing."""

    __tablename__ = "roles"
    TITLE_LENGTH = 100
    FAMILY_LENGTH = 60
    DESCRIPTION_LENGTH = 2000
    LEVELS = range(1, 21)
    untold = frozenset({"title_key"})

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    title_key: Mapped[str] = mapped_column(key_string(), unique=True)
    description: Mapped[str | None] = mapped_column(Text, info={"longest": DESCRIPTION_LENGTH})
    family: Mapped[str | None] = mapped_column(String(FAMILY_LENGTH))
    level: Mapped[int | None]
    closed_on: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("title <> ''", name="has_a_title"),
        CheckConstraint("level BETWEEN 1 AND 20", name="level"),
        {"sqlite_autoincrement": True, "info": {CACHED: "roles"}},
    )

    @validates("title")
    def _keep_key(self, _field: str, value: str) -> str:
        self.title_key = text.key(value)[:KEY_LENGTH]
        return value
