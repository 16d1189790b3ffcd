"""Lists of people: the directory and the panel's, one statement for a page whatever its length."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.access.actor import Actor
from app.access.grants import FIELDS, GROUP_OF, Action, Scope, Subject
from app.access.visible import departments_below, reach, shared_by, visible
from app.core import querycache
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, EmploymentType, Status
from app.people.role import Role
from app.reading.paging import Order, Page, Place, count_kept, listed, placed, write_cursor
from app.reading.search import found_by

SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "name": Employee.name_key,
    "number": Employee.number_key,
    "hired_on": Employee.hired_on,
    "status": Employee.status,
}
"""The sorts on offer: stored columns with an index behind them, because they have to hold at a million rows."""

EXPORT_CHUNK = 1000
Manager = aliased(Employee)


class Person(NamedTuple):
    """A row of a list; employment fields are None where `sees_employment` is not set."""

    id: int
    number: str
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    location: str | None
    hired_on: date
    department_id: int | None
    department: str | None
    role_id: int | None
    role: str | None
    manager_id: int | None
    manager_first_name: str | None
    manager_last_name: str | None
    manager_number: str | None
    status: Status
    employment_type: EmploymentType
    fte: Decimal
    left_on: date | None
    sees_employment: bool
    sort_value: Any

    @property
    def name(self) -> str:
        """The name as people say it."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def manager(self) -> str | None:
        """The manager's name."""
        return f"{self.manager_first_name} {self.manager_last_name}".strip() if self.manager_id else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter on people: the field group whose visibility it needs, and its condition for a value.

    `condition` raises ValueError for a value that makes no sense.
    """

    subject: Subject
    condition: Callable[[str], ColumnElement[bool]]


def _number(value: str) -> int:
    number = int(value)
    if not 0 <= number < 2**31:
        raise ValueError(value)
    return number


def _is(column: InstrumentedAttribute[int | None], value: str) -> ColumnElement[bool]:
    return column.is_(None) if value == "none" else column == _number(value)


def _is_here(value: str) -> ColumnElement[bool]:
    return {"1": Employee.status != Status.LEFT, "0": Employee.status == Status.LEFT}[value]


def _with_reports(condition: ColumnElement[bool]) -> Select[int | None]:
    """Return the query of managers by the number of people who report to them today."""
    report = aliased(Employee)
    here = report.status != Status.LEFT
    return (
        select(report.manager_id)
        .where(report.manager_id.is_not(None), here)
        .group_by(report.manager_id)
        .having(condition)
    )


FILTERS: dict[str, Filter] = {
    "department": Filter(Subject.DIRECTORY, lambda v: _is(Employee.department_id, v)),
    "department_and_below": Filter(
        Subject.DIRECTORY, lambda v: Employee.department_id.in_(departments_below(_number(v)))
    ),
    "role": Filter(Subject.DIRECTORY, lambda v: _is(Employee.role_id, v)),
    "manager": Filter(Subject.DIRECTORY, lambda v: _is(Employee.manager_id, v)),
    "status": Filter(Subject.EMPLOYMENT, lambda v: Employee.status == Status(v)),
    "is_here": Filter(Subject.EMPLOYMENT, _is_here),
    "employment_type": Filter(Subject.EMPLOYMENT, lambda v: Employee.employment_type == EmploymentType(v)),
    "hired_from": Filter(Subject.DIRECTORY, lambda v: Employee.hired_on >= date.fromisoformat(v)),
    "hired_to": Filter(Subject.DIRECTORY, lambda v: Employee.hired_on <= date.fromisoformat(v)),
    "hired_after": Filter(Subject.DIRECTORY, lambda v: Employee.hired_on > date.fromisoformat(v)),
    "left_from": Filter(Subject.EMPLOYMENT, lambda v: Employee.left_on >= date.fromisoformat(v)),
    "left_to": Filter(Subject.EMPLOYMENT, lambda v: Employee.left_on <= date.fromisoformat(v)),
    "reports_from": Filter(Subject.EMPLOYMENT, lambda v: Employee.id.in_(_with_reports(func.count() >= _number(v)))),
    "reports_to": Filter(Subject.EMPLOYMENT, lambda v: Employee.id.not_in(_with_reports(func.count() > _number(v)))),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of people is asked for."""

    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = "name"
    is_descending: bool = False
    place: Place = field(default_factory=Place)
    size: int = 50
    subject: Subject = Subject.DIRECTORY
    """The field group the list is about: the panel lists people whose employment may be seen."""
    leaves_out_leavers: bool = False

    @property
    def order(self) -> Order:
        """What the list is sorted by."""
        return Order(SORTS.get(self.sort, Employee.name_key), Employee.id, self.is_descending)


