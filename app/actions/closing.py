"""Departments and roles that end: who is in them goes elsewhere, then they are closed, deleted or merged.

At most a thousand people move in one transaction. A larger one is emptied in steps first; whoever came in meanwhile
moves with the last step, which ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _n
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.guard import chosen, loaded, refuse_stale
from app.actions.registry import ACTIONS, Steps, action
from app.core.chunks import chunks
from app.core.clock import today
from app.core.problems import Invalid, NotFound, Sentence
from app.extensions import db
from app.people import assignments, places, rules
from app.people.department import Department
from app.people.employee import Employee
from app.people.places import FIELDS, Kind, Place
from app.people.role import Role

MOST = 1000
"""So many people move in one transaction, those who are to come counted too."""
NEEDS = (Action.DELETE, Subject.ORGANISATION)
MERGING: Mapping[type, Sentence] = {
    Department: _l("Choose an open department to merge it into."),
    Role: _l("Choose an open role to merge it into."),
}


def _steps(kind: Kind, name: str) -> Steps:
    """Return what splits the action `name`: a large department or role is emptied step by step before it ends."""

    def steps(actor: Actor, **arguments: Any) -> list[tuple[str, dict[str, Any]]]:
        place_id, version = arguments[FIELDS[kind]], arguments.get("version")
        place = loaded(kind, place_id)
        if version is not None:
            refuse_stale(place, version)
        ids = places.who_is_inside(kind, place_id)
        target_id = chosen(arguments.get("target_id"), "target_id")
        if name.startswith("merge"):
            target_id = _merging(kind, place_id, target_id).id
        elif ids:
            target_id = _target(kind, place_id, target_id, _where(len(ids))).id
        if len(ids) <= MOST:
            return [(name, arguments)]
        first = {FIELDS[kind]: place_id, "target_id": target_id}
        emptying = f"empty_{kind.__name__.lower()}"
        last = (name, {**arguments, "version": None})
        return [*((emptying, {**first, "employee_ids": part}) for part in chunks(ids, MOST)), last]

    return steps


@action("merge_department", needs=NEEDS, steps=_steps(Department, "merge_department"))
def merge_department(actor: Actor, department_id: int, target_id: int, version: int | None = None) -> bool:
    """Give a department's people and the departments below to another, then close it, or delete it if never used.

    Returns whether it was closed rather than deleted.
    """
    department = _closing(Department, department_id, version)
    target = _merging(Department, department_id, target_id)
    _empty(department, target.id, below_to=target.id)
    return _end(department)


@action("close_department", needs=NEEDS, steps=_steps(Department, "close_department"))
def close_department(
    actor: Actor, department_id: int, version: int | None = None, target_id: int | None = None
) -> None:
    """Move a department's people to the target and those below to its parent, then close it, used or not."""
    department = _closing(Department, department_id, version)
    _empty(department, target_id, below_to=department.parent_id)
    _end(department, may_delete=False)


@action("delete_department", needs=NEEDS, steps=_steps(Department, "delete_department"))
def delete_department(
    actor: Actor, department_id: int, version: int | None = None, target_id: int | None = None
) -> bool:
    """Move a department's people to the target and those below to its parent, then close it, or delete an unused one.

    Returns whether it was closed rather than deleted.
    """
    department = _closing(Department, department_id, version)
    _empty(department, target_id, below_to=department.parent_id)
    return _end(department)


@action("empty_department", needs=NEEDS, over="employee_ids")
def empty_department(actor: Actor, department_id: int, target_id: int, employee_ids: Sequence[int]) -> int:
    """Move these people out of a department that is about to end, as far as they are still in it; return how many."""
    return _move(Department, department_id, target_id, among=employee_ids)


@action("merge_role", needs=NEEDS, steps=_steps(Role, "merge_role"))
def merge_role(actor: Actor, role_id: int, target_id: int, version: int | None = None) -> bool:
    """Give a role's people another one, then close it, or delete it if nobody ever held it.

    Returns whether it was closed rather than deleted.
    """
    role = _closing(Role, role_id, version)
    _empty(role, _merging(Role, role_id, target_id).id)
    return _end(role)


