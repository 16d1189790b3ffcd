"""One person, with just the field groups that the reader may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import FIELDS, Action, Subject
from app.access.visible import reach, visible
from app.accounts.models import User
from app.core import text
from app.core.problems import NotFound
from app.extensions import db
from app.people import rules
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from app.people.role import Role
from app.reading.people import Person, some

GROUPS = (Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE, Subject.COMPENSATION, Subject.NOTES)
Manager = aliased(Employee)


class JobStretch(NamedTuple):
    """A stretch of a person's job history, `valid_to` exclusive."""

    valid_from: date
    valid_to: date | None
    status: Status
    department: str | None
    role: str | None
    manager: str | None


@dataclass(slots=True)
class Record:
    """A person's record: values by field for the groups in `groups`, and what the reader may change."""

    id: int
    version: int
    values: dict[str, Any]
    groups: list[Subject]
    editable: list[Subject]
    department: str | None
    role: str | None
    manager_name: str | None
    manager_number: str | None
    may_delete: bool
    jobs: list[JobStretch] = field(default_factory=list)
    pay: list[Pay] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name as people say it."""
        return f"{self.values['first_name']} {self.values['last_name']}".strip()

    @property
    def number(self) -> str:
        """The employee number."""
        return str(self.values["number"])


def by_number(actor: Actor, number: str) -> Record:
    """Return somebody by number; raise `NotFound` also when they are not for the actor's eyes."""
    return _record(actor, Employee.number_key == text.key(number))


def by_id(actor: Actor, employee_id: int, subject: Subject = Subject.DIRECTORY) -> Record:
    """Return somebody by id, of whom the actor may see `subject`; raise `NotFound`."""
    return _record(actor, Employee.id == employee_id, subject)


def _record(actor: Actor, condition: ColumnElement[bool], subject: Subject = Subject.DIRECTORY) -> Record:
    """Read the record and every right on it in one statement."""
    query = (
        select(
            Employee,
            Department.name,
            Role.title,
            Manager.first_name,
            Manager.last_name,
            Manager.number,
            *(reach(actor, Action.VIEW, group) for group in GROUPS),
            *(reach(actor, Action.EDIT, group) for group in GROUPS),
            reach(actor, Action.DELETE, Subject.EMPLOYMENT)
            if actor.can(Action.DELETE, Subject.EMPLOYMENT)
            else literal(False),
        )
        .outerjoin(Department, Department.id == Employee.department_id)
        .outerjoin(Role, Role.id == Employee.role_id)
        .outerjoin(Manager, Manager.id == Employee.manager_id)
        .where(condition, visible(actor, subject))
    )
    row = db.session.execute(query).first()
    if row is None:
        raise NotFound()
    person, department, role, first, last, manager_number = row[:6]
    sees = [group for group, may in zip(GROUPS, row[6:11], strict=True) if may]
    # Who may change a group without seeing it would empty it unseen.
    edits = [group for group, may in zip(GROUPS, row[11:16], strict=True) if may and group in sees]
    return Record(
        id=person.id,
        version=person.version,
        values={name: getattr(person, name) for group in sees for name in FIELDS.get(group, ())},
        groups=sees,
        editable=edits,
        department=department,
        role=role,
        manager_name=f"{first} {last}".strip() if first else None,
        manager_number=manager_number,
        may_delete=bool(row[16]),
    )


def with_history(record: Record) -> Record:
    """Add the job history and the pay history of the groups that its reader may see."""
    if Subject.EMPLOYMENT in record.groups:
        query = (
            select(
                Assignment.valid_from,
                Assignment.valid_to,
                Assignment.status,
                Department.name,
                Role.title,
                Manager.first_name,
                Manager.last_name,
            )
            .outerjoin(Department, Department.id == Assignment.department_id)
            .outerjoin(Role, Role.id == Assignment.role_id)
            .outerjoin(Manager, Manager.id == Assignment.manager_id)
            .where(Assignment.employee_id == record.id)
            .order_by(Assignment.valid_from.desc())
        )
        record.jobs = [
            JobStretch(*row[:5], manager=f"{row[5]} {row[6]}".strip() if row[5] else None)
            for row in db.session.execute(query)
        ]
    if Subject.COMPENSATION in record.groups:
        query_pay = select(Pay).where(Pay.employee_id == record.id).order_by(Pay.valid_from.desc())
        record.pay = list(db.session.scalars(query_pay))
    return record


def reports(actor: Actor, employee_id: int, limit: int = 200) -> list[Person]:
    """Return who reports to somebody today."""
    here = Employee.status != Status.LEFT
    return some(actor, Employee.manager_id == employee_id, here, order=Employee.name_key, limit=limit)


def may_be_deleted(record: Record) -> bool:
    """Say whether somebody was entered and nothing more: no history, no account."""
    has_account = db.session.execute(select(User.id).where(User.employee_id == record.id)).first() is not None
    person = db.session.get_one(Employee, record.id)
    return not has_account and not rules.has_history(person)


def leads_departments(employee_id: int) -> bool:
    """Say whether somebody leads a department."""
    return bool(rules.led_by(employee_id))


def count_reports(employee_id: int) -> int:
    """Return how many people report to somebody today."""
    return len(rules.reports_of(employee_id))
