"""Planned changes: they take effect on their day, with nobody's help, or are taken back before."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor, operator
from app.access.grants import Action, Subject
from app.access.visible import require
from app.actions import leaving
from app.actions.guard import loaded
from app.actions.people import MOST, by_id
from app.actions.registry import Source, action, run
from app.changes.read_only import ReadOnly
from app.core.chunks import chunks
from app.core.clock import today
from app.core.problems import Forbidden, Invalid, NotFound, Sentence
from app.extensions import db
from app.people import assignments, pay, rules, stretches
from app.people.assignments import DAY, History
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role

log = logging.getLogger(__name__)

LATELY = timedelta(days=7)
"""So far back a page looks for what is due: few rows. Whatever is older the daily job finds, which looks at all."""
PATIENCE_SECONDS = 60
Due = list[tuple[Employee, Assignment]]
Faults = dict[int, dict[str, Sentence]]


def _steps(_actor: Actor, employee_ids: Sequence[int] | None = None) -> list[tuple[str, dict[str, Any]]]:
    ids = assignments.due_ids(None, 0, 10**6) if employee_ids is None else list(employee_ids)
    return [("take_effect", {"employee_ids": part}) for part in chunks(ids, MOST)]


@action("take_effect", needs=None, over="employee_ids", steps=_steps)
def take_effect(actor: Actor, employee_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """Let employee rows show today's stretch of their job history, and planned leavings happen; for the system only.

    Of these people, or of the first thousand of whom it is due. Who can't be changed (a department closed, a manager
    gone) is left as it is, logged, and listed as `overdue`: id, day and why; the next day tries again. `changed` is
    how many were.
    """
    if actor.user_id is not None:
        raise Forbidden()
    people = by_id(assignments.due_ids(None, 0, MOST) if employee_ids is None else employee_ids)
    histories = assignments.histories(people.values())
    due: Due = []
    for person in people.values():
        if (stretch := assignments.due(person, histories[person.id])) is not None:
            due.append((person, stretch))
    leavers = [one for one in due if one[1].status is Status.LEFT]
    movers = [one for one in due if one[1].status is not Status.LEFT]
    faults = _move(movers, histories, {person.id for person, _ in leavers})
    faults |= _let_go(leavers, histories)
    overdue = [_told(person, stretch, faults[person.id]) for person, stretch in due if person.id in faults]
    return {"changed": len(due) - len(overdue), "overdue": overdue}


def _told(person: Employee, stretch: Assignment, errors: Mapping[str, Sentence]) -> dict[str, Any]:
    day = stretch.valid_from.isoformat()
    # Without the sentences, which name people.
    told = {"employee_id": person.id, "valid_from": day, "fields": " ".join(errors)}
    log.warning("a planned change can not take effect", extra=told)
    return {"employee_id": person.id, "valid_from": day, "why": " ".join(str(words) for words in errors.values())}


def _move(movers: Due, histories: Mapping[int, History], leaving_ids: set[int]) -> Faults:
    """Let the rows of people who stay, or are back, show their stretch; return who can't be, with why."""
    faults: Faults = {}
    managers = by_id(stretch.manager_id for _, stretch in movers)
    with db.session.no_autoflush:
        kept = _places(movers)
        for person, stretch in movers:
            if errors := _errors(person, stretch, managers, leaving_ids):
                faults[person.id] = errors
        _refuse_circles(movers, faults)
    del kept
    for person, _ in movers:
        if person.id not in faults:
            assignments.show(person, histories[person.id])
    db.session.flush()
    return faults


def _places(movers: Due) -> list[Department | Role]:
    """Load the departments and roles that people come into; as long as they are kept, nobody asks for them again."""
    departments = select(Department).where(Department.id.in_({stretch.department_id for _, stretch in movers}))
    roles = select(Role).where(Role.id.in_({stretch.role_id for _, stretch in movers}))
    return [*db.session.scalars(departments), *db.session.scalars(roles)]


def _errors(
    person: Employee, stretch: Assignment, managers: Mapping[int, Employee], leaving_ids: set[int]
) -> dict[str, Sentence]:
    """Return what of a stretch can't be today, by field; only of what it changes."""
    errors: dict[str, Sentence] = {}
    is_back = person.status is Status.LEFT
    if is_back or stretch.department_id != person.department_id:
        rules.check_department(stretch.department_id, errors)
    if is_back or stretch.role_id != person.role_id:
        rules.check_role(stretch.role_id, errors)
    if stretch.manager_id is not None and (is_back or stretch.manager_id != person.manager_id):
        manager = managers[stretch.manager_id]
        if manager.status is Status.LEFT or manager.id in leaving_ids:
            errors["manager_id"] = _l("%(name)s has left. Choose another manager.", name=manager.name)
    return errors


