"""What happens to records of people: made, corrected, changed, removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from app.access.actor import Actor
from app.access.grants import FIELDS, GROUP_OF, OWN_CONTACT, Action, Subject
from app.access.visible import require
from app.accounts.models import User
from app.actions.guard import loaded, merged, refuse_stale
from app.actions.leaving import end_ties
from app.actions.people import as_day
from app.actions.registry import action
from app.core.problems import Forbidden, Invalid, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import assignments, pay, rules, stretches
from app.people.assignments import DAY, HELD, PLACE
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
    _check(person, {field: getattr(person, field) for field in PLACE if person.status is not Status.LEFT})
    db.session.add(person)
    db.session.flush()
    history = [assignments.begin(person, person.hired_on)]
    if person.left_on is not None:
        assignments.end(history, person.left_on)
    return person.id


@action("change_employee", needs=(Action.EDIT, Subject.DIRECTORY))
def change_employee(
    actor: Actor,
    employee_id: int,
    version: int,
    values: Mapping[str, Any],
    valid_from: date | None = None,
    original: Mapping[str, Any] | None = None,
) -> int:
    """Change fields of a person; return their id.

    What the job history tells is corrected in its present stretch, or with `valid_from` holds from that day on, which
    may lie ahead. Everything else changes at once.
    """
    person = loaded(Employee, employee_id)
    cleaned = _cleaned(values)
    # For every field, changed or not: who may not see one could guess it by trying.
    for group in {GROUP_OF[field] for field in cleaned}:
        require(actor, Action.EDIT, group, employee_id)
    wanted = merged(person, version, cleaned, original)
    changed = {field: value for field, value in wanted.items() if getattr(person, field) != value}
    day = as_day(valid_from)
    job = {field: changed[field] for field in HELD if field in changed}
    is_from_a_day = day is not None and job.get("status") is not Status.LEFT
    if day is not None and is_from_a_day and person.status is Status.LEFT and "status" in job:
        _bring_back(person, changed, day)
        return person.id
    later = job if is_from_a_day else {}
    before = {field: getattr(person, field) for field in ("status", "hired_on", "left_on")}
    _set(person, {field: value for field, value in changed.items() if field not in later})
    is_here = person.status is not Status.LEFT
    asked = [field for field in PLACE if is_here and (before["status"] is Status.LEFT or field in job)]
    _check(person, {field: changed.get(field, getattr(person, field)) for field in asked}, day)
    db.session.flush()
    _follow(person, before, {} if later else job)
    if later:
        assignments.change([(person, later)], day)
    return person.id


def _follow(person: Employee, before: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    """Let job and pay history follow what was corrected in the employee row, a leaving entered or taken back too."""
    if not job and (person.hired_on, person.left_on) == (before["hired_on"], before["left_on"]):
        return
    history = assignments.histories([person])[person.id]
    if person.hired_on != before["hired_on"]:
        assignments.move_start(person, history, before["hired_on"])
    was = before["left_on"]
    if person.left_on is not None:
        # Of somebody who left the history tells how they worked.
        job = {field: value for field, value in job.items() if field != "status"}
        _end(person, history, was)
    elif was is not None:
        assignments.reopen(history, was)
        pay.reopen(pay.histories([person])[person.id], was)
    assignments.correct(person, history, job)


def _end(person: Employee, history: assignments.History, was: date | None) -> None:
    """Let the histories of somebody who left end after the last day, which was another before, or none."""
    assert person.left_on is not None
    pays = pay.histories([person])[person.id]
    if was is None:
        rules.check_nobody_depends(person)
        plan = assignments.leaving(history)
        pay.end(pays, person.left_on, plan.valid_from - DAY if plan else None)
        assignments.end(history, person.left_on)
        end_ties([person], {person.id: None})
    elif was != person.left_on:
        assignments.move_end(person, history, was)
        pay.move_end(pays, person.left_on, was)


def _bring_back(person: Employee, changed: Mapping[str, Any], day: date) -> None:
    """Let somebody who left be back from a day on: after the last day with a gap, else as if they had never left."""
    was, hired_on = person.left_on, person.hired_on
    assert was is not None
    if changed.get("left_on", was) is not None:
        raise Invalid({"left_on": rules.ONLY_LEAVERS})
    held = {field: changed.get(field, getattr(person, field)) for field in HELD}
    _set(
        person, {field: value for field, value in changed.items() if field not in (*HELD, "left_on", "leaving_reason")}
    )
    _check(person, {field: held[field] for field in PLACE}, day)
    history = assignments.histories([person])[person.id]
    if person.hired_on != hired_on:
        assignments.move_start(person, history, hired_on)
    is_gap = day > was
    sentence = (assignments.return_fault if is_gap else assignments.fault)(person, history, day)
    if sentence:
        raise Invalid({"valid_from": sentence})
    if is_gap:
        stretches.claim([person.id])
        assignments.come_back(person, history, day, held)
        return
    assignments.reopen(history, was)
    pay.reopen(pay.histories([person])[person.id], was)
    assignments.show(person, history)
    assignments.change([(person, held)], day)


@action("delete_employee", needs=(Action.DELETE, Subject.EMPLOYMENT))
def delete_employee(actor: Actor, employee_id: int, version: int) -> None:
    """Remove somebody who was entered by mistake; who has a history can only leave."""
    require(actor, Action.DELETE, Subject.EMPLOYMENT, employee_id)
    person = loaded(Employee, employee_id)
    refuse_stale(person, version, {})
    has_account = db.session.scalars(select(User.id).where(User.employee_id == employee_id)).first() is not None
    if rules.has_history(person) or has_account:
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
def change_own_contact(
    actor: Actor, version: int, values: Mapping[str, Any], original: Mapping[str, Any] | None = None
) -> int:
    """Change the few fields people keep up to date themselves; return the employee's id."""
    if actor.employee_id is None:
        raise Forbidden()
    person = loaded(Employee, actor.employee_id)
    cleaned = clean(Employee, values, OWN_CONTACT)
    for field, value in merged(person, version, cleaned, original).items():
        setattr(person, field, value)
    return person.id


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = clean(Employee, values, EDITABLE, required=REQUIRED)
    if "last_name" in cleaned:
        cleaned["last_name"] = cleaned["last_name"] or ""
    return cleaned


def _set(person: Employee, values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        setattr(person, field, value)


def _check(person: Employee, places: Mapping[str, Any], day: date | None = None) -> None:
    """Raise `Invalid` with everything about a person that breaks a rule, and about where they go, on a day."""
    errors: dict[str, Sentence] = {}
    with db.session.no_autoflush:
        rules.check_department(places.get("department_id"), errors)
        rules.check_role(places.get("role_id"), errors)
        rules.check_manager([person], places.get("manager_id"), errors, day=day)
    errors |= rules.faulty_dates(person)
    if person.fte is not None and not 0 < person.fte <= Employee.MOST_FTE:
        errors["fte"] = _l("Enter hours as a share of full time, more than 0 and at most 1.5.")
    if errors:
        raise Invalid(errors)
