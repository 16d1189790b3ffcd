"""What happens to people: hired, corrected, changed, left, removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from app.access.actor import Actor
from app.access.grants import FIELDS, GROUP_OF, OWN_CONTACT, Action, Subject
from app.access.visible import require
from app.accounts import sessions
from app.accounts.administrators import refuse_last_administrator
from app.accounts.models import User
from app.actions.guard import chosen, loaded, refuse_stale
from app.actions.registry import action
from app.core.clock import today
from app.core.problems import Forbidden, Invalid, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import assignments, rules
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from app.people.search import SearchWord

EDITABLE = tuple(field for fields in FIELDS.values() for field in fields)
REQUIRED = ("number", "first_name", "status", "employment_type", "fte", "hired_on")


@action("hire", needs=(Action.CREATE, Subject.EMPLOYMENT))
def hire(actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a person with the first stretch of their job history; return their id."""
    cleaned = _cleaned(values)
    missing = [field for field in ("number", "first_name", "hired_on") if cleaned.get(field) is None]
    if missing:
        raise Invalid({field: _l("Enter something here.") for field in missing})
    for group in {GROUP_OF[field] for field, value in cleaned.items() if value is not None} - {Subject.DIRECTORY}:
        actor.require(Action.EDIT, group)
    cleaned.setdefault("status", Status.ACTIVE)
    person = Employee(**{k: v for k, v in cleaned.items() if v is not None})
    _check(person)
    db.session.add(person)
    db.session.flush()
    assignments.begin(person, person.hired_on)
    if person.status is Status.LEFT:
        assert person.left_on is not None
        db.session.flush()
        assignments.end(person, person.left_on)
    return person.id


@action("change_employee", needs=(Action.EDIT, Subject.DIRECTORY))
def change_employee(
    actor: Actor,
    employee_id: int,
    version: int,
    values: Mapping[str, Any],
    valid_from: date | None = None,
) -> int:
    """Change fields of a person; return their id.

    What the job history tells is corrected in its present stretch, or with `valid_from` begins a new one on that day.
    """
    person = loaded(Employee, employee_id)
    cleaned = _cleaned(values)
    changed = {field: value for field, value in cleaned.items() if getattr(person, field) != value}
    # For every field, changed or not: who may not see one could guess it by trying.
    for group in {GROUP_OF[field] for field in cleaned}:
        require(actor, Action.EDIT, group, employee_id)
    refuse_stale(person, version, cleaned)
    before = {field: getattr(person, field) for field in (*assignments.HELD, "hired_on", "left_on")}
    for field, value in changed.items():
        setattr(person, field, value)
    is_back = before["status"] is Status.LEFT and person.status is not Status.LEFT
    _check(person, None if is_back else changed)
    db.session.flush()
    _follow(person, before, valid_from)
    return person.id


def _follow(person: Employee, before: Mapping[str, Any], valid_from: date | None) -> None:
    """Let the job history follow what changed in the employee row."""
    if person.hired_on != before["hired_on"]:
        assignments.move_start(person, before["hired_on"])
    if person.status is Status.LEFT:
        if before["status"] is not Status.LEFT:
            rules.check_nobody_depends(person)
            _end_ties(person, successor_id=None)
        assert person.left_on is not None
        assignments.end(person, person.left_on)
    elif before["status"] is Status.LEFT and valid_from is None:
        assignments.reopen(person)
    if any(getattr(person, field) != before[field] for field in assignments.HELD):
        if valid_from is not None and person.status is not Status.LEFT:
            assignments.change(person, valid_from)
        elif person.status is not Status.LEFT:
            assignments.correct(person)
        else:
            _correct_but_status(person)


def _correct_but_status(person: Employee) -> None:
    """Correct the last stretch of somebody who left: it tells how they worked, not that they left."""
    history = assignments.of(person.id)
    for field in ("department_id", "role_id", "manager_id"):
        if history:
            setattr(history[-1], field, getattr(person, field))


@action("leave", needs=(Action.DELETE, Subject.EMPLOYMENT))
def leave(
    actor: Actor,
    employee_id: int,
    version: int,
    left_on: date,
    leaving_reason: str | None = None,
    successor_id: int | None = None,
) -> int:
    """Record that somebody left: their reports go to the successor, their account ends; return their id."""
    require(actor, Action.DELETE, Subject.EMPLOYMENT, employee_id)
    person = loaded(Employee, employee_id)
    cleaned = clean(Employee, {"left_on": left_on, "leaving_reason": leaving_reason}, ("left_on", "leaving_reason"))
    successor_id = chosen(successor_id, "successor_id")
    refuse_stale(person, version, cleaned)
    if person.status is Status.LEFT:
        raise Invalid({"": _l("%(name)s has left already.", name=person.name)})
    _hand_over(person, successor_id, cleaned["left_on"] or today())
    person.status, person.left_on, person.leaving_reason = Status.LEFT, cleaned["left_on"], cleaned["leaving_reason"]
    _check(person)
    db.session.flush()
    assignments.end(person, person.left_on or today())
    _end_ties(person, successor_id)
    return person.id


