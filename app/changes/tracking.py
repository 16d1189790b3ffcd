"""What a transaction changes, row by row and field by field, gathered by session events while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from flask import Flask
from sqlalchemy import ColumnElement, Connection, Delete, Insert, Update, event, inspect, select
from sqlalchemy.orm import Mapped, Mapper, Session, UOWTransaction, declared_attr, mapped_column

from app.extensions import db


class Operation(StrEnum):
    """What happened to a row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ERASE = "erase"
    """Its private values were wiped: `after` is all that is left of it, and nothing tells what was before."""


@dataclass(slots=True)
class Change:
    """What happened to one tracked row: entity (table name), row id, whose row it is, fields before and after.

    An update holds the fields that changed; of a new row `after`, of a deleted one `before` hold all that is not None.
    """

    entity: str
    id: int
    person_id: int | None
    operation: Operation
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


class Tracked:
    """Mixed into models whose changes are told; `untold` names columns that only follow from others, or are secret.

    Each carries a `version`, moved by every UPDATE, that tells a form made from old values. `person_field` names the
    column that says whose record a row is part of.
    """

    untold: ClassVar[frozenset[str]] = frozenset()
    person_field: ClassVar[str | None] = None
    version: Mapped[int] = mapped_column(sort_order=1000)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 SQLAlchemy hands over the class
        return {"version_id_col": cls.version}


class Untold(RuntimeError):
    """A program error: something would have changed a tracked table without the journal knowing."""


RECORDING = "is_recording"
FLUSHING = "is_flushing"
KNOWINGLY = "is_told_elsewhere"
"""The execution option of a bulk statement on a tracked table whose changes need no telling, or are told by hand."""

TRACKED: dict[str, type[Tracked]] = {}
"""The tracked models by the name of their table."""
FIELDS: dict[type[Tracked], tuple[str, ...]] = {}
PLACES: dict[str, int] = {}


@event.listens_for(Tracked, "mapper_configured", propagate=True)
def _remember(mapper: Mapper[Any], model: type[Tracked]) -> None:
    """Let every column load what it held before it is set, else a row that is not loaded has no `before` to tell."""
    TRACKED[mapper.local_table.name] = model  # type: ignore[attr-defined]
    for attribute in mapper.column_attrs:
        event.listen(attribute.class_attribute, "set", _nothing, active_history=True)


def _nothing(_row: Any, _value: Any, _before: Any, _initiator: Any) -> None:
    """Be there: a listener is what makes SQLAlchemy load the old value."""


def init_tracking(app: Flask) -> None:
    """Let no bulk statement of `app` pass the journal by accident."""
    with app.app_context():
        event.listen(db.engine, "before_execute", _refuse_bulk)


@event.listens_for(db.session, "before_flush")
def _begin_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    for row in session.deleted:
        if isinstance(row, Tracked):
            state = inspect(row)
            for name in state.unloaded & set(told_fields(type(row))):  # else nobody could say what went with it
                getattr(row, name)
    if session.info.get(RECORDING) is None:
        for row in (*session.new, *session.dirty, *session.deleted):
            if isinstance(row, Tracked) and (row not in session.dirty or any(_changed(row))):
                raise Untold(f"a row of {type(row).__name__} would change outside an action: use actions.run")
    session.info[FLUSHING] = True


@event.listens_for(db.session, "after_flush")
@event.listens_for(db.session, "after_soft_rollback")
def _end_flush(session: Session, _context: Any) -> None:
    session.info[FLUSHING] = False


def _refuse_bulk(connection: Connection, statement: Any, _multiparams: Any, _params: Any, options: Any) -> None:
    """Refuse INSERT, UPDATE and DELETE on a tracked table, but for those of a flush and those that say they know."""
    if not isinstance(statement, Insert | Update | Delete) or options.get(KNOWINGLY):
        return
    table: Any = statement.table
    # A migration's tables have the same names, but they are not of these models.
    is_tracked = getattr(table, "metadata", None) is db.metadata and table.name in TRACKED
    if is_tracked and not db.session().info.get(FLUSHING):
        raise Untold(f"a bulk statement on {table.name} would pass the journal by: change its rows through the session")


@contextmanager
def recording() -> Iterator[list[Change]]:
    """Collect what this context's session changes inside the block; the list it gives is filled at the end.

    A row that several flushes write is one change, from its first values to the last, and none when it is back.
    """
    changes: list[Change] = []
    found: dict[tuple[str, int], Change] = {}
    session = db.session()

    def note(session: Session, _context: UOWTransaction) -> None:
        for row in session.new:
            if isinstance(row, Tracked):
                _keep(found, created(row))
        for row in session.dirty:
            if isinstance(row, Tracked) and (change := _updated(row)).after:
                _keep(found, change)
        for row in session.deleted:
            if isinstance(row, Tracked):
                _keep(found, _deleted(row))

    # After the flush has written (ids are known), before the session forgets what the values were.
    event.listen(session, "after_flush", note)
    session.info[RECORDING] = found
    try:
        yield changes
    finally:
        event.remove(session, "after_flush", note)
        session.info[RECORDING] = None
        changes.extend(change for change in map(_settled, found.values()) if change is not None)
        # A flush goes through its rows in no order; told are tables after those that they refer to, rows by id.
        changes.sort(key=lambda change: (_place(change.entity), change.id))


