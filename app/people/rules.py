"""Rules that several actions share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _n
from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.extensions import db
from app.people import places
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role

ONLY_LEAVERS = _l("Only somebody who left has a last day. Clear it, or set the status to “Left”.")
DEEPEST = 200  # more levels than any organisation has; ends a walk through data that already has a cycle


def check_department(department_id: int | None, errors: dict[str, Sentence], field: str = "department_id") -> None:
    """Note an error unless the department is there and open."""
    if department_id is not None:
        department = places.entered(Department, department_id)
        if department is None:
            errors[field] = _l("This department is no longer there. Choose another.")
        elif department.closed_on:
            errors[field] = _l("%(name)s is closed. Choose another department.", name=department.name)


def check_role(role_id: int | None, errors: dict[str, Sentence], field: str = "role_id") -> None:
    """Note an error unless the role is there and open."""
    if role_id is not None:
        role = places.entered(Role, role_id)
        if role is None:
            errors[field] = _l("This role is no longer there. Choose another.")
        elif role.closed_on:
            errors[field] = _l("%(title)s is closed. Choose another role.", title=role.title)


def check_manager(
    people: Collection[Employee],
    manager_id: int | None,
    errors: dict[str, Sentence],
    field: str = "manager_id",
    day: date | None = None,
) -> None:
    """Note an error unless the manager works here and is below none of the people; on a day ahead, as is planned."""
    if manager_id is None:
        return
    below = {person.id: person for person in people if person.id}
    if manager_id in below:
        errors[field] = _l("Nobody is their own manager. Choose somebody else.")
        return
    manager = db.session.get(Employee, manager_id)
    if manager is None:
        errors[field] = _l("This person is no longer there. Choose another manager.")
        return
    if manager.status is Status.LEFT:
        errors[field] = _l("%(name)s has left. Choose another manager.", name=manager.name)
        return
    if day is not None and day > today() and _is_planned_to_leave(manager_id, day):
        errors[field] = _l("%(name)s leaves before that day. Choose another manager.", name=manager.name)
        return
    for above_id in managers_above(manager_id, day) if below else ():
        if above_id in below and len(below) == 1:
            errors[field] = _l("%(name)s works below this person. Choose another manager.", name=manager.name)
        elif above_id in below:
            names = {"name": manager.name, "person": below[above_id].name}
            errors[field] = _l("%(name)s works below %(person)s. Choose another manager.", **names)
        if field in errors:
            return


def managers_above(person_id: int, day: date | None = None) -> Iterator[int]:
    """Yield who is above somebody, from below, on a day ahead by what is planned.

    What was passed is locked: two moves at once could otherwise close a circle that neither sees.
    """
    above_id: int | None = person_id
    for _ in range(DEEPEST):
        if day is None or day <= today():
            query = select(Employee.manager_id).where(Employee.id == above_id)
        else:
            query = select(Assignment.manager_id).where(Assignment.employee_id == above_id, _holds_on(day))
        above_id = db.session.execute(query.with_for_update()).scalar()
        if above_id is None:
            return
        yield above_id


def in_circles(managers: Mapping[int, int | None]) -> set[int]:
    """Return who would be above themselves with these managers (by person), everyone else's being as they are."""
    known: dict[int, int | None] = dict(managers)
    for _ in range(DEEPEST):
        wanted = {above_id for above_id in known.values() if above_id is not None} - known.keys()
        if not wanted:
            break
        query = select(Employee.id, Employee.manager_id).where(Employee.id.in_(wanted)).order_by(Employee.id)
        known |= {row[0]: row[1] for row in db.session.execute(query.with_for_update())}
    return {person_id for person_id in managers if _is_above_itself(person_id, known)}


def _is_above_itself(person_id: int, managers: Mapping[int, int | None]) -> bool:
    seen: set[int] = set()
    above_id = managers[person_id]
    while above_id is not None and above_id not in seen:
        seen.add(above_id)
        above_id = managers.get(above_id)
    return person_id in seen


