"""What happens when people leave and come back: who takes over, what ends, and what begins again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import require_all
from app.accounts.administrators import administrators
from app.accounts.models import Session, User
from app.actions.careers import Unchanged
from app.actions.guard import chosen, refuse_stale
from app.actions.people import as_day, by_id, loaded_people
from app.actions.registry import action
from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.core.values import clean
from app.extensions import db
from app.people import assignments, pay, rules, stretches
from app.people.assignments import DAY, PLACE, History, named
from app.people.department import Department
from app.people.employee import Employee, Status

LEAVING = (Action.DELETE, Subject.EMPLOYMENT)
RETURNING = (Action.EDIT, Subject.EMPLOYMENT)
Fault = tuple[Employee, Sentence]
Handover = tuple[Employee, int, int | None]
"""A report, the leaver, and who takes over."""


@action("leave", needs=LEAVING, over="employee_ids")
def leave(
    actor: Actor,
    employee_ids: Sequence[int],
    left_on: date | str | None,
    leaving_reason: str | None = None,
    successor_id: int | None = None,
    version: int | None = None,
) -> int:
    """Record that people left, or plan that they will: on a day ahead it takes effect the day after; return how many.

    Their reports, and the departments they lead, go to the successor; their accounts end. Without a successor, reports
    go to the nearest above who stays. Who records the leaving of one person, from its `version`, has to choose one.
    """
    people = loaded_people(actor, employee_ids, LEAVING)
    cleaned = clean(Employee, {"left_on": left_on, "leaving_reason": leaving_reason}, ("left_on", "leaving_reason"))
    successor = chosen(successor_id, "successor_id")
    if version is not None and len(people) == 1:
        refuse_stale(people[0], version, cleaned)
    _refuse_who_left(people)
    last_day = cleaned["left_on"] or today()
    errors: dict[str, Sentence] = {}
    # Told before all else: whoever is chosen has to be here, even where there is nothing to take over.
    rules.check_manager([], successor, errors, "successor_id", day=last_day + DAY)
    if errors:
        raise Invalid(errors)
    heirs = {person.id: successor for person in people}
    handovers, faults = hand_overs(people, heirs, is_asked=version is not None)
    if faults:
        raise Invalid({"successor_id": named(faults, len(people))})
    _check_last_day(people, cleaned["left_on"])
    jobs, pays = assignments.histories(people), pay.histories(people)
    for person in people:
        # Pay first: where the leaving was planned, the job history still says for which day.
        plan = assignments.leaving(jobs[person.id])
        pay.end(pays[person.id], last_day, plan.valid_from - DAY if plan else None)
        assignments.end(jobs[person.id], last_day, successor)
        person.leaving_reason = cleaned["leaving_reason"]
    if last_day <= today():
        for person in people:
            person.status, person.left_on = Status.LEFT, last_day
        hand_over(handovers, last_day + DAY)
        end_ties(people, heirs)
    return len(people)


def _refuse_who_left(people: Sequence[Employee]) -> None:
    gone = [_l("%(name)s has left already.", name=person.name) for person in people if person.status is Status.LEFT]
    if gone:
        raise Invalid({"": gone})


def _check_last_day(people: Sequence[Employee], left_on: date | None) -> None:
    if left_on is None:
        raise Invalid({"left_on": _l("Enter the last day of work.")})
    early: list[Fault] = [
        (person, _l("The last day is before the first one.")) for person in people if left_on < person.hired_on
    ]
    if early:
        raise Invalid({"left_on": named(early, len(people))})


def hand_overs(
    leavers: Sequence[Employee], heirs: Mapping[int, int | None], *, is_asked: bool = False
) -> tuple[list[Handover], list[Fault]]:
    """Return who takes over whom of the leavers' reports, and of which leavers nobody can: with why.

    `heirs` says who was chosen, by leaver. Who is chosen may be one of the reports: they then take the leaver's place.
    """
    gone = {person.id: person for person in leavers}
    query = select(Employee).where(
        Employee.manager_id.in_(gone), Employee.id.not_in(gone), Employee.status != Status.LEFT
    )
    reports = list(db.session.scalars(query.order_by(Employee.id)))
    above = _staying_above(gone)
    handovers: list[Handover] = []
    faults: dict[int, Sentence] = {}
    for person in leavers:
        if heirs[person.id] in gone:
            faults[person.id] = _l("Choose somebody else: this person leaves.")
    for report in reports:
        leaver = gone[report.manager_id or 0]
        heir_id = heirs[leaver.id]
        if heir_id is None and (is_asked or above[leaver.id] is None):
            words = _l("Choose who takes over the people who report to %(name)s.", name=leaver.name)
            faults.setdefault(leaver.id, words)
        handovers.append((report, leaver.id, above[leaver.id] if heir_id in (None, report.id) else heir_id))
    _refuse_circles(handovers, heirs, faults)
    return [one for one in handovers if one[1] not in faults], [(gone[row_id], faults[row_id]) for row_id in faults]


def _staying_above(gone: Mapping[int, Employee]) -> dict[int, int | None]:
    """Return the nearest above each leaver who stays."""
    others = by_id({person.manager_id for person in gone.values()} - gone.keys())
    found: dict[int, int | None] = {}
    for person in gone.values():
        above_id, steps = person.manager_id, 0
        while above_id is not None and above_id in gone and steps < rules.DEEPEST:
            above_id, steps = gone[above_id].manager_id, steps + 1
        manager = others.get(above_id or 0)
        found[person.id] = manager.id if manager and manager.status is not Status.LEFT else None
    return found


def _refuse_circles(
    handovers: Sequence[Handover], heirs: Mapping[int, int | None], faults: dict[int, Sentence]
) -> None:
    """Note a fault where a report would get a manager who works below them."""
    above: dict[int, set[int]] = {}
    for report, leaver_id, heir_id in handovers:
        if heir_id is None or heir_id != heirs[leaver_id]:
            continue  # who is above the leaver is not below the leaver's reports
        if heir_id not in above:
            above[heir_id] = set(rules.managers_above(heir_id))
        if report.id in above[heir_id]:
            heir = db.session.get_one(Employee, heir_id)
            words = _l("%(name)s works below this person. Choose another manager.", name=heir.name)
            faults.setdefault(leaver_id, words)


def hand_over(handovers: Sequence[Handover], day: date) -> None:
    """Give leavers' reports their new managers from a day on, at the latest from today."""
    assignments.replace("manager_id", handovers, min(day, today()))