def _place(entity: str) -> int:
    if not PLACES:
        PLACES.update((table.name, place) for place, table in enumerate(db.metadata.sorted_tables))
    return PLACES[entity]


def tell(change: Change) -> None:
    """Add to the record what a bulk statement did, which no session event tells; inside `recording`."""
    found = db.session().info.get(RECORDING)
    if found is None:
        raise Untold("there is no record to tell this to: use actions.run")
    _keep(found, change)


def tell_new(model: type[Tracked], condition: ColumnElement[bool]) -> None:
    """Tell of the rows that meet the condition as new ones, where a bulk INSERT made them."""
    table = db.metadata.tables[inspect(model).local_table.name]
    fields, person = told_fields(model), model.person_field
    for row in db.session.execute(select(table).where(condition).order_by(table.c.id)).mappings():
        after = {name: row[name] for name in fields}
        tell(Change(table.name, row["id"], row[person] if person else None, Operation.CREATE, {}, after))


def told_fields(model: type[Tracked]) -> tuple[str, ...]:
    """Return the columns whose changes are told."""
    if model not in FIELDS:
        names = (attribute.key for attribute in inspect(model).column_attrs)
        FIELDS[model] = tuple(name for name in names if name not in model.untold and name not in ("id", "version"))
    return FIELDS[model]


def _keep(found: dict[tuple[str, int], Change], change: Change) -> None:
    """Fold a change into what is known of the row in this transaction."""
    first = found.setdefault((change.entity, change.id), change)
    if first is change:
        return
    first.person_id = change.person_id or first.person_id
    if change.operation is Operation.DELETE:
        if first.operation is Operation.CREATE:
            del found[change.entity, change.id]
        else:
            first.operation, first.before, first.after = Operation.DELETE, change.before | first.before, {}
    elif first.operation is Operation.DELETE:  # gone and made again under the same id
        first.operation, first.after = Operation.UPDATE, change.after
    else:
        first.before = change.before | first.before
        first.after |= change.after
        if change.operation is Operation.ERASE:
            first.operation, first.before, first.after = change.operation, {}, change.after


def _settled(change: Change) -> Change | None:
    """Return what is left of a change at the end: fields that are back where they were are none."""
    if change.operation is Operation.CREATE:
        change.before = {}
        change.after = {name: value for name, value in change.after.items() if value is not None}
    elif change.operation is Operation.DELETE:
        change.before = {name: value for name, value in change.before.items() if value is not None}
    elif change.operation is Operation.UPDATE:
        moved = [
            name for name in {**change.before, **change.after} if change.before.get(name) != change.after.get(name)
        ]
        change.before = {name: change.before.get(name) for name in moved}
        change.after = {name: change.after.get(name) for name in moved}
        return change if moved else None
    return change


def created(row: Tracked) -> Change:
    """Return the telling of a new row; also of one that was there before the journal."""
    state = inspect(row)
    # Not from the history, which knows only what was set, and nothing of a column's default.
    return _change(row, Operation.CREATE, {}, {name: state.dict.get(name) for name in told_fields(type(row))})


def _updated(row: Tracked) -> Change:
    before, after = {}, {}
    for name in _changed(row):
        history = inspect(row).attrs[name].history
        before[name] = history.deleted[0] if history.deleted else None
        after[name] = history.added[0] if history.added else None
    return _change(row, Operation.UPDATE, before, after)


def _deleted(row: Tracked) -> Change:
    before = {}
    for name in told_fields(type(row)):
        history = inspect(row).attrs[name].history
        # What was set but never written before the row went is in nobody's history.
        values = history.deleted or history.unchanged
        before[name] = values[0] if values else None
    return _change(row, Operation.DELETE, before, {})


def _changed(row: Tracked) -> Iterator[str]:
    state = inspect(row)
    # Only what was set can have changed, and of most rows that is little.
    touched = state.committed_state.keys()
    return (name for name in told_fields(type(row)) if name in touched and state.attrs[name].history.has_changes())


def _change(row: Any, operation: Operation, before: dict[str, Any], after: dict[str, Any]) -> Change:
    model = type(row)
    name = model.person_field
    person_id = row.id if name == "id" else getattr(row, name) if name else None
    if person_id is None and name:
        person_id = before.get(name)
    return Change(inspect(model).local_table.name, row.id, person_id, operation, before, after)
