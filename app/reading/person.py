"""One person, with just the field groups that the reader may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.access.actor import Actor
from app.access.grants import FIELDS, Action, Subject
from app.access.visible import reach, visible
from app.accounts.models import User
from app.core import text
from app.core.clock import today
from app.core.problems import NotFound
from app.extensions import db
from app.people import erased, rules
from app.people.assignments import HELD
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay, PayPeriod
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
    id: int
    is_planned: bool
    """Whether it begins only after today."""
    is_overdue: bool
    """Whether it should have taken effect, and could not."""
    version: int


class PayStretch(NamedTuple):
    """What a person is paid for a time, `valid_to` exclusive."""

    valid_from: date
    valid_to: date | None
    amount: Decimal
    currency: str
    period: PayPeriod
    reason: str | None
    id: int
    is_planned: bool
    version: int


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
    pay: list[PayStretch] = field(default_factory=list)
    is_own: bool = False
    is_erased: bool = False

    def shows_planned(self, group: Subject) -> bool:
        """Say whether the reader sees what lies ahead: on their own record only who plans it, that is, may change it.

        Somebody else tells people that they are to leave, or to be paid more.
        """
        return not self.is_own or group in self.editable

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
    record = Record(
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
        is_own=person.id == actor.employee_id,
        is_erased=erased.is_erased(person.id, person.number),
    )
    if record.is_erased:
        record.editable, record.may_delete = [], False
    if person.status is not Status.LEFT and not record.shows_planned(Subject.EMPLOYMENT):
        record.values |= {name: None for name in ("leaving_reason",) if name in record.values}  # of a planned leaving
    return record


def with_history(record: Record) -> Record:
    """Add the job history and the pay history of the groups that its reader may see."""
    if Subject.EMPLOYMENT in record.groups:
        query = (
            select(Assignment, Department.name, Role.title, Manager.first_name, Manager.last_name)
            .outerjoin(Department, Department.id == Assignment.department_id)
            .outerjoin(Role, Role.id == Assignment.role_id)
            .outerjoin(Manager, Manager.id == Assignment.manager_id)
            .where(Assignment.employee_id == record.id, _is_shown(record, Subject.EMPLOYMENT, Assignment.valid_from))
        )
        rows = db.session.execute(query.order_by(Assignment.valid_from.desc()))
        record.jobs = [_job(record, *row) for row in rows]
    if Subject.COMPENSATION in record.groups:
        shown = _is_shown(record, Subject.COMPENSATION, Pay.valid_from)
        pay = db.session.scalars(select(Pay).where(Pay.employee_id == record.id, shown).order_by(Pay.valid_from.desc()))
        record.pay = [_pay(record, row) for row in pay]
    return record


def _is_shown(record: Record, group: Subject, valid_from: InstrumentedAttribute[date]) -> ColumnElement[bool]:
    return true() if record.shows_planned(group) else valid_from <= today()


def _end(record: Record, group: Subject, valid_to: date | None) -> date | None:
    """Return the end of a stretch; one that lies ahead would tell of what is planned."""
    is_hidden = valid_to is not None and valid_to > today() and not record.shows_planned(group)
    return None if is_hidden else valid_to


def _job(
    record: Record, row: Assignment, department: str | None, role: str | None, first: str | None, last: str | None
) -> JobStretch:
    is_now = row.valid_from <= today() and (row.valid_to is None or row.valid_to > today())
    left_on = record.values.get("left_on")
    is_last = left_on is not None and row.valid_from <= left_on  # who left is at work to the end of the last day
    return JobStretch(
        id=row.id,
        valid_from=row.valid_from,
        valid_to=_end(record, Subject.EMPLOYMENT, row.valid_to),
        status=row.status,
        department=department,
        role=role,
        manager=f"{first} {last}".strip() if first else None,
        is_planned=row.valid_from > today(),
        is_overdue=is_now and not is_last and any(record.values.get(name) != getattr(row, name) for name in HELD),
        version=row.version,
    )


def _pay(record: Record, row: Pay) -> PayStretch:
    return PayStretch(
        id=row.id,
        valid_from=row.valid_from,
        valid_to=_end(record, Subject.COMPENSATION, row.valid_to),
        amount=row.amount,
        currency=row.currency,
        period=row.period,
        reason=row.reason,
        is_planned=row.valid_from > today(),
        version=row.version,
    )


def reports(actor: Actor, employee_id: int, limit: int = 200) -> list[Person]:
    """Return who reports to somebody today."""
    return some("person.reports", actor, Employee.manager_id == employee_id, order=Employee.name_key, limit=limit)


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