def end_ties(leavers: Sequence[Employee], heirs: Mapping[int, int | None]) -> None:
    """End what only somebody who works here has: departments led, and the account with all its sessions."""
    ids = [person.id for person in leavers]
    led = select(Department).where(Department.lead_id.in_(ids)).order_by(Department.id)
    for department in db.session.scalars(led):
        department.lead_id = heirs[department.lead_id or 0]
    users = accounts_of(ids)
    if last := without_administrator(users):
        raise Invalid({"": [last_administrator(user) for user in last]})
    for user in users:
        user.is_active = False
    if users:
        db.session.execute(delete(Session).where(Session.user_id.in_([user.id for user in users])))


def accounts_of(employee_ids: Collection[int]) -> list[User]:
    """Return the accounts of these people that are switched on."""
    query = select(User).where(User.employee_id.in_(employee_ids), User.is_active).order_by(User.id)
    return list(db.session.scalars(query))


def without_administrator(users: Collection[User]) -> list[User]:
    """Return those of the accounts without which nobody could administer them any more; none where others can."""
    if not users:
        return []
    there = set(administrators())
    last = [user for user in users if user.id in there]
    return last if len(last) == len(there) else []


def last_administrator(user: User) -> Sentence:
    """Return why an account can't end."""
    return _l("%(email)s is the last administrator. Make another one first.", email=user.email)


@action("come_back", needs=RETURNING, over="employee_ids")
def come_back(
    actor: Actor,
    employee_ids: Sequence[int],
    valid_from: date | str | None = None,
    department_id: int | Unchanged | None = Unchanged.IT,
    role_id: int | Unchanged | None = Unchanged.IT,
    manager_id: int | Unchanged | None = Unchanged.IT,
) -> int:
    """Record, or plan, that people who left are back from a day on; return how many.

    What is not given is as it was, a manager only if still here. Pay begins again with `raise_pay`, an account by
    being switched on: neither comes back by itself.
    """
    people, day = loaded_people(actor, employee_ids, RETURNING), as_day(valid_from) or today()
    asked = {"department_id": department_id, "role_id": role_id, "manager_id": manager_id}
    given = {field: chosen(value, field) for field, value in asked.items() if value is not Unchanged.IT}
    if given:
        require_all(actor, Action.EDIT, Subject.DIRECTORY, [person.id for person in people])
    here = [_l("%(name)s works here.", name=person.name) for person in people if person.status is not Status.LEFT]
    if here:
        raise Invalid({"": here})
    errors: dict[str, Sentence] = {}
    rules.check_manager(people, given.get("manager_id"), errors, day=day)
    stretches.claim([person.id for person in people])
    histories, held = assignments.histories(people), _held(people, given)
    faults = _return_faults(people, histories, held, day)
    if errors or faults:
        raise Invalid({**{field: named(found, len(people)) for field, found in faults.items()}, **errors})
    for person in people:
        assignments.come_back(person, histories[person.id], day, held[person.id])
    return len(people)


def _return_faults(
    people: Sequence[Employee], histories: Mapping[int, History], held: Mapping[int, Mapping[str, Any]], day: date
) -> dict[str, list[Fault]]:
    """Return by field who can't be back on that day, or not where they were."""
    faults: dict[str, list[Fault]] = {}
    for person in people:
        if sentence := assignments.return_fault(person, histories[person.id], day):
            faults.setdefault("valid_from", []).append((person, sentence))
    for field, check in (("department_id", rules.check_department), ("role_id", rules.check_role)):
        errors: dict[Any, dict[str, Sentence]] = {row_id: {} for row_id in {one[field] for one in held.values()}}
        for row_id, found in errors.items():
            check(row_id, found)
        for person in people:
            for sentence in errors[held[person.id][field]].values():
                faults.setdefault(field, []).append((person, sentence))
    return faults


def _held(people: Sequence[Employee], given: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return what each does who is back: what is given, else what they did, below a manager only if still here."""
    managers = by_id(person.manager_id for person in people)
    held = {}
    for person in people:
        manager = managers.get(person.manager_id or 0)
        is_here = manager is not None and manager.status is not Status.LEFT
        before = {name: getattr(person, name) for name in PLACE} | ({} if is_here else {"manager_id": None})
        held[person.id] = {"status": Status.ACTIVE, **before, **given}
    return held