def people(actor: Actor, wanted: Wanted) -> Page[Person]:
    """Return one page of the people that `actor` may see and `wanted` asks for, and how many there are."""

    def read(chosen: Subquery, is_backwards: bool) -> list[Person]:
        # The page of ids is taken first and joined after: joined plainly, engines sort everybody.
        query = _columns(actor, chosen.c.sort_value).join(chosen, chosen.c.id == Employee.id)
        query = query.order_by(*wanted.order.clauses(is_backwards))
        return _kept("people.page", actor, query, only_here=wanted.leaves_out_leavers)

    ids = _ids(actor, wanted)
    scope = shared_by(actor, of_others=wanted.leaves_out_leavers)
    count = count_kept("people.count", scope, is_search=bool(wanted.search))
    return listed(ids, wanted.order, wanted.place, wanted.size, read, lambda p: (p.sort_value, p.id), count)


def matching(actor: Actor, wanted: Wanted, limit: int) -> list[int]:
    """Return the ids of everybody in a list, in its order, up to `limit`."""
    query = _ids(actor, wanted).order_by(*wanted.order.clauses(False)).limit(limit)
    return [row[0] for row in db.session.execute(query)]


def named(actor: Actor, ids: Collection[int], subject: Subject = Subject.DIRECTORY) -> list[tuple[int, str]]:
    """Return id and name of those of `ids` of whom the actor may see `subject`, by name."""
    query = select(Employee.id, Employee.first_name, Employee.last_name, Employee.number).where(
        Employee.id.in_(ids), visible(actor, subject)
    )
    rows = db.session.execute(query.order_by(Employee.name_key, Employee.id))
    return [(row[0], f"{row[1]} {row[2]}".strip() + f" · {row[3]}") for row in rows]


def exported(groups: tuple[Subject, ...]) -> list[str]:
    """Return the names of what `export` yields for these field groups, in the order of a file."""
    fields = [
        name for group in groups for name in FIELDS.get(group, ()) if not name.endswith("_id") and name != "custom"
    ]
    return [*fields, "department", "role", "manager", "manager_number"]


def export(actor: Actor, wanted: Wanted, groups: tuple[Subject, ...]) -> Iterator[dict[str, Any]]:
    """Yield everybody of a list with the fields of `groups`, read in chunks by key so that nothing piles up.

    A field of a person whose group the actor may not take away is None.
    """
    fields = [name for name in exported(groups) if name in GROUP_OF]
    conditions = {group: reach(actor, Action.EXPORT, group) for group in groups}
    flags = [conditions[group].label(f"may_{group.value}") for group in groups]
    place = Place()
    while True:
        ids = _ids(actor, wanted, reach(actor, Action.EXPORT, Subject.DIRECTORY))
        chosen = placed(ids, wanted.order, place, EXPORT_CHUNK).subquery()
        query = _joined(
            select(
                chosen.c.sort_value,
                Employee.id,
                *(getattr(Employee, name) for name in fields),
                Department.name.label("department"),
                Role.title.label("role"),
                Manager.number.label("manager_number"),
                Manager.first_name.label("manager_first_name"),
                Manager.last_name.label("manager_last_name"),
                *flags,
            )
        ).join(chosen, chosen.c.id == Employee.id)
        rows = db.session.execute(query.order_by(*wanted.order.clauses(False))).mappings().all()
        for row in rows[:EXPORT_CHUNK]:
            hidden = {name for name in fields if not row[f"may_{GROUP_OF[name].value}"]}
            person = {name: None if name in hidden else row[name] for name in fields}
            manager = f"{row['manager_first_name'] or ''} {row['manager_last_name'] or ''}".strip()
            yield person | {
                "department": row["department"],
                "role": row["role"],
                "manager": manager,
                "manager_number": row["manager_number"],
            }
        if len(rows) <= EXPORT_CHUNK:
            return
        last = rows[EXPORT_CHUNK - 1]
        place = Place(after=write_cursor(last["sort_value"], last["id"]))


