"""What recorded changes say, as far as their reader may see it: field by field, with names for ids.

The same for a journal's changes and for a preview's. A value that the reader may not see does not leave this room, and
neither does the name of its field; a record of which nothing may be seen is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Select, literal, null, or_, select, union_all

from app.access.actor import Actor
from app.access.grants import GROUP_OF, Action, Subject
from app.access.visible import visible
from app.accounts.models import AccessRole, User
from app.changes.journal import ChangeRow
from app.changes.tracking import Change, Operation
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Assignment, Pay
from app.people.role import Role

OF_PEOPLE: dict[str, Subject] = {
    "employees": Subject.DIRECTORY,
    "assignments": Subject.EMPLOYMENT,
    "pay": Subject.COMPENSATION,
}
"""The tables whose rows are part of a person's record, and the field group it takes to see anything of one."""

OF_ALL: dict[str, Subject] = {
    "departments": Subject.ORGANISATION,
    "roles": Subject.ORGANISATION,
    "users": Subject.ACCOUNTS,
    "access_roles": Subject.ACCOUNTS,
    "grants": Subject.ACCOUNTS,
    "change_sets": Subject.ACCOUNTS,  # told of where an erasure emptied the reason of one
}
"""The other tables: who has the right sees all of their rows."""

NAMED: dict[str, Any] = {
    "departments": Department.name,
    "roles": Role.title,
    "access_roles": AccessRole.name,
    "users": User.email,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that is another record: its kind and name; `is_hidden` where it is a person not for this reader."""

    kind: str
    name: str | None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; a reference in place of an id."""

    field: str
    before: Any
    after: Any


@dataclass(slots=True)
class Difference:
    """What happened to one record; one of which nothing may be seen is `is_hidden` and tells nothing else.

    `name` is that of the record, of today or the last one it had; `hidden` counts the fields not for this reader.
    """

    is_hidden: bool = False
    entity: str = ""
    id: int = 0
    person_id: int | None = None
    operation: Operation = Operation.UPDATE
    name: str | None = None
    number: str | None = None
    is_here: bool = False
    is_emptied: bool = False
    groups: frozenset[Subject] = frozenset()
    fields: list[FieldChange] = field(default_factory=list)
    beside: Mapping[str, Any] = field(default_factory=dict)
    hidden: int = 0


@dataclass(slots=True)
class _Known:
    """The records that some changes name: who may be seen how far, what they are called, what stands beside."""

    names: dict[tuple[str, int], str] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    groups: dict[int, frozenset[Subject]] = field(default_factory=dict)
    nameable: set[int] = field(default_factory=set)
    here: set[tuple[str, int]] = field(default_factory=set)
    beside: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)


def group_of(entity: str, field: str) -> Subject:
    """Return the right it takes to see a field; of one that nobody sorted into a group, the narrowest."""
    if entity == "employees":
        return GROUP_OF.get(field, Subject.NOTES)
    return OF_PEOPLE.get(entity) or OF_ALL.get(entity, Subject.SYSTEM)


def sees_everybody(actor: Actor, *subjects: Subject) -> bool:
    """Say whether these field groups are open to the actor for everyone, even for who is no longer in any table."""
    needed = {Subject.DIRECTORY, Subject.EMPLOYMENT, *subjects}  # who left is seen by those who see employment
    return all(actor.can_everywhere(Action.VIEW, subject) for subject in needed)


def readable(actor: Actor, changes: Sequence[Change], *, within: tuple[Subject, ...] = ()) -> list[Difference]:
    """Return what each change says to this reader, in a number of statements that does not depend on how many.

    `within` names rights that reading takes beside those on the fields: the journal's, where they come from there.
    """
    known = _known(actor, changes, within)
    sees_all_within = all(actor.can_everywhere(Action.VIEW, subject) for subject in within)
    found = []
    for change in changes:
        if change.entity in OF_PEOPLE:
            groups = known.groups.get(change.person_id or 0, frozenset())
        else:
            groups = frozenset(s for s in OF_ALL.values() if sees_all_within and actor.can(Action.VIEW, s))
        found.append(_difference(change, groups, known))
    return found