def _holds_on(day: date) -> ColumnElement[bool]:
    return and_(Assignment.valid_from <= day, or_(Assignment.valid_to.is_(None), Assignment.valid_to > day))


def _is_planned_to_leave(employee_id: int, day: date) -> bool:
    return _any(
        and_(Assignment.employee_id == employee_id, Assignment.status == Status.LEFT, Assignment.valid_from <= day)
    )


def check_parent(department_id: int | None, parent_id: int | None, errors: dict[str, Sentence]) -> None:
    """Note an error unless the parent is open and not inside the department; locks like `check_manager`."""
    if department_id and department_id in above(parent_id):
        errors["parent_id"] = _l("A department can’t be inside itself. Choose another parent.")
    else:
        check_department(parent_id, errors, "parent_id")


def above(department_id: int | None) -> Iterator[int]:
    """Yield a department and all those above it, from below; what was passed is locked like by `managers_above`."""
    for _ in range(DEEPEST):
        if department_id is None:
            return
        yield department_id
        query = select(Department.parent_id).where(Department.id == department_id).with_for_update()
        department_id = db.session.execute(query).scalar()


def faulty_dates(person: Employee) -> dict[str, Sentence]:
    """Return what is wrong with a person's dates, by field."""
    errors: dict[str, Sentence] = {}
    left_on = person.left_on
    if person.status is Status.LEFT and left_on is None:
        errors["left_on"] = _l("Enter the last day of work.")
    elif person.status is not Status.LEFT and left_on is not None:
        errors["left_on"] = ONLY_LEAVERS
    elif left_on is not None and left_on > today():
        errors["left_on"] = _l("This day is still to come. Record the leaving by “Leave or delete”, which plans it.")
    elif left_on is not None and left_on < person.hired_on:
        errors["left_on"] = _l("The last day is before the first one.")
    for field in ("probation_until", "contract_until"):
        value = getattr(person, field)
        if value is not None and value < person.hired_on:
            errors[field] = _l("This is before the first day of work.")
    if person.birth_date is not None and person.birth_date >= today():
        errors["birth_date"] = _l("Enter a day in the past.")
    return errors


def reports_of(person_id: int) -> list[Employee]:
    """Return the people who report to this person today, leavers not counted."""
    query = (
        select(Employee).where(Employee.manager_id == person_id, Employee.status != Status.LEFT).order_by(Employee.id)
    )
    return list(db.session.scalars(query))


def led_by(person_id: int) -> list[Department]:
    """Return the departments that this person leads."""
    return list(db.session.scalars(select(Department).where(Department.lead_id == person_id).order_by(Department.id)))


def check_nobody_depends(person: Employee) -> None:
    """Raise `Invalid` when somebody who leaves still has reports."""
    count = len(reports_of(person.id))
    if count:
        raise Invalid(
            {
                "status": _n(
                    "%(num)d person still reports to them. Record the leaving by “Leave or delete”, which hands over.",
                    "%(num)d people still report to them. Record the leaving by “Leave or delete”, which hands over.",
                    count,
                )
            }
        )


def has_history(person: Employee) -> bool:
    """Say whether a person was ever more than a fresh entry: a change of job, somebody below, a department led."""
    stretches = db.session.execute(select(func.count()).where(Assignment.employee_id == person.id)).scalar_one()
    return (
        stretches > 1
        or person.status is Status.LEFT
        or _any(Employee.manager_id == person.id)
        or _any(Assignment.manager_id == person.id)
        or _any(Department.lead_id == person.id)
    )


def department_was_used(department_id: int) -> bool:
    """Say whether anybody ever worked in a department."""
    return _any(Assignment.department_id == department_id) or _any(Employee.department_id == department_id)


def role_was_used(role_id: int) -> bool:
    """Say whether anybody ever held a role."""
    return _any(Assignment.role_id == role_id) or _any(Employee.role_id == role_id)


def _any(condition) -> bool:  # type: ignore[no-untyped-def]  # any condition of any table
    return bool(db.session.execute(select(exists().where(condition))).scalar())
