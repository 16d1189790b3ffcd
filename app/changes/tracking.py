"""What a transaction changes, field by field, gathered by session events while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import event, inspect
from sqlalchemy.orm import Mapped, Session, UOWTransaction, declared_attr, mapped_column

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


@contextmanager
def recording() -> Iterator[list[Change]]:
    """Collect the changes that flushes of this thread's session make inside the block, into the list it gives."""
    changes: list[Change] = []

    def note(session: Session, _context: UOWTransaction, _instances: Any = None) -> None:
        for row in (*session.new, *session.dirty, *session.deleted):
            if isinstance(row, Tracked):
                changes.extend(_differences(row, is_deleted=row in session.deleted))

    session = db.session()
    # After the flush has written (ids are known), before the session forgets what the values were.
    event.listen(session, "after_flush", note)
    try:
        yield changes
    finally:
        event.remove(session, "after_flush", note)


def _differences(row: Any, is_deleted: bool) -> Iterator[Change]:
    state = inspect(row)
    entity, row_id = state.mapper.local_table.name, state.identity[0] if state.identity else row.id
    for attribute in state.mapper.column_attrs:
        if attribute.key in row.untold or attribute.key in ("id", "version"):
            continue
        history = state.attrs[attribute.key].history
        if is_deleted:
            before, after = state.attrs[attribute.key].value, None
        else:
            if not history.has_changes():
                continue
            before = history.deleted[0] if history.deleted else None
            after = history.added[0] if history.added else None
        if before != after:
            yield Change(entity, row_id, attribute.key, before, after)
