"""Which people an actor may see or change, as conditions that every query on people starts from."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Action, Scope, Subject
from app.core.problems import Forbidden
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status


def visible(actor: Actor, *subjects: Subject, only_here: bool = False) -> ColumnElement[bool]:
    """Return the condition on `Employee` for the people of whom `actor` may see all of `subjects`.

    Without a subject it is the directory, which everybody else's queries build on. A query that sorts, filters
    or searches by a field names the field's group here too: otherwise order and counts would tell what is hidden.
    Somebody who left is in the directory only for those who may see their employment, with `only_here` for nobody.
    """
    conditions = [reach(actor, Action.VIEW, subject) for subject in {*subjects, Subject.DIRECTORY}]
    if only_here:
        conditions.append(Employee.status != Status.LEFT)
    elif Subject.EMPLOYMENT not in subjects and not actor.can_everywhere(Action.VIEW, Subject.EMPLOYMENT):
        conditions.append(or_(Employee.status != Status.LEFT, reach(actor, Action.VIEW, Subject.EMPLOYMENT)))
    return and_(true(), *conditions)


def shared_by(actor: Actor, *, of_others: bool = False) -> str:
    """Return what actors have in common who see the same of the same people: they may share an answer of the cache.

    `of_others` is for an answer that holds nothing of what its reader may see of themselves alone.
    """
    seen = {subject: scope for (action, subject), scope in actor.grants.items() if action is Action.VIEW}
    parts = sorted(f"{subject}:{scope}" for subject, scope in seen.items())
    if set(seen.values()) - ({Scope.ALL, Scope.SELF} if of_others else {Scope.ALL}):
        parts.append(f"as {actor.employee_id}")
    if Scope.DEPARTMENT in seen.values():
        parts.append(f"in {actor.department_id}")
    return " ".join(parts)


def reach(actor: Actor, action: Action, subject: Subject) -> ColumnElement[bool]:
    """Return the condition on `Employee` for the people on whom `actor` has this right."""
    scope = actor.scope(action, subject)
    if scope is Scope.ALL:
        return true()
    if scope is None or actor.employee_id is None:
        return false()
    oneself = Employee.id == actor.employee_id
    if scope is Scope.SELF:
        return oneself
    others = _below(actor.employee_id) if scope is Scope.REPORTS else _in_department(actor.department_id)
    return or_(oneself, others) if action is Action.VIEW else and_(others, ~oneself)


def may(actor: Actor, action: Action, subject: Subject, employee_id: int) -> bool:
    """Say whether `actor` has this right on one person; asks the database only when the scope depends on it."""
    if not actor.can(action, subject):
        return False
    if actor.can_everywhere(action, subject):
        return True
    found = db.session.execute(select(Employee.id).where(Employee.id == employee_id, reach(actor, action, subject)))
    return found.first() is not None


def require(actor: Actor, action: Action, subject: Subject, employee_id: int) -> None:
    """Raise `Forbidden` unless `actor` has this right on this person."""
    if not may(actor, action, subject, employee_id):
        raise Forbidden()


def require_all(actor: Actor, action: Action, subject: Subject, employee_ids: Collection[int]) -> None:
    """Raise `Forbidden` unless `actor` has this right on each of these people; one question for all of them."""
    if actor.can_everywhere(action, subject):
        return
    query = select(func.count()).where(Employee.id.in_(employee_ids), reach(actor, action, subject))
    if db.session.execute(query).scalar_one() < len(set(employee_ids)):
        raise Forbidden()


def _below(employee_id: int) -> ColumnElement[bool]:
    """Return the condition for everyone below a person; UNION (not ALL) ends even where the data has a cycle."""
    start = select(Employee.id).where(Employee.manager_id == employee_id).cte(recursive=True)
    report = aliased(Employee)
    everyone = start.union(select(report.id).join(start, report.manager_id == start.c.id))
    return Employee.id.in_(select(everyone.c.id))


def _in_department(department_id: int | None) -> ColumnElement[bool]:
    if department_id is None:
        return false()
    return Employee.department_id.in_(departments_below(department_id))


def departments_below(department_id: int):  # type: ignore[no-untyped-def]  # SQLAlchemy's type of it is a page long
    """Return a query of the ids of a department and all those below it."""
    start = select(Department.id).where(Department.id == department_id).cte(recursive=True)
    child = aliased(Department)
    branch = start.union(select(child.id).join(start, child.parent_id == start.c.id))
    return select(branch.c.id)