def _difference(change: Change, groups: frozenset[Subject], known: _Known) -> Difference:
    names = list({**change.before, **change.after})
    seen = [name for name in names if group_of(change.entity, name) in groups]
    is_told = seen if names else group_of(change.entity, "number") in groups
    if not is_told:
        return Difference(is_hidden=True, hidden=len(names))
    named = ("employees", change.person_id or 0) if change.entity in OF_PEOPLE else (change.entity, change.id)
    return Difference(
        entity=change.entity,
        id=change.id,
        person_id=change.person_id,
        operation=change.operation,
        name=known.names.get(named),
        number=known.numbers.get(change.person_id or 0) if change.entity in OF_PEOPLE else None,
        is_here=named in known.here,
        is_emptied=not names and change.operation is not Operation.ERASE,
        groups=groups,
        fields=[
            FieldChange(name, *(_value(change.entity, name, side.get(name), known) for side in _sides(change)))
            for name in seen
        ],
        beside=known.beside.get((change.entity, change.id), {}),
        hidden=len(names) - len(seen),
    )


def _sides(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    return change.before, change.after


def _value(entity: str, field: str, value: Any, known: _Known) -> Any:
    """Return a value as it is, or as a reference where it is the id of another record."""
    kind = refers_to(entity, field)
    if kind is None or value is None:
        return value
    if kind == "employees" and value not in known.nameable:
        return Reference(kind, None, is_hidden=True)
    return Reference(kind, known.names.get((kind, value)))


@cache
def refers_to(entity: str, field: str) -> str | None:
    """Return the table that a field's ids are of; None for a field that holds no ids."""
    table = db.metadata.tables.get(entity)
    if table is None or field not in table.columns:
        return None
    return next((key.column.table.name for key in table.columns[field].foreign_keys), None)


def _known(actor: Actor, changes: Sequence[Change], within: tuple[Subject, ...]) -> _Known:
    """Look up all that the changes name: two statements, and at most two more for what is gone and for histories."""
    known, wanted = _Known(), _named_in(changes)
    _read_people(actor, wanted.get("employees", set()), within, known)
    _read_names({kind: ids for kind, ids in wanted.items() if kind in NAMED}, known)
    _take_names((change for change in changes if change.operation is Operation.DELETE), known)
    _read_gone({kind: {i for i in ids if (kind, i) not in known.names} for kind, ids in wanted.items()}, known)
    _take_names((change for change in changes if change.operation is Operation.CREATE), known)
    _read_beside(changes, known)
    return known


def _named_in(changes: Iterable[Change]) -> dict[str, set[int]]:
    """Return the ids of all records that changes are about or refer to, by table."""
    wanted: dict[str, set[int]] = {}
    for change in changes:
        if change.person_id is not None:
            wanted.setdefault("employees", set()).add(change.person_id)
        if change.entity in NAMED:
            wanted.setdefault(change.entity, set()).add(change.id)
        for side in _sides(change):
            for name, value in side.items():
                kind = refers_to(change.entity, name)
                if kind is not None and value is not None:
                    wanted.setdefault(kind, set()).add(value)
    return wanted


def _read_people(actor: Actor, ids: set[int], within: tuple[Subject, ...], known: _Known) -> None:
    """Read names, numbers and the visible field groups of these people."""
    if not ids:
        return
    groups = sorted({*GROUP_OF.values(), *OF_PEOPLE.values()})
    of_gone = frozenset(group for group in groups if sees_everybody(actor, group, *within))
    known.groups.update(dict.fromkeys(ids, of_gone))
    flags = [visible(actor, group, *within).label(f"sees_{group.value}") for group in groups]
    names = (Employee.number, Employee.first_name, Employee.last_name)
    columns = (Employee.id, *names, visible(actor).label("is_visible"))
    for row in db.session.execute(select(*columns, *flags).where(Employee.id.in_(ids))):
        person_id, number, first, last, is_visible = row[:5]
        known.groups[person_id] = frozenset(group for group, may in zip(groups, row[5:], strict=True) if may)
        if is_visible:
            known.nameable.add(person_id)
        known.here.add(("employees", person_id))
        known.names["employees", person_id] = f"{first} {last}".strip()
        known.numbers[person_id] = number
    if sees_everybody(actor):
        known.nameable |= ids  # those who are gone as well


def _read_names(wanted: Mapping[str, set[int]], known: _Known) -> None:
    """Read what departments, roles and accounts are called today."""
    queries: list[Select[*tuple[Any, ...]]] = [
        select(literal(kind), NAMED[kind].class_.id, NAMED[kind]).where(NAMED[kind].class_.id.in_(ids))
        for kind, ids in wanted.items()
        if ids
    ]
    if queries:
        for kind, row_id, name in db.session.execute(union_all(*queries) if len(queries) > 1 else queries[0]):
            known.names[kind, row_id] = name
            known.here.add((kind, row_id))


def _take_names(changes: Iterable[Change], known: _Known) -> None:
    """Take the names of records that are not here from the changes that made or removed them."""
    for change in changes:
        _take_name(change.entity, change.id, {**change.before, **change.after}, known)


def _read_gone(wanted: Mapping[str, set[int]], known: _Known) -> None:
    """Read the last names of records that were deleted from the changes that deleted them."""
    gone = {kind: ids for kind, ids in wanted.items() if ids}
    if gone:
        of = or_(*((ChangeRow.entity == kind) & ChangeRow.row_id.in_(ids) for kind, ids in gone.items()))
        query = select(ChangeRow.entity, ChangeRow.row_id, ChangeRow.before)
        for entity, row_id, before in db.session.execute(query.where(of, ChangeRow.operation == Operation.DELETE)):
            _take_name(entity, row_id, before or {}, known)


def last_names(wanted: Mapping[str, set[int]]) -> dict[tuple[str, int], str]:
    """Return what records that were deleted were called last, by table and id."""
    known = _Known()
    _read_gone(wanted, known)
    return known.names


def _read_beside(changes: Iterable[Change], known: _Known) -> None:
    """Read what has to be known of a stretch of history to speak of it, though it did not change."""
    ids: dict[str, set[int]] = {}
    for change in changes:
        if change.operation is Operation.UPDATE:
            ids.setdefault(change.entity, set()).add(change.id)
    pay = select(literal("pay"), Pay.id, Pay.valid_from, Pay.currency, Pay.period)
    jobs = select(literal("assignments"), Assignment.id, Assignment.valid_from, null(), null())
    queries = [
        query.where(model.id.in_(ids[model.__tablename__]))
        for model, query in ((Pay, pay), (Assignment, jobs))  # pay first: its columns say what the values are
        if model.__tablename__ in ids
    ]
    if queries:
        rows = db.session.execute(union_all(*queries) if len(queries) > 1 else queries[0])
        for entity, row_id, *values in rows:
            known.beside[entity, row_id] = dict(zip(("valid_from", "currency", "period"), values, strict=True))


def _take_name(entity: str, row_id: int, values: Mapping[str, Any], known: _Known) -> None:
    if (entity, row_id) in known.names:
        return
    if entity == "employees" and "first_name" in values:
        known.names[entity, row_id] = f"{values['first_name']} {values.get('last_name') or ''}".strip()
        known.numbers.setdefault(row_id, str(values.get("number") or ""))
    elif entity in NAMED and NAMED[entity].key in values:
        known.names[entity, row_id] = str(values[NAMED[entity].key])
