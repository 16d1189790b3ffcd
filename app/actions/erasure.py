"""Erasing a person: what says who it was goes, from their record, their account and the journal; the rest stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, delete, or_, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts import throttle
from app.accounts.administrators import refuse_last_administrator
from app.accounts.models import ApiToken, Credential, Session, User
from app.accounts.traces import account_of, traces_of
from app.actions.registry import Source, action, run
from app.changes import emptying
from app.changes.tracking import KNOWINGLY, Change, Operation, tell, told_fields
from app.core.clock import today
from app.core.database import remains
from app.core.problems import Invalid, NotFound
from app.extensions import db
from app.people import assignments, erased, rules
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an erasure: whether anything was left to erase, and which files still hold the person."""

    was_needed: bool
    number: str
    copies: list[Path] = field(default_factory=list)
    is_log_emptied: bool = True


def erase(actor: Actor, source: Source, employee_id: int, *, is_deleting_copies: bool = False) -> Done:
    """Erase somebody, then what the database leaves beside its tables; the copies of it only when asked to."""
    done = run("erase_person", actor=actor, source=source, employee_id=employee_id)
    if is_deleting_copies:
        remains.delete(remains.copies())
    return Done(done.value, erased.number_of(employee_id), remains.copies(), done.afterwards)


@action("erase_person", needs=(Action.ADMINISTER, Subject.SYSTEM), after=remains.empty_log)
def erase_person(actor: Actor, employee_id: int) -> bool:
    """Erase somebody, who leaves today if they still work here; return whether there was anything left to erase."""
    person = db.session.get(Employee, employee_id)
    if person is None:
        raise NotFound()
    if erased.is_erased(person.id, person.number) and not emptying.is_told_since(person.id):
        return False
    if employee_id == actor.employee_id:
        raise Invalid({"": _l("This is your own record. Ask another administrator.")})
    traces = traces_of(person)
    unfinished, over = emptying.jobs_about(traces)
    if unfinished:
        raise Invalid(
            {
                "": _l(
                    "Background work about this person is not finished: wait for it, or cancel it (job %(ids)s).",
                    ids=", ".join(map(str, unfinished)),
                )
            }
        )
    _remove(Pay, Pay.employee_id == employee_id)
    _end_employment(person)
    user = account_of(person.id)
    emails = [person.email, person.personal_email, user.email if user else None]
    addresses = _end_account(user, person.id) if user else []
    throttle.erase([email for email in emails if email], addresses)
    erased.wipe(person)
    db.session.flush()
    emptying.empty(traces)
    emptying.empty_jobs(over)
    _tell_what_is_left(person)
    return True


def _end_employment(person: Employee) -> None:
    """Let somebody who still works here leave today; what was planned for them is dropped.

    Whoever reports to them goes to the nearest above who works here, or to nobody.
    """
    last_day = person.left_on or max(today(), person.hired_on)
    _remove(Assignment, Assignment.employee_id == person.id, Assignment.valid_from > last_day)
    if person.status is Status.LEFT:
        return
    successor_id = _nearest_above(person)
    reports = list(db.session.scalars(select(Employee).where(_reports_to(person.id)).order_by(Employee.id)))
    assignments.replace("manager_id", [(report, person.id, successor_id) for report in reports], today())
    for department in rules.led_by(person.id):
        department.lead_id = None
    history = assignments.of(person.id)
    if history:
        history[-1].valid_to = last_day + assignments.DAY
    person.status, person.left_on = Status.LEFT, last_day


def _nearest_above(person: Employee) -> int | None:
    for above_id in rules.managers_above(person.id):
        if db.session.get_one(Employee, above_id).status is not Status.LEFT:
            return above_id
    return None


def _reports_to(employee_id: int) -> ColumnElement[bool]:
    """Return the condition for who reports to somebody today, or is to."""
    is_to_come = or_(Assignment.valid_to.is_(None), Assignment.valid_to > today())
    planned = select(Assignment.employee_id).where(Assignment.manager_id == employee_id, is_to_come)
    reports = or_(Employee.manager_id == employee_id, Employee.id.in_(planned))
    return reports & (Employee.status != Status.LEFT) & (Employee.id != employee_id)


def _end_account(user: User, employee_id: int) -> list[str]:
    """Take out of an account who it was and every way in; return the addresses that it was used from."""
    if user.is_active:
        refuse_last_administrator(user)
    query = select(Session.address).where(Session.user_id == user.id, Session.address.is_not(None))
    addresses = [address for address in db.session.scalars(query.distinct()) if address]
    for table in (Session, Credential, ApiToken):
        db.session.execute(delete(table).where(table.user_id == user.id))
    user.email = erased.email_of(employee_id)
    user.is_active = False
    user.password_hash = user.last_signed_in_at = user.looked_at = None
    return addresses


def _remove(model: type[Pay | Assignment], *conditions: ColumnElement[bool]) -> None:
    """Delete rows past the session, which would tell what they held."""
    rows = db.session.execute(select(model.id, model.employee_id).where(*conditions)).all()
    statement = delete(model).where(model.id.in_([row[0] for row in rows]))
    db.session.execute(statement, execution_options={KNOWINGLY: True, "synchronize_session": False})
    for row_id, person_id in rows:
        tell(Change(model.__tablename__, row_id, person_id, Operation.DELETE))


def _tell_what_is_left(person: Employee) -> None:
    """Tell each row whose changes were emptied whole, as it is now: nothing else says any more what it became."""
    told = [person, *assignments.of(person.id)]
    users = select(User).where(or_(User.employee_id == person.id, User.id.in_(emptying.accounts_told(person.id))))
    for row in (*told, *db.session.scalars(users)):
        _tell(row)


def _tell(row: Employee | Assignment | User) -> None:
    held = {name: getattr(row, name) for name in told_fields(type(row))}
    person_id = getattr(row, str(type(row).person_field))
    after = {name: value for name, value in held.items() if value is not None}
    tell(Change(type(row).__tablename__, row.id, person_id, Operation.ERASE, {}, after))
