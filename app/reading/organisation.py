"""Departments and roles with their headcount, for those who may see the organisation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, Subquery, func, select
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import shared_by, visible
from app.core import querycache, text
from app.core.problems import NotFound
from app.extensions import db
from app.people import places, rules
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role
from app.reading.paging import Order, Page, Place, count_kept, listed, walked

Row = TypeVar("Row")
Parent, Lead = aliased(Department), aliased(Employee)
NAMED = 50
"""So many people are named of those who would move."""
EXPORT_CHUNK = 500


class DepartmentRow(NamedTuple):
    """A department of a list, with the people who work in it today."""

    id: int
    version: int
    code: str | None
    name: str
    name_key: str
    parent_id: int | None
    parent: str | None
    lead_id: int | None
    lead_number: str | None
    lead_first_name: str | None
    lead_last_name: str | None
    cost_centre: str | None
    closed_on: date | None
    headcount: int

    @property
    def lead(self) -> str | None:
        """The lead's name."""
        return f"{self.lead_first_name} {self.lead_last_name}".strip() if self.lead_id else None


class RoleRow(NamedTuple):
    """A role of a list, with the people who hold it today."""

    id: int
    version: int
    title: str
    title_key: str
    description: str | None
    family: str | None
    level: int | None
    closed_on: date | None
    headcount: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in a department or role: how many people are there or will be, and the departments below it.

    `people` are the first of those whom the reader may see, by id and name.
    """

    count: int
    people: list[tuple[int, str]]
    below: list[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of departments or roles is asked for; `is_open` None means open and closed ones."""

    search: str = ""
    is_open: bool | None = None
    is_descending: bool = False
    place: Place = field(default_factory=Place)
    size: int = 50


def departments(actor: Actor, wanted: Wanted) -> Page[DepartmentRow]:
    """Return one page of departments, by name."""
    order, ids = _departments_wanted(actor, wanted)
    ask = partial(querycache.rows, "departments.page", scope=shared_by(actor))
    read = _reader(_departments(actor), DepartmentRow, order, ask)
    count = count_kept("departments.count", querycache.EVERYBODY, is_search=bool(wanted.search))
    return listed(ids, order, wanted.place, wanted.size, read, lambda r: (r.name_key, r.id), count)


def all_departments(actor: Actor, wanted: Wanted) -> Iterator[DepartmentRow]:
    """Yield every department of a list, whatever its place; once and large, so not through the cache."""
    order, ids = _departments_wanted(actor, wanted)
    read = _reader(_departments(actor), DepartmentRow, order, db.session.execute)
    return walked(ids, order, EXPORT_CHUNK, read, lambda r: (r.name_key, r.id))


def departments_matching(actor: Actor, wanted: Wanted, limit: int) -> list[int]:
    """Return the ids of the departments of a list, in its order, up to `limit`."""
    order, ids = _departments_wanted(actor, wanted)
    return list(db.session.scalars(ids.order_by(*order.clauses(False)).limit(limit)))


def departments_named(actor: Actor, ids: Collection[int]) -> list[tuple[int, str]]:
    """Return id and name of those of these departments that are there, by name."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    query = select(Department.id, Department.name).where(Department.id.in_(ids)).order_by(Department.name_key)
    return [(row[0], row[1]) for row in db.session.execute(query)]


def department(actor: Actor, department_id: int) -> DepartmentRow:
    """Return one department; raise `NotFound`."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    row = db.session.execute(_departments(actor).where(Department.id == department_id)).first()
    if row is None:
        raise NotFound()
    return DepartmentRow(*row)


def roles(actor: Actor, wanted: Wanted) -> Page[RoleRow]:
    """Return one page of roles, by title."""
    order, ids = _roles_wanted(actor, wanted)
    ask = partial(querycache.rows, "roles.page", scope=shared_by(actor))
    read = _reader(_roles(actor), RoleRow, order, ask)
    count = count_kept("roles.count", querycache.EVERYBODY, is_search=bool(wanted.search))
    return listed(ids, order, wanted.place, wanted.size, read, lambda r: (r.title_key, r.id), count)


def all_roles(actor: Actor, wanted: Wanted) -> Iterator[RoleRow]:
    """Yield every role of a list, whatever its place; once and large, so not through the cache."""
    order, ids = _roles_wanted(actor, wanted)
    read = _reader(_roles(actor), RoleRow, order, db.session.execute)
    return walked(ids, order, EXPORT_CHUNK, read, lambda r: (r.title_key, r.id))


