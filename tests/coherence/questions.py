"""Joined queries of every shape that goes through the cache, as readers of different rights ask them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import exists, func, select, union
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Subject
from app.access.visible import departments_below, shared_by, visible
from app.accounts.models import User
from app.changes.journal import ChangeSet, Segment
from app.core.querycache import EVERYBODY, rows
from app.core.querycache.codec import Rows
from app.core.querycache.statements import Question
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role

Asked = tuple[Question, str]
"""A statement, and who may share its answer."""


report, manager, lead, place = aliased(Employee), aliased(Employee), aliased(Employee), aliased(Department)


def staff(actor: Actor) -> Asked:
    """Everybody with the names of where they work and as what."""
    query = select(Employee.id, Employee.first_name, Employee.phone, Department.name, Role.title)
    query = query.outerjoin(Department, Department.id == Employee.department_id)
    query = query.outerjoin(Role, Role.id == Employee.role_id)
    return query.where(visible(actor)).order_by(Employee.id), shared_by(actor)


def managers(actor: Actor) -> Asked:
    """A table joined with itself."""
    query = select(Employee.first_name, manager.first_name, manager.status)
    return query.join(manager, manager.id == Employee.manager_id).where(visible(actor)), shared_by(actor)


def terms(actor: Actor) -> Asked:
    """What only oneself and who is above may see."""
    query = select(Employee.id, Employee.hired_on, Employee.employment_type, Department.name)
    query = query.outerjoin(Department, Department.id == Employee.department_id)
    return query.where(visible(actor, Subject.EMPLOYMENT)).order_by(Employee.id), shared_by(actor)


def kinds(actor: Actor) -> Asked:
    """Choices, decimals, dates, and nothing."""
    columns = Employee.employment_type, Employee.status, Employee.hired_on, Employee.left_on
    query = select(*columns, func.count(), func.sum(Employee.fte)).where(visible(actor)).group_by(*columns)
    return query, shared_by(actor)


def branch(actor: Actor) -> Asked:
    """A recursive CTE below one department, and who leads what."""
    query = select(Department.name, Department.closed_on, lead.first_name)
    query = query.outerjoin(lead, lead.id == Department.lead_id)
    return query.where(Department.id.in_(departments_below(actor.department_id or 1))), EVERYBODY


def with_reports(actor: Actor) -> Asked:
    """EXISTS, and a table that is named nowhere else."""
    below = exists().where(report.manager_id == Employee.id, report.status != Status.LEFT)
    led = select(place.lead_id).where(place.lead_id.is_not(None), place.closed_on.is_(None))
    return select(Employee.first_name).where(visible(actor), below | Employee.id.in_(led)), shared_by(actor)


def titles(_actor: Actor) -> Asked:
    """A UNION of two tables."""
    places = select(Department.id, Department.name, Department.closed_on)
    return union(places, select(Role.id, Role.title, Role.closed_on)), EVERYBODY


def headcount(actor: Actor) -> Asked:
    """A subquery joined to what it counted by."""
    here = visible(actor), Employee.status != Status.LEFT
    counted = select(Employee.role_id, func.count().label("people")).where(*here).group_by(Employee.role_id).subquery()
    query = select(Role.title, counted.c.people).outerjoin(counted, counted.c.role_id == Role.id)
    return query.order_by(Role.id), shared_by(actor)


def total(actor: Actor) -> Asked:
    """One number."""
    here = Employee.status != Status.LEFT, Employee.hired_on > date(2012, 1, 1)
    return select(func.count()).select_from(Employee).where(visible(actor), *here), shared_by(actor)


def accounts(_actor: Actor) -> Asked:
    """Who has an account, of those who work here and of those who don't."""
    query = select(User.email, User.is_active, Employee.first_name, Employee.department_id)
    return query.outerjoin(Employee, Employee.id == User.employee_id).order_by(User.id), EVERYBODY


def journal(_actor: Actor) -> Asked:
    """What was done, with moments to the microsecond."""
    query = select(ChangeSet.action, func.count(), func.max(ChangeSet.at), func.sum(Segment.count))
    return query.join(Segment, Segment.change_set_id == ChangeSet.id).group_by(ChangeSet.action), EVERYBODY


QUESTIONS: dict[str, Callable[[Actor], Asked]] = {
    one.__name__: one
    for one in (staff, terms, managers, kinds, branch, with_reports, titles, headcount, total, accounts, journal)
}


def asked(name: str, actor: Actor) -> Asked:
    """Return a query, made once for each reader, place and access role: making it takes longer than asking."""
    key = name, actor.user_id, actor.employee_id, actor.department_id, actor.access_role
    if key not in _made:
        _made[key] = QUESTIONS[name](actor)
    return _made[key]


_made: dict[tuple[Any, ...], Asked] = {}


def ask(name: str, actor: Actor) -> Rows:
    """Ask through the cache."""
    statement, scope = asked(name, actor)
    return rows(name, statement, scope)


def told(found: Rows) -> list[str]:
    """Return rows in an order of ours, as the statement may leave it to the engine, in words that tell exact types."""
    return sorted(map(repr, found))
