"""What happens to departments and roles: made, changed, moved in the tree, opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.guard import chosen, loaded, merged, refuse_stale
from app.actions.registry import action
from app.core.problems import Invalid, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import places, rules
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
def change_department(
    actor: Actor,
    department_id: int,
    version: int,
    values: Mapping[str, Any],
    original: Mapping[str, Any] | None = None,
) -> int:
    """Change a department, or move it in the tree; return its id."""
    department = loaded(Department, department_id)
    cleaned = clean(Department, values, DEPARTMENT_FIELDS, required=("name",))
    wanted = merged(department, version, cleaned, original)
    changed = {field: value for field, value in wanted.items() if getattr(department, field) != value}
    for field, value in changed.items():
        setattr(department, field, value)
    _check_department(department, changed)
    return department.id


@action("move_departments", needs=(Action.EDIT, Subject.ORGANISATION), over="department_ids")
def move_departments(actor: Actor, department_ids: Sequence[int], parent_id: int | None) -> int:
    """Move departments, each with all below it, into another one or (None) to the top; return how many moved."""
    departments = [loaded(Department, department_id) for department_id in department_ids]
    wanted = chosen(parent_id, "parent_id")
    errors: dict[str, Sentence] = {}
    with db.session.no_autoflush:
        inside = {*rules.above(wanted)} & {*department_ids}
        if inside:
            names = sorted(department.name for department in departments if department.id in inside)
            words = _l("%(name)s can’t be inside itself. Choose another department.", name=", ".join(names))
            errors["parent_id"] = words
        else:
            rules.check_department(wanted, errors, "parent_id")
    if errors:
        raise Invalid(errors)
    moved = [department for department in departments if department.parent_id != wanted]
    for department in moved:
        department.parent_id = wanted
    return len(moved)


@action("reopen_department", needs=(Action.EDIT, Subject.ORGANISATION))
def reopen_department(actor: Actor, department_id: int, version: int | None = None) -> int:
    """Open a closed department again, with nobody in it; return its id."""
    return _reopen(loaded(Department, department_id), version)


@action("create_role", needs=(Action.CREATE, Subject.ORGANISATION))
def create_role(actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a role; return its id."""
    role = Role(**clean(Role, {"title": None, **values}, ROLE_FIELDS, required=("title",)))
    _check_role(role)
    db.session.add(role)
    db.session.flush()
    return role.id


@action("change_role", needs=(Action.EDIT, Subject.ORGANISATION))
def change_role(
    actor: Actor,
    role_id: int,
    version: int,
    values: Mapping[str, Any],
    original: Mapping[str, Any] | None = None,
) -> int:
    """Change a role; return its id."""
    role = loaded(Role, role_id)
    cleaned = clean(Role, values, ROLE_FIELDS, required=("title",))
    for field, value in merged(role, version, cleaned, original).items():
        if getattr(role, field) != value:
            setattr(role, field, value)
    _check_role(role)
    return role.id


@action("reopen_role", needs=(Action.EDIT, Subject.ORGANISATION))
def reopen_role(actor: Actor, role_id: int, version: int | None = None) -> int:
    """Open a closed role again, with nobody who holds it; return its id."""
    return _reopen(loaded(Role, role_id), version)


def _reopen(place: Department | Role, version: int | None) -> int:
    if version is not None:
        refuse_stale(place, version)
    if place.closed_on is not None:
        place.closed_on = None
        if isinstance(place, Department):
            _check_department(place, {"closed_on": None})
    return place.id


def _check_department(department: Department, changed: Mapping[str, Any]) -> None:
    errors: dict[str, Sentence] = {}
    with db.session.no_autoflush:
        if "parent_id" in changed:
            rules.check_parent(department.id, department.parent_id, errors)
        if changed.get("lead_id") is not None:
            lead = db.session.get(Employee, department.lead_id)
            if lead is None or lead.status is Status.LEFT:
                errors["lead_id"] = _l("Choose somebody who works here.")
        if changed.get("closed_on") is not None and department.id is not None:
            _check_empty(
                department, errors, _l("Somebody works here, or will. “Close or delete” moves them elsewhere.")
            )
        elif "closed_on" in changed and department.id is not None and department.parent_id is not None:
            parent = places.entered(Department, department.parent_id)
            if parent is not None and parent.closed_on:
                errors["closed_on"] = _l(
                    "It is part of %(name)s, which is closed. Reopen that first.", name=parent.name
                )
    if errors:
        raise Invalid(errors)


def _check_role(role: Role) -> None:
    errors: dict[str, Sentence] = {}
    if role.level is not None and role.level not in Role.LEVELS:
        errors["level"] = _l("Enter a level from 1 to 20.")
    with db.session.no_autoflush:
        if role.closed_on is not None and role.id is not None:
            _check_empty(role, errors, _l("Somebody holds this role, or will. “Close or delete” gives them another."))
    if errors:
        raise Invalid(errors)


def _check_empty(place: Department | Role, errors: dict[str, Sentence], words: Sentence) -> None:
    """Note an error with these words unless a place can be closed: nobody is in it, nor comes in at this moment."""
    kind = type(place)
    places.closing(kind, place.id)
    if places.who_is_inside(kind, place.id, most=1):
        errors["closed_on"] = words
    elif kind is Department and places.below(place.id):
        errors["closed_on"] = _l("There are departments below it. “Close or delete” moves them up.")
    else:
        places.refuse_unseen(kind, place.id)
