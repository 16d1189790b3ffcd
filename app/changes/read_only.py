"""Read-only: everything can be looked at and nothing changed, by a setting, a switch, or for as long as a migration.

Every change reads the one row of `read_only` under a shared lock that it keeps until its COMMIT, and whoever switches
takes the row for itself. So switching on waits for the changes that are under way, and whatever begins later finds it
on: once it has returned, nothing is committed any more. On SQLite, which has one writer at a time, that is so anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from flask import current_app, g
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, ScalarSelect, String, case, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.changes.journal import REASON_LENGTH
from app.core.clock import now
from app.core.columns import UtcDateTime, key_string
from app.core.database.engine import WRITING
from app.core.problems import Invalid, Passing, Sentence
from app.extensions import Base, db

ROW = 1
"""The id of the one row, which the migration makes: a lock takes a row that is there."""
FOR_GOOD = datetime(9999, 12, 31, tzinfo=UTC)
SECONDS_OF_MIGRATION, SECONDS_OF_OTHERS = 30, 300
"""After how long it is worth trying again; a migration that takes longer than a blink says so."""


class ReadOnlyMode(Base):
    """How it stands: switched on by somebody (`on_until` is far ahead then), and beside that held by a migration.

    A migration moves `held_until` on while it runs. So one that was killed holds nothing for long.
    """

    __tablename__ = "read_only"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    on_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of the last switching, on or off
    holder: Mapped[str | None] = mapped_column(key_string(32))
    held_for: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Cause(StrEnum):
    """Why nothing can be changed."""

    SETTING = "setting"
    """READ_ONLY of this process."""
    SWITCH = "switch"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class ReadOnlyState:
    """That nothing can be changed, why, and what was said about it."""

    cause: Cause
    reason: str | None = None

    @property
    def retry_after(self) -> int:
        """After how many seconds it is worth trying again."""
        return SECONDS_OF_MIGRATION if self.cause is Cause.MIGRATION else SECONDS_OF_OTHERS


class ReadOnly(Passing, Invalid):
    """Nothing can be changed at the moment.

    It is `Invalid` as well, so that every form shows it on top of what was typed, as any other reason why it can't be
    saved; what goes by single rows or steps has to let it through.
    """

    def __init__(self, state: ReadOnlyState) -> None:
        self.state = state
        super().__init__({"": _words(state)})


def _words(state: ReadOnlyState) -> Sentence:
    if state.cause is Cause.MIGRATION:
        return _l(
            "Rollcall is being updated and can only be looked at until that is done. Nothing was saved; please try "
            "again in a minute."
        )
    if state.reason:
        return _l(
            "Rollcall can only be looked at for the moment: %(reason)s Nothing was saved; please try again later.",
            reason=ended(state.reason),
        )
    return _l("Rollcall can only be looked at for the moment. Nothing was saved; please try again later.")


def ended(reason: str) -> str:
    """Return a reason as a sentence of its own."""
    return reason if reason.endswith((".", "!", "?", "…")) else f"{reason}."


def until() -> ColumnElement[datetime | None]:
    """Return, as an expression on the row, until when nothing can be changed."""
    return func.coalesce(ReadOnlyMode.on_until, ReadOnlyMode.held_until)


def why() -> ColumnElement[str | None]:
    """Return, as an expression on the row, what was said about it."""
    return case((ReadOnlyMode.on_until.is_not(None), ReadOnlyMode.reason), else_=ReadOnlyMode.held_for)


def read(what: ColumnElement[datetime | None] | ColumnElement[str | None]) -> ScalarSelect[datetime | str | None]:
    """Return an expression on the row as a column for any statement."""
    return select(what).where(ReadOnlyMode.id == ROW).scalar_subquery()


def read_for_change() -> ScalarSelect[datetime | None]:
    """Return `until` as a column for any statement inside a write, under the lock that makes it exact."""
    return select(until()).where(ReadOnlyMode.id == ROW).with_for_update(read=True).scalar_subquery()


def state_of(found_until: datetime | None, found_why: str | None) -> ReadOnlyState | None:
    """Return what the row says, the setting before it; None where everything can be changed."""
    if current_app.config["READ_ONLY"]:
        return ReadOnlyState(Cause.SETTING)
    if found_until is None or found_until <= now():
        return None
    return ReadOnlyState(Cause.SWITCH if found_until == FOR_GOOD else Cause.MIGRATION, found_why)


def state() -> ReadOnlyState | None:
    """Return how it is now, in one statement; None where everything can be changed."""
    row = db.session.execute(select(until(), why()).where(ReadOnlyMode.id == ROW)).first()
    return state_of(*row) if row else state_of(None, None)


def refuse_change() -> None:
    """Raise `ReadOnly` where nothing can be changed; inside a write, which then keeps it so until its end."""
    if not db.session().info.get(WRITING):
        raise RuntimeError("outside a write the answer would hold for no moment")
    is_set = current_app.config["READ_ONLY"]
    refuse(None if is_set else db.session.execute(select(read_for_change())).scalar())


def refuse(found_until: datetime | None) -> None:
    """Raise `ReadOnly` where what `read_for_change` gave says so."""
    if state_of(found_until, None) is None:
        return
    words = db.session.execute(select(why()).where(ReadOnlyMode.id == ROW)).scalar()
    found = state_of(found_until, words)
    assert found is not None
    g.refused_as_read_only = found
    raise ReadOnly(found)
