"""Whether the rows of an undo fit those that stay: what is unique, what is referred to, what refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, Index, Table, UniqueConstraint, select

from app.actions.constraints import STILL_USED, WORDS
from app.actions.undo.parts import Kind
from app.actions.undo.work import Row, Work
from app.changes.tracking import TRACKED
from app.core.chunks import chunks
from app.core.problems import Sentence
from app.extensions import db

Key = tuple[Any, ...]

GONE = _l("It belongs to a record that is no longer there. Bring that back first.")
IN_USE: dict[str, Sentence] = {
    "employees.manager_id": _l("People report to %(name)s by now. Move them first."),
    "employees.department_id": _l("Somebody works in %(name)s, or did, by now. Close it instead."),
    "employees.role_id": _l("Somebody holds %(name)s, or did, by now. Close it instead."),
    "assignments.employee_id": _l("%(name)s has a longer job history by now. Record a leaving instead."),
    "assignments.manager_id": _l("%(name)s has been somebody’s manager by now. Record a leaving instead."),
    "assignments.department_id": _l("Somebody works in %(name)s, or did, by now. Close it instead."),
    "assignments.role_id": _l("Somebody holds %(name)s, or did, by now. Close it instead."),
    "pay.employee_id": _l("%(name)s has been given pay by now. Record a leaving instead."),
    "departments.lead_id": _l("%(name)s leads a department by now. Give it another lead first."),
    "departments.parent_id": _l("There are departments below %(name)s by now. Move them first."),
    "users.employee_id": _l("%(name)s has an account by now. Remove that first."),
    "users.access_role_id": _l("Accounts have the access role %(name)s by now. Give them another first."),
}
"""What to say of a record that can't go, by the column that refers to it."""


def check(work: Work) -> None:
    """Refuse what would break a constraint of the database, with the words for it."""
    for row in work.rows:
        if row.final is not None:
            work.refuse_fields(row, row.how.faults(row))
    for entity in work.entities():
        _refuse_taken(work, entity)
        _refuse_needed(work, entity)
    _refuse_orphans(work)


def uniques(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is unique in a table: the constraint's name and its columns."""
    found: list[UniqueConstraint | Index] = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    found += [index for index in table.indexes if index.unique]
    yield from sorted((str(one.name), tuple(one.columns.keys())) for one in found)


def key_of(row: Any, columns: Sequence[str]) -> Key | None:
    """Return what a row holds of something unique; None where it holds nothing that could clash."""
    key = tuple(getattr(row, column) for column in columns)
    return None if row is None or None in key else key


def _refuse_taken(work: Work, entity: str) -> None:
    """Refuse rows that would take what another row holds, one that neither goes nor gives it up."""
    table = db.metadata.tables[entity]
    rows = work.of(entity)
    for name, columns in uniques(table):
        wanted = {}
        for row in rows:
            key = key_of(row.final, columns) if row.final is not None else None
            if key is not None and (row.row is None or key != key_of(row.row, columns)):
                wanted[key] = row
        for key, holder_id in _holders(table, columns, wanted):
            holder = work.get(entity, holder_id)
            if holder is None or (holder.final is not None and key_of(holder.final, columns) == key):
                field, words = WORDS[name]
                if holder is not wanted[key]:
                    work.refuse(wanted[key], words, field)


def _holders(table: Table, columns: Sequence[str], wanted: Iterable[Key]) -> Iterator[tuple[Key, int]]:
    keys = set(wanted)
    first = sorted({key[0] for key in keys})
    picked = [table.c[column] for column in columns]
    for some in chunks(first):
        query = select(table.c.id, *picked).where(picked[0].in_(some))
        for row_id, *key in db.session.execute(query):
            if tuple(key) in keys:
                yield tuple(key), row_id


def _refuse_needed(work: Work, entity: str) -> None:
    """Refuse to remove rows that others refer to which stay."""
    rows = {row.id: row for row in work.of(entity, Kind.REMOVE)}
    for column in _references_to(entity) if rows else ():
        owner = column.table.name
        for row_id, owner_id in _pairs(column, sorted(rows)):
            other = work.get(owner, owner_id) if owner in TRACKED else None
            if other is None or (other.final is not None and getattr(other.final, column.name) == row_id):
                row = rows[row_id]
                name = next(iter(row.units.values())).name
                words = IN_USE.get(f"{owner}.{column.name}", STILL_USED)
                work.refuse(
                    row, _l("%(sentence)s", sentence=words % {"name": name}) if words is not STILL_USED else words
                )


def _pairs(column: Column[Any], ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield which rows refer to these: the id referred to and the id of the row."""
    own = column.table.c.get("id", column)
    for some in chunks(ids):
        yield from (tuple(row) for row in db.session.execute(select(column, own).where(column.in_(some))))


def _references_to(entity: str) -> Iterator[Column[Any]]:
    """Yield the columns that refer to a table, but for those whose rows go with it."""
    for table in db.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                if key.column.table.name == entity and (key.ondelete or "").upper() not in ("CASCADE", "SET NULL"):
                    yield column


def references(entity: str) -> dict[str, str]:
    """Return the columns of a table that refer to others, with the table that each refers to."""
    return {
        column.name: key.column.table.name
        for column in db.metadata.tables[entity].columns
        for key in column.foreign_keys
    }


def _refuse_orphans(work: Work) -> None:
    """Refuse rows that would refer to what is not there."""
    wanted: dict[str, dict[int, list[tuple[Row, str]]]] = {}
    for row in work.rows:
        for name, entity in references(row.entity).items():
            target = row.values.get(name) if row.kind is not Kind.REMOVE else None
            if target is not None:
                wanted.setdefault(entity, {}).setdefault(target, []).append((row, name))
    for entity, by_id in wanted.items():
        table = db.metadata.tables[entity]
        there = {row.id for row in work.of(entity, Kind.BRING_BACK)}
        for some in chunks(sorted(by_id)):
            there |= set(db.session.scalars(select(table.c.id).where(table.c.id.in_(some))))
        there -= {row.id for row in work.of(entity, Kind.REMOVE)}
        for target in by_id.keys() - there:
            for row, name in by_id[target]:
                work.refuse(row, GONE, name)
