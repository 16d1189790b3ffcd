"""Rules that several actions share."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _n
from sqlalchemy import exists, func, select

from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role

DEEPEST = 200  # more levels than any organisation has; ends a walk through data that already has a cycle


def check_department(department_id: int | None, errors: dict[str, Sentence], field: str = "department_id") -> None:
    """Note an error unless the department is there and open."""
    if department_id is not None:
        department = db.session.get(Department, department_id)
        if department is None:
            errors[field] = _l("This department is no longer there. Choose another.")
        elif department.closed_on:
            errors[field] = _l("%(name)s is closed. Choose another department.", name=department.name)


def check_role(role_id: int | None, errors: dict[str, Sentence], field: str = "role_id") -> None:
    """Note an error unless the role is there and open."""
    if role_id is not None:
        role = db.session.get(Role, role_id)
        if role is None:
            errors[field] = _l("This role is no longer there. Choose another.")
        elif role.closed_on:
            errors[field] = _l("%(title)s is closed. Choose another role.", title=role.title)


def check_manager(
    person_id: int | None, manager_id: int | None, errors: dict[str, Sentence], field: str = "manager_id"
) -> None:
    """Note an error unless the manager works here and is not below the person.

    The chain above is locked while it is read: two moves at once could otherwise close a circle that neither sees.
    """
    if manager_id is None:
        return
    if manager_id == person_id:
        errors[field] = _l("Nobody is their own manager. Choose somebody else.")
        return
    manager = db.session.get(Employee, manager_id)
    if manager is None:
        errors[field] = _l("This person is no longer there. Choose another manager.")
        return
    if manager.status is Status.LEFT:
        errors[field] = _l("%(name)s has left. Choose another manager.", name=manager.name)
        return
    above: int | None = manager_id
    for _ in range(DEEPEST if person_id else 0):
        above = db.session.execute(select(Employee.manager_id).where(Employee.id == above).with_for_update()).scalar()
        if above is None:
            return
        if above == person_id:
            errors[field] = _l("%(name)s works below this person. Choose another manager.", name=manager.name)
            return


def check_parent(department_id: int | None, parent_id: int | None, errors: dict[str, Sentence]) -> None:
    """Note an error unless the parent is open and not inside the department; locks like `check_manager`."""
    check_department(parent_id, errors, "parent_id")
    above = parent_id
    for _ in range(DEEPEST if department_id else 0):
        if above is None:
            return
        if above == department_id:
            errors["parent_id"] = _l("A department can’t be inside itself. Choose another parent.")
            return
        above = db.session.execute(
            select(Department.parent_id).where(Department.id == above).with_for_update()
        ).scalar()


def faulty_dates(person: Employee) -> dict[str, Sentence]:
    """Return what is wrong with a person's dates, by field."""
    errors: dict[str, Sentence] = {}
    left_on = person.left_on
    if person.status is Status.LEFT and left_on is None:
        errors["left_on"] = _l("Enter the last day of work.")
    elif person.status is not Status.LEFT and left_on is not None:
        errors["left_on"] = _l("Only somebody who left has a last day. Clear it, or set the status to “Left”.")
    elif left_on is not None and left_on > today():
        errors["left_on"] = _l("This day is still to come. Record it when it is here.")
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
    """Say whether anybody ever worked in a department, or it has departments below it."""
    return (
        _any(Assignment.department_id == department_id)
        or _any(Employee.department_id == department_id)
        or _any(Department.parent_id == department_id)
    )


def role_was_used(role_id: int) -> bool:
    """Say whether anybody ever held a role."""
    return _any(Assignment.role_id == role_id) or _any(Employee.role_id == role_id)


def _any(condition) -> bool:  # type: ignore[no-untyped-def]  # any condition of any table
    return bool(db.session.execute(select(exists().where(condition))).scalar())