@action("close_role", needs=NEEDS, steps=_steps(Role, "close_role"))
def close_role(actor: Actor, role_id: int, version: int | None = None, target_id: int | None = None) -> None:
    """Give a role's people the target, then close it, held or not."""
    role = _closing(Role, role_id, version)
    _empty(role, target_id)
    _end(role, may_delete=False)


@action("delete_role", needs=NEEDS, steps=_steps(Role, "delete_role"))
def delete_role(actor: Actor, role_id: int, version: int | None = None, target_id: int | None = None) -> bool:
    """Give a role's people the target, then close it, or delete it if nobody ever held it.

    Returns whether it was closed rather than deleted.
    """
    role = _closing(Role, role_id, version)
    _empty(role, target_id)
    return _end(role)


@action("empty_role", needs=NEEDS, over="employee_ids")
def empty_role(actor: Actor, role_id: int, target_id: int, employee_ids: Sequence[int]) -> int:
    """Give these people another role than one that is about to end, as far as they still hold it; return how many."""
    return _move(Role, role_id, target_id, among=employee_ids)


def steps(name: str, actor: Actor, arguments: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what merging, closing or deleting consists of, for a large one several steps; raise what is wrong."""
    found = ACTIONS[name].steps
    assert found is not None
    return found(actor, **arguments)


def _closing(kind: type[Place], place_id: int, version: int | None) -> Place:
    place = places.closing(kind, place_id)
    if place is None:
        raise NotFound()
    if version is not None:
        refuse_stale(place, version)
    return place


def _target(kind: type[Place], place_id: int, target_id: Any, words: Sentence) -> Place:
    """Return where people go, locked to stay open; raise `Invalid` with these words for what can't be it."""
    wanted = chosen(target_id, "target_id")
    target = places.entered(kind, wanted) if wanted is not None and wanted != place_id else None
    if target is None or target.closed_on:
        raise Invalid({"target_id": words})
    return target


def _merging(kind: type[Place], place_id: int, target_id: Any) -> Place:
    """Return what one is merged into; for a department it is none of those below."""
    target = _target(kind, place_id, target_id, MERGING[kind])
    if kind is Department and place_id in rules.above(target.id):
        raise Invalid({"target_id": _l("This department is below the one that is merged. Choose another.")})
    return target


def _where(people: int) -> Sentence:
    return _n(
        "Choose where the %(num)d person who is here, or will be, goes.",
        "Choose where the %(num)d people who are here, or will be, go.",
        people,
    )


def _empty(place: Department | Role, target_id: Any, below_to: int | None = None) -> None:
    """Move all who are in a place, and will be, to the target, from today on; the place is locked by `_closing`."""
    kind = type(place)
    if len(places.who_is_inside(kind, place.id, MOST + 1)) > MOST:
        raise Invalid({"": _l("More than %(count)s people are too many to move at once.", count=MOST)})
    places.refuse_unseen(kind, place.id)
    _move(kind, place.id, target_id)
    departments = places.below(place.id) if kind is Department else []
    if departments and below_to is not None:
        places.entered(Department, below_to)
    for department in departments:
        department.parent_id = below_to
    db.session.flush()


def _move(kind: Kind, place_id: int, target_id: Any, among: Sequence[int] | None = None) -> int:
    """Give the people inside, or those of them who are among these, the target from today on; return how many."""
    ids = places.who_is_inside(kind, place_id)
    if among is not None:
        ids = sorted({*ids} & {*among})
    if ids:
        target = _target(kind, place_id, target_id, _where(len(ids)))
        people = db.session.scalars(select(Employee).where(Employee.id.in_(ids)).order_by(Employee.id))
        assignments.replace(FIELDS[kind], [(person, place_id, target.id) for person in people], today())
    return len(ids)


def _end(place: Department | Role, *, may_delete: bool = True) -> bool:
    """Close an emptied place, or delete it where nobody ever was in it; return whether it was closed."""
    was_used = rules.department_was_used if isinstance(place, Department) else rules.role_was_used
    if may_delete and not was_used(place.id):
        db.session.delete(place)
        return False
    place.closed_on = place.closed_on or today()
    if isinstance(place, Department):
        place.lead_id = None
    return True
