"""What happens to departments and roles: made, changed, closed or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.guard import chosen, loaded, refuse_stale
from app.actions.registry import action
from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import assignments, rules
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role

DEPARTMENT_FIELDS = ("code", "name", "parent_id", "lead_id", "cost_centre", "closed_on")
ROLE_FIELDS = ("title", "description", "family", "level", "closed_on")


@action("create_department", needs=(Action.CREATE, Subject.ORGANISATION))
def create_department(actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a department; return its id."""
    cleaned = clean(Department, {"name": None, **values}, DEPARTMENT_FIELDS, required=("name",))
    department = Department(**cleaned)
    _check_department(department, cleaned)
    db.session.add(department)
    db.session.flush()
    return department.id


@action("change_department", needs=(Action.EDIT, Subject.ORGANISATION))
def change_department(actor: Actor, department_id: int, version: int, values: Mapping[str, Any]) -> int:
    """Change a department, or move it in the tree; return its id."""
    department = loaded(Department, department_id)
    cleaned = clean(Department, values, DEPARTMENT_FIELDS, required=("name",))
    refuse_stale(department, version, cleaned)
    changed = {field: value for field, value in cleaned.items() if getattr(department, field) != value}
    for field, value in changed.items():
        setattr(department, field, value)
    _check_department(department, changed)
    return department.id


@action("delete_department", needs=(Action.DELETE, Subject.ORGANISATION))
def delete_department(actor: Actor, department_id: int, version: int, target_id: int | None = None) -> bool:
    """Move today's people to the target, then close the department, or delete it where it was never used.

    Departments below it go to its parent. Returns whether it was closed rather than deleted.
    """
    department = loaded(Department, department_id)
    refuse_stale(department, version, {})
    _move_people("department_id", department_id, chosen(target_id, "target_id"), Department)
    for child in db.session.scalars(select(Department).where(Department.parent_id == department_id)):
        child.parent_id = department.parent_id
    db.session.flush()
    if not rules.department_was_used(department_id):
        db.session.delete(department)
        return False
    department.closed_on, department.lead_id = department.closed_on or today(), None
    return True


@action("create_role", needs=(Action.CREATE, Subject.ORGANISATION))
def create_role(actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a role; return its id."""
    role = Role(**clean(Role, {"title": None, **values}, ROLE_FIELDS, required=("title",)))
    _check_role(role)
    db.session.add(role)
    db.session.flush()
    return role.id


@action("change_role", needs=(Action.EDIT, Subject.ORGANISATION))
def change_role(actor: Actor, role_id: int, version: int, values: Mapping[str, Any]) -> int:
    """Change a role; return its id."""
    role = loaded(Role, role_id)
    cleaned = clean(Role, values, ROLE_FIELDS, required=("title",))
    refuse_stale(role, version, cleaned)
    for field, value in cleaned.items():
        if getattr(role, field) != value:
            setattr(role, field, value)
    _check_role(role)
    return role.id


@action("delete_role", needs=(Action.DELETE, Subject.ORGANISATION))
def delete_role(actor: Actor, role_id: int, version: int, target_id: int | None = None) -> bool:
    """Give today's holders the target role, then close the role, or delete it where it was never held.

    Returns whether it was closed rather than deleted.
    """
    role = loaded(Role, role_id)
    refuse_stale(role, version, {})
    _move_people("role_id", role_id, chosen(target_id, "target_id"), Role)
    if not rules.role_was_used(role_id):
        db.session.delete(role)
        return False
    role.closed_on = role.closed_on or today()
    return True


def _check_department(department: Department, changed: Mapping[str, Any]) -> None:
    errors: dict[str, Sentence] = {}
    with db.session.no_autoflush:
        if "parent_id" in changed:
            rules.check_parent(department.id, department.parent_id, errors)
        if changed.get("lead_id") is not None:
            lead = db.session.get(Employee, department.lead_id)
            if lead is None or lead.status is Status.LEFT:
                errors["lead_id"] = _l("Choose somebody who works here.")
        if (
            changed.get("closed_on") is not None
            and department.id is not None
            and people_in(Employee.department_id == department.id)
        ):
            errors["closed_on"] = _l("People still work here. Close it by “Close or delete”, which moves them.")
    if errors:
        raise Invalid(errors)


def _check_role(role: Role) -> None:
    errors: dict[str, Sentence] = {}
    if role.level is not None and role.level not in Role.LEVELS:
        errors["level"] = _l("Enter a level from 1 to 20.")
    with db.session.no_autoflush:
        if role.closed_on is not None and role.id is not None and people_in(Employee.role_id == role.id):
            errors["closed_on"] = _l("People still hold this role. Close it by “Close or delete”, which moves them.")
    if errors:
        raise Invalid(errors)


def people_in(condition: Any) -> list[Employee]:
    """Return the people who work here today and meet the condition."""
    return list(
        db.session.scalars(select(Employee).where(condition, Employee.status != Status.LEFT).order_by(Employee.id))
    )


def _move_people(field: str, from_id: int, target_id: int | None, model: type[Department | Role]) -> None:
    """Move today's people from one department or role to another, from today on."""
    people = people_in(getattr(Employee, field) == from_id)
    if not people:
        return
    target: Any = db.session.get(model, target_id) if target_id is not None else None
    if target is None or target.id == from_id or target.closed_on:
        raise Invalid({"target_id": _l("Choose where the %(count)s people of today go.", count=len(people))})
    for person in people:
        setattr(person, field, target.id)
    db.session.flush()
    assignments.change_all(people, today())