@action("delete_employee", needs=(Action.DELETE, Subject.EMPLOYMENT))
def delete_employee(actor: Actor, employee_id: int, version: int) -> None:
    """Remove somebody who was entered by mistake; who has a history can only leave."""
    require(actor, Action.DELETE, Subject.EMPLOYMENT, employee_id)
    person = loaded(Employee, employee_id)
    refuse_stale(person, version, {})
    user = _account_of(person)
    if rules.has_history(person) or user is not None:
        raise Invalid(
            {
                "": _l(
                    "%(name)s has a history or an account, so can’t be removed: record a leaving instead.",
                    name=person.name,
                )
            }
        )
    for table in (Assignment, Pay):
        for row in db.session.scalars(select(table).where(table.employee_id == employee_id)):
            db.session.delete(row)
    db.session.execute(delete(SearchWord).where(SearchWord.employee_id == employee_id))
    db.session.flush()
    db.session.delete(person)


@action("change_own_contact", needs=(Action.EDIT, Subject.CONTACT))
def change_own_contact(actor: Actor, version: int, values: Mapping[str, Any]) -> int:
    """Change the few fields people keep up to date themselves; return the employee's id."""
    if actor.employee_id is None:
        raise Forbidden()
    person = loaded(Employee, actor.employee_id)
    cleaned = clean(Employee, values, OWN_CONTACT)
    refuse_stale(person, version, cleaned)
    for field, value in cleaned.items():
        setattr(person, field, value)
    return person.id


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = clean(Employee, values, EDITABLE, required=REQUIRED)
    if "last_name" in cleaned:
        cleaned["last_name"] = cleaned["last_name"] or ""
    return cleaned


def _check(person: Employee, changed: Mapping[str, Any] | None = None) -> None:
    """Raise `Invalid` with everything about a person that breaks a rule; of an existing one only what changed."""
    errors: dict[str, Sentence] = {}
    if person.status is not Status.LEFT:
        with db.session.no_autoflush:
            if changed is None or "department_id" in changed:
                rules.check_department(person.department_id, errors)
            if changed is None or "role_id" in changed:
                rules.check_role(person.role_id, errors)
            if changed is None or "manager_id" in changed:
                rules.check_manager(person.id, person.manager_id, errors)
    errors |= rules.faulty_dates(person)
    if person.fte is not None and not 0 < person.fte <= Employee.MOST_FTE:
        errors["fte"] = _l("Enter hours as a share of full time, more than 0 and at most 1.5.")
    if errors:
        raise Invalid(errors)


def _hand_over(person: Employee, successor_id: int | None, last_day: date) -> None:
    """Give a leaver's reports to the successor from the day after the last one; raise `Invalid` without one."""
    errors: dict[str, Sentence] = {}
    if successor_id == person.id:
        errors["successor_id"] = _l("Choose somebody else: this person leaves.")
    else:
        rules.check_manager(None, successor_id, errors, "successor_id")
    if errors:
        raise Invalid(errors)
    reports = rules.reports_of(person.id)
    if not reports:
        return
    if successor_id is None:
        raise Invalid(
            {"successor_id": _l("Choose who takes over the people who report to %(name)s.", name=person.name)}
        )
    for report in reports:
        # Who is chosen may be one of the reports: they then take the leaver's place below the leaver's manager.
        report.manager_id = successor_id if successor_id != report.id else person.manager_id
        rules.check_manager(report.id, report.manager_id, errors, "successor_id")
        if errors:
            raise Invalid(errors)
    db.session.flush()
    # Today at the latest: a change that lies ahead is not kept yet.
    assignments.change_all(reports, min(last_day + timedelta(days=1), today()))


def _end_ties(person: Employee, successor_id: int | None) -> None:
    """End what only somebody who works here has: departments led, and the account with all its sessions."""
    for department in rules.led_by(person.id):
        department.lead_id = successor_id
    user = _account_of(person)
    if user is not None and user.is_active:
        refuse_last_administrator(user)
        user.is_active = False
        sessions.end_all(user.id)


def _account_of(person: Employee) -> User | None:
    return db.session.scalars(select(User).where(User.employee_id == person.id)).first()