def role(actor: Actor, role_id: int) -> RoleRow:
    """Return one role; raise `NotFound`."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    row = db.session.execute(_roles(actor).where(Role.id == role_id)).first()
    if row is None:
        raise NotFound()
    return RoleRow(*row)


def inside(actor: Actor, kind: type[Department | Role], row_id: int) -> Inside:
    """Return what is in a department or role, for who may close it: that is whom it would move."""
    actor.require(Action.DELETE, Subject.ORGANISATION)
    ids = places.who_is_inside(kind, row_id)
    people: list[tuple[int, str]] = []
    if ids:
        names = (Employee.id, Employee.first_name, Employee.last_name, Employee.number)
        query = select(*names).where(Employee.id.in_(places.ids_inside(kind, row_id)), visible(actor))
        found = db.session.execute(query.order_by(Employee.name_key, Employee.id).limit(NAMED))
        people = [(row[0], f"{row[1]} {row[2]}".strip() + f" · {row[3]}") for row in found]
    below = places.below(row_id) if kind is Department else []
    return Inside(len(ids), people, [department.name for department in below])


def will_close(kind: type[Department | Role], row_id: int) -> bool:
    """Say whether deleting would only close this one, because somebody was ever in it."""
    return rules.department_was_used(row_id) if kind is Department else rules.role_was_used(row_id)


def _departments_wanted(actor: Actor, wanted: Wanted) -> tuple[Order, Select[*tuple[Any, ...]]]:
    """Return the order of a list of departments, and the SELECT of their ids and sort values."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    conditions = _conditions(wanted, Department, Department.name_key, Department.code_key)
    order = Order(Department.name_key, Department.id, wanted.is_descending)
    return order, select(Department.id, Department.name_key).where(*conditions)


def _roles_wanted(actor: Actor, wanted: Wanted) -> tuple[Order, Select[*tuple[Any, ...]]]:
    """Return the order of a list of roles, and the SELECT of their ids and sort values."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    order = Order(Role.title_key, Role.id, wanted.is_descending)
    return order, select(Role.id, Role.title_key).where(*_conditions(wanted, Role, Role.title_key))


def _reader(
    query: Select[*tuple[Any, ...]], row: Callable[..., Row], order: Order, ask: Callable[[Any], Iterable[Any]]
) -> Callable[[Subquery, bool], list[Row]]:
    """Return what makes rows of the ids of one page, by asking `query` narrowed to them."""

    def read(chosen: Subquery, is_backwards: bool) -> list[Row]:
        asked = query.join(chosen, chosen.c.id == order.id).order_by(*order.clauses(is_backwards))
        return [row(*found) for found in ask(asked)]

    return read


def _conditions(wanted: Wanted, kind: Any, *keys: Any) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for word in text.key(wanted.search).split(" "):
        if word:
            matches = [column.contains(word, autoescape=True) for column in keys]
            conditions.append(matches[0] if len(matches) == 1 else matches[0] | matches[1])
    if wanted.is_open is not None:
        conditions.append(kind.closed_on.is_(None) if wanted.is_open else kind.closed_on.is_not(None))
    return conditions


def _headcount(actor: Actor, column: Any, of: Any) -> Any:
    """Return the number of people here today as a part of each row, so that a page stays one statement."""
    here = Employee.status != Status.LEFT
    return select(func.count()).where(column == of, here, visible(actor)).correlate(Department, Role).scalar_subquery()


def _departments(actor: Actor) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of `DepartmentRow`'s fields, in their order."""
    return (
        select(
            Department.id,
            Department.version,
            Department.code,
            Department.name,
            Department.name_key,
            Department.parent_id,
            Parent.name,
            Department.lead_id,
            Lead.number,
            Lead.first_name,
            Lead.last_name,
            Department.cost_centre,
            Department.closed_on,
            _headcount(actor, Employee.department_id, Department.id),
        )
        .outerjoin(Parent, Parent.id == Department.parent_id)
        .outerjoin(Lead, Lead.id == Department.lead_id)
    )


def _roles(actor: Actor) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of `RoleRow`'s fields, in their order."""
    return select(
        Role.id,
        Role.version,
        Role.title,
        Role.title_key,
        Role.description,
        Role.family,
        Role.level,
        Role.closed_on,
        _headcount(actor, Employee.role_id, Role.id),
    )
