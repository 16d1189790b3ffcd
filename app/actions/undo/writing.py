"""Rows removed, set back and brought back, in an order in which the database's constraints hold at every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.actions.undo.fit import Key, key_of, references, uniques
from app.actions.undo.parts import Kind
from app.actions.undo.work import Row, Work
from app.changes.tracking import told_fields
from app.extensions import db


def write_back(work: Work) -> None:
    """Write all rows.

    First nothing refers any more to what goes, then that goes; what changes changes, and what comes back comes, each
    table after those that it refers to; references to what comes back are set last.
    """
    _let_go(work)
    for entity in reversed(_tables(work)):
        for row in work.of(entity, Kind.REMOVE):
            db.session.delete(row.row)
        db.session.flush()
    late = [(row, name) for row in work.rows if row.final is not None for name in _late(work, row)]
    held_back = {(row.entity, row.id, name) for row, name in late}
    for entity in _tables(work):
        _set_back(work, entity, held_back)
    for entity in _tables(work):
        for row in work.of(entity, Kind.BRING_BACK):
            _bring_back(row, held_back)
        db.session.flush()
    for row, name in late:
        setattr(row.row, name, row.values[name])
    db.session.flush()


def _tables(work: Work) -> list[str]:
    """Return the tables of an undo, each after those that it refers to."""
    wanted = set(work.entities())
    return [table.name for table in db.metadata.sorted_tables if table.name in wanted]


def _let_go(work: Work) -> None:
    """Take out the references to rows that go: those of rows set back get their new value, if that is there yet."""
    for row in work.rows if work.doomed else ():
        for name, entity in references(row.entity).items():
            if row.row is None or (entity, row.now(name)) not in work.doomed:
                continue
            value = row.values.get(name)
            if row.kind is Kind.SET_BACK and (entity, value) not in work.coming:
                setattr(row.row, name, value)
            elif _is_nullable(row.entity, name):
                setattr(row.row, name, None)
    db.session.flush()


def _late(work: Work, row: Row) -> Iterator[str]:
    """Yield the references of a row to rows that come back; what can't be empty comes after its own table does."""
    for name, entity in references(row.entity).items():
        is_coming = (entity, row.values.get(name)) in work.coming
        if is_coming and (row.kind is Kind.SET_BACK or _is_nullable(row.entity, name)):
            yield name


def _is_nullable(entity: str, name: str) -> bool:
    return bool(db.metadata.tables[entity].columns[name].nullable)


def _set_back(work: Work, entity: str, held_back: set[tuple[str, int, str]]) -> None:
    """Set fields back; a row that takes what another one still holds waits until that has given it up."""
    columns = [names for _, names in uniques(db.metadata.tables[entity])]
    waiting = work.of(entity, Kind.SET_BACK)
    while waiting:
        held = _held(waiting, columns)
        ready = [
            row for row in waiting if not any(held.get(key, row.id) != row.id for key in _keys(row.final, columns))
        ]
        ready = ready or waiting  # they hold each other up, which the database tells
        for row in ready:
            for name, value in row.values.items():
                if (entity, row.id, name) not in held_back:
                    setattr(row.row, name, value)
        db.session.flush()
        done = {row.id for row in ready}
        waiting = [row for row in waiting if row.id not in done]


def _held(rows: Iterable[Row], columns: Sequence[tuple[str, ...]]) -> dict[tuple[int, Key], int]:
    return {key: row.id for row in rows for key in _keys(row.row, columns)}


def _keys(row: Any, columns: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, Key]]:
    for number, names in enumerate(columns):
        key = key_of(row, names)
        if key is not None:
            yield number, key


def _bring_back(row: Row, held_back: set[tuple[str, int, str]]) -> None:
    """Make a row again under its old id."""
    names = told_fields(row.how.model)
    values = {name: row.values.get(name) for name in names if (row.entity, row.id, name) not in held_back}
    fresh: Any = row.how.model(**values)
    fresh.id = row.id
    row.row = fresh
    db.session.add(fresh)