def _ids(actor: Actor, wanted: Wanted, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of id and sort value of everybody in the list, rights and all."""
    subjects = {wanted.subject, GROUP_OF.get(wanted.sort, Subject.DIRECTORY)}
    asked: list[ColumnElement[bool]] = [*found_by(wanted.search), *conditions]
    for name, value in wanted.filters.items():
        chosen = FILTERS.get(name)
        if chosen is None:
            continue
        subjects.add(chosen.subject)
        try:
            asked.append(chosen.condition(value))
        except (ValueError, KeyError):
            asked.append(false())
    query = select(Employee.id, wanted.order.column.label("sort_value"))
    return query.where(visible(actor, *subjects, only_here=wanted.leaves_out_leavers), *asked)


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(Employee)
        .outerjoin(Department, Department.id == Employee.department_id)
        .outerjoin(Role, Role.id == Employee.role_id)
        .outerjoin(Manager, Manager.id == Employee.manager_id)
    )


def _columns(actor: Actor, sort_value: Any) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of `Person`'s fields, in their order; `_kept` says what it doesn't of the actor themselves."""
    is_own_only = actor.scope(Action.VIEW, Subject.EMPLOYMENT) is Scope.SELF
    sees_employment = false() if is_own_only else reach(actor, Action.VIEW, Subject.EMPLOYMENT)
    return _joined(
        select(
            Employee.id,
            Employee.number,
            Employee.first_name,
            Employee.last_name,
            Employee.email,
            Employee.phone,
            Employee.location,
            Employee.hired_on,
            Employee.department_id,
            Department.name,
            Employee.role_id,
            Role.title,
            Employee.manager_id,
            Manager.first_name,
            Manager.last_name,
            Manager.number,
            Employee.status,
            Employee.employment_type,
            Employee.fte,
            Employee.left_on,
            sees_employment.label("sees_employment"),
            sort_value,
        )
    )


def _kept(name: str, actor: Actor, query: Select[*tuple[Any, ...]], *, only_here: bool) -> list[Person]:
    """Return the rows of a SELECT of `_columns` by way of the query cache; those of people here are all staff's."""
    found = querycache.rows(name, query, shared_by(actor, of_others=only_here))
    people = [Person(*row) for row in found]
    if actor.scope(Action.VIEW, Subject.EMPLOYMENT) is not Scope.SELF:
        return people
    return [one._replace(sees_employment=True) if one.id == actor.employee_id else one for one in people]


def some(
    name: str, actor: Actor, *conditions: ColumnElement[bool], order: Any, limit: int, only_here: bool = True
) -> list[Person]:
    """Return a few people who meet the conditions and whom `actor` may see in the directory.

    `name` is what the query cache calls them.
    """
    asked = visible(actor, only_here=only_here)
    ids = select(Employee.id).where(asked, *conditions).order_by(order, Employee.id).limit(limit).subquery()
    query = _columns(actor, Employee.name_key).join(ids, ids.c.id == Employee.id).order_by(order, Employee.id)
    return _kept(name, actor, query, only_here=only_here)
