"""Which schema the database has, and whether this code may run on it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core.columns import UtcDateTime
from app.extensions import Base, db

# The number of the newest migration that this code knows; each migration writes its own number into `schema_state`.
HEAD = 7


class SchemaState(Base):
    """One applied migration, and the number of the oldest code that may still run after it."""

    __tablename__ = "schema_state"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[str] = mapped_column(String(32))
    oldest_code: Mapped[int]
    applied_at: Mapped[datetime] = mapped_column(UtcDateTime)


def is_usable() -> bool:
    """Say whether the schema is at or beyond this code's head and still open to code of this age."""
    newest = db.session.execute(select(SchemaState).order_by(SchemaState.number.desc()).limit(1)).scalar()
    return newest is not None and newest.number >= HEAD >= newest.oldest_code