def _refuse_circles(movers: Due, faults: Faults) -> None:
    """Note a fault where people would end up above themselves, all who can move having moved."""
    while True:
        wanted = {person.id: stretch.manager_id for person, stretch in movers if person.id not in faults}
        moved = {person.id for person, stretch in movers if person.manager_id != stretch.manager_id}
        circled = rules.in_circles(wanted) & moved
        if not circled:
            return
        for person_id in circled:
            faults[person_id] = {"manager_id": _l("The new manager works below this person. Choose another one.")}


def _let_go(leavers: Due, histories: Mapping[int, History]) -> Faults:
    """Let planned leavings happen; return whose can't, with why."""
    if not leavers:
        return {}
    faults: Faults = {}
    for user in leaving.without_administrator(leaving.accounts_of([person.id for person, _ in leavers])):
        faults[user.employee_id or 0] = {"": leaving.last_administrator(user)}
    going = [(person, plan) for person, plan in leavers if person.id not in faults]
    gone = {person.id for person, _ in going}
    heirs = {person.id: plan.manager_id for person, plan in going}
    there = by_id(heirs.values())
    for person_id, heir_id in heirs.items():
        # Who was chosen may have left meanwhile: then the reports go to who is above.
        if heir_id is not None and (heir_id in gone or there[heir_id].status is Status.LEFT):
            heirs[person_id] = None
    handovers, refused = leaving.hand_overs([person for person, _ in going], heirs)
    faults |= {person.id: {"successor_id": sentence} for person, sentence in refused}
    going = [(person, plan) for person, plan in going if person.id not in faults]
    days = {person.id: plan.valid_from for person, plan in going}
    pays = pay.histories(person for person, _ in going)
    for person, plan in going:
        history = histories[person.id]
        for name in assignments.PLACE:
            setattr(person, name, getattr(assignments.present(history), name))
        person.status, person.left_on = Status.LEFT, plan.valid_from - DAY
        stretches.drop(history, plan)
        pay.end(pays[person.id], plan.valid_from - DAY)
    db.session.flush()
    for day in sorted(set(days.values())):
        leaving.hand_over([one for one in handovers if days[one[1]] == day], day)
    leaving.end_ties([person for person, _ in going], heirs)
    return faults


@action("cancel_planned", needs=(Action.EDIT, Subject.DIRECTORY))
def cancel_planned(actor: Actor, employee_id: int, assignment_id: int) -> int:
    """Take back a change of somebody's job that lies ahead, or that could not take effect; return the person's id."""
    require(actor, Action.EDIT, Subject.DIRECTORY, employee_id)
    person = loaded(Employee, employee_id)
    history = assignments.histories([person])[employee_id]
    stretch = next((one for one in history if one.id == assignment_id), None)
    if stretch is None:
        raise NotFound()
    if stretch is history[0] or (stretch.valid_from <= today() and assignments.due(person, history) is not stretch):
        raise Invalid({"": _l("This has taken effect already. Correct it, or change it from a day on.")})
    if right := _right_beyond(person, history, stretch):
        require(actor, *right, employee_id)
    if stretch.status is Status.LEFT:
        pay.reopen(pay.histories([person])[employee_id], stretch.valid_from - DAY)
        person.leaving_reason = None
    assignments.take_back(history, stretch)
    return employee_id


def _right_beyond(person: Employee, history: History, stretch: Assignment) -> tuple[Action, Subject] | None:
    """Return the right that planning this took beside the one to change where somebody works."""
    if stretch.status is Status.LEFT:
        return leaving.LEAVING
    is_return = person.status is Status.LEFT
    return leaving.RETURNING if is_return or stretch.status != history[history.index(stretch) - 1].status else None


@dataclass(slots=True)
class _CaughtUp:
    """How far an application of this process has come."""

    day: date | None = None
    after: int = 0
    not_before: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def catch_up() -> None:
    """On the first page of a new day let what is due take effect, a thousand people for each page; never raises.

    So a change takes effect on its day also where no worker ran at midnight. All other pages compare a date.
    """
    state: _CaughtUp = current_app.extensions.setdefault("planned", _CaughtUp())
    day = today()
    if state.day == day or time.monotonic() < state.not_before or not state.lock.acquire(blocking=False):
        return
    try:
        # In a context of its own, and with it a session: what the page itself reads is none of its business.
        with current_app._get_current_object().app_context():  # type: ignore[attr-defined]
            is_done = _catch_up(state, min(state.day or day, day - LATELY))
        if is_done:
            state.day, state.after = day, 0
    except ReadOnly:  # as soon as anything may be changed again
        state.not_before = time.monotonic() + PATIENCE_SECONDS
    except Exception:
        log.exception("planned changes could not take effect")
        state.not_before = time.monotonic() + PATIENCE_SECONDS
    finally:
        state.lock.release()


def _catch_up(state: _CaughtUp, since: date) -> bool:
    """Let the next thousand take effect; return whether these were the last."""
    ids = assignments.due_ids(since, state.after, MOST)
    if ids:
        run("take_effect", actor=operator(), source=Source.SYSTEM, employee_ids=ids)
        state.after = ids[-1]
    return len(ids) < MOST
