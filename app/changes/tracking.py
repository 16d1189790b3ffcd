"""What a transaction changes, field by field, gathered by session events while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstanceState, Mapped, Mapper, Session, UOWTransaction, declared_attr, mapped_column

from app.extensions import db


@dataclass(slots=True)
class Change:
    """One field of one tracked row: entity (table name), row id (None until inserted), before and after."""

    entity: str
    id: int | None
    field: str
    before: Any
    after: Any


class Tracked:
    """Mixed into models whose changes are told; `untold` names columns that only follow from others.

    Each carries a `version`, moved by every UPDATE, that tells a form made from old values.
    """

    untold: ClassVar[frozenset[str]] = frozenset()
    version: Mapped[int] = mapped_column(sort_order=1000)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 SQLAlchemy hands over the class
        return {"version_id_col": cls.version}


@event.listens_for(Tracked, "mapper_configured", propagate=True)
def _remember(mapper: Mapper[Any], _model: type) -> None:
    """Let every column load what it held before it is set, else a row that is not loaded has no `before` to tell."""
    for attribute in mapper.column_attrs:
        event.listen(attribute.class_attribute, "set", _nothing, active_history=True)


def _nothing(_row: Any, _value: Any, _before: Any, _initiator: Any) -> None:
    """Be there: a listener is what makes SQLAlchemy load the old value."""


@contextmanager
def recording() -> Iterator[list[Change]]:
    """Collect what this context's session changes inside the block; the list it gives is filled at the end.

    A field that several flushes write is one change, from the first value to the last, and none when it is back.
    """
    changes: list[Change] = []
    found: dict[tuple[str, int | None, str], Change] = {}

    def note(session: Session, _context: UOWTransaction) -> None:
        for rows, told in ((session.new, _inserted), (session.dirty, _updated), (session.deleted, _deleted)):
            for row in rows:
                if isinstance(row, Tracked):
                    for change in told(row):
                        first = found.setdefault((change.entity, change.id, change.field), change)
                        first.after = change.after

    session = db.session()
    # After the flush has written (ids are known), before the session forgets what the values were.
    event.listen(session, "after_flush", note)
    try:
        yield changes
    finally:
        event.remove(session, "after_flush", note)
        changes.extend(change for change in found.values() if change.before != change.after)


def _inserted(row: Tracked) -> Iterator[Change]:
    for state, field in _fields(row):
        # Not from the history, which knows only what was set, and nothing of a column's default.
        yield _change(row, state, field, None, state.dict.get(field))


def _updated(row: Tracked) -> Iterator[Change]:
    for state, field in _fields(row):
        history = state.attrs[field].history
        if history.has_changes():
            yield _change(row, state, field, _only(history.deleted), _only(history.added))


def _deleted(row: Tracked) -> Iterator[Change]:
    for state, field in _fields(row):
        history = state.attrs[field].history
        # What was set but never written before the row went is in nobody's history.
        yield _change(row, state, field, _only(history.deleted or history.unchanged), None)


def _fields(row: Tracked) -> Iterator[tuple[InstanceState[Any], str]]:
    """Yield the fields whose changes are told, each with the row's state."""
    state = inspect(row)
    for attribute in state.mapper.column_attrs:
        if attribute.key not in row.untold and attribute.key not in ("id", "version"):
            yield state, attribute.key


def _only(values: Sequence[Any] | None) -> Any:
    return values[0] if values else None


def _change(row: Any, state: InstanceState[Any], field: str, before: Any, after: Any) -> Change:
    return Change(state.mapper.local_table.name, row.id, field, before, after)  # type: ignore[attr-defined]
