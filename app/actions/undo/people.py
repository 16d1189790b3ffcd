"""How changes of people, their jobs and their pay are undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import GROUP_OF, OWN_CONTACT, Action, Subject
from app.actions.leaving import LEAVING, RETURNING, accounts_of
from app.actions.people import by_id
from app.actions.undo.inverses import Inverse, Need, inverse
from app.actions.undo.parts import Kind, Step
from app.actions.undo.planning import JOB, JOB_FIELDS, PAY
from app.actions.undo.work import Row, Work
from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.extensions import db
from app.people import assignments, rules, stretches
from app.people.assignments import PLACE
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay

DATED = {"status", "hired_on", "left_on"}
Faults = dict[str, Sentence]


def name_of(values: Mapping[str, Any]) -> str:
    """Return what somebody with these values is called."""
    return f"{values.get('first_name') or ''} {values.get('last_name') or ''}".strip()


def _needs_of_record(actor: Actor, step: Step) -> Iterator[Need]:
    if step.kind is Kind.REMOVE:
        yield *LEAVING, step.id
    elif step.kind is Kind.BRING_BACK:  # what hiring takes
        yield Action.CREATE, Subject.EMPLOYMENT, None
        groups = {GROUP_OF.get(name, Subject.NOTES) for name, value in step.would.items() if value is not None}
        yield from ((Action.EDIT, group, None) for group in groups - {Subject.DIRECTORY})
    else:
        is_own = step.id == actor.employee_id and actor.can(Action.EDIT, Subject.CONTACT)
        for name in step.wanted:
            if not (is_own and name in OWN_CONTACT):
                yield Action.EDIT, GROUP_OF.get(name, Subject.NOTES), step.id
        if step.wanted.get("status") is Status.LEFT:
            yield *LEAVING, step.id


def _needs_of_job(_actor: Actor, step: Step) -> Iterator[Need]:
    """Yield what a transfer takes, or a leaving or return where it is one that was planned."""
    yield Action.EDIT, Subject.DIRECTORY, step.person_id
    statuses = {side.get("status") for side in (step.now or {}, step.would) if side.get("status") is not None}
    if step.is_whole and step.person is not None:
        statuses.add(step.person.status)
    if len(statuses) > 1:
        is_of_leaver = step.person is not None and step.person.status is Status.LEFT
        yield *(LEAVING if Status.LEFT in statuses and not is_of_leaver else RETURNING), step.person_id


def _needs_of_pay(_actor: Actor, step: Step) -> Iterator[Need]:
    yield Action.EDIT, Subject.COMPENSATION, step.person_id


def _faults(row: Row) -> Faults:
    """Return what is wrong with the fields that change, or with what goes by them."""
    errors = rules.faulty_dates(row.final)
    is_dated = not DATED.isdisjoint(row.values)
    return {
        name if row.becomes(name) else "hired_on": sentence
        for name, sentence in errors.items()
        if is_dated or row.becomes(name)
    }


def _after_jobs(work: Work) -> None:
    """Refuse jobs that break a rule: as who has them, in which department and role, under whom, and their history."""
    there = [row for row in work.of("employees") if row.kind is not Kind.REMOVE]
    changed = {
        row.id: set(PLACE if _is_back(row) else [name for name in PLACE if row.becomes(name)])
        for row in there
        if row.kind is Kind.BRING_BACK or not row.values.keys().isdisjoint(JOB_FIELDS)
    }
    parts = work.of("assignments")
    gone = {row.id for row in work.of("employees", Kind.REMOVE)}
    people = by_id({*changed, *(row.person_id for row in parts)} - gone)
    for person_id, shown in _follow({row.person_id for row in parts} & people.keys(), people).items():
        changed.setdefault(person_id, set()).update(shown)
    db.session.flush()
    places = [(people[i], name, getattr(people[i], name)) for i in changed for name in changed[i]]
    _check_places(work, [one for one in places if one[0].status is not Status.LEFT])
    _check_planned(work, [row for row in parts if row.kind is not Kind.REMOVE])
    _check_leavers(work, [row.id for row in there if people.get(row.id) and _has_left(row)])
    _check_histories(work, sorted(people))


def _is_back(row: Row) -> bool:
    return row.kind is Kind.BRING_BACK or row.values.get("status") not in (None, Status.LEFT)


def _has_left(row: Row) -> bool:
    return row.values.get("status") is Status.LEFT


def _follow(ids: Iterable[int | None], people: Mapping[int, Employee]) -> dict[int, set[str]]:
    """Let rows show today's stretch where a change that was planned took effect since; return which fields moved."""
    moved: dict[int, set[str]] = {}
    for person_id, history in stretches.load(Assignment, [one for one in ids if one is not None]).items():
        person = people[person_id]
        stretch = assignments.due(person, history) if person.status is not Status.LEFT else None
        if stretch is not None and stretch.status is not Status.LEFT:
            moved[person_id] = {name for name in PLACE if getattr(person, name) != getattr(stretch, name)}
            assignments.show(person, history)
    return moved


def _check_places(work: Work, wanted: Iterable[tuple[Employee, str, int | None]]) -> None:
    """Refuse who would work in a closed department or role, or for somebody who left or works below them."""
    asked = [(person, name, value) for person, name, value in wanted if value is not None]
    faults = _faults_of_places({(name, value) for _, name, value in asked})
    managers = {person.id: person.manager_id for person, name, _ in asked if name == "manager_id"}
    circled = rules.in_circles(managers)
    for person, name, value in asked:
        sentence = faults.get((name, value))
        if name == "manager_id" and person.id in circled:
            sentence = _l("The manager of then works below %(name)s by now.", name=person.name)
        if sentence:
            work.refuse_part(("employees", person.id), JOB, sentence)


def _faults_of_places(places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Sentence]:
    """Return what is wrong with departments, roles and managers; of each it is asked once."""
    found: dict[tuple[str, int], Sentence] = {}
    for name, value in sorted(places):
        errors: dict[str, Sentence] = {}
        if name == "department_id":
            rules.check_department(value, errors)
        elif name == "role_id":
            rules.check_role(value, errors)
        else:
            rules.check_manager([], value, errors)
        if errors:
            found[name, value] = next(iter(errors.values()))
    return found


def _check_planned(work: Work, rows: Iterable[Row]) -> None:
    """Refuse changes that lie ahead and lead into a department or role that is closed by now.

    A manager who has left by then is told when a change is to take effect, as everywhere.
    """
    ahead = [row for row in rows if row.final.valid_from > today() and row.final.status is not Status.LEFT]
    asked = [
        (row, (name, row.values[name]))
        for row in ahead
        for name in ("department_id", "role_id")
        if row.values.get(name)
    ]
    faults = _faults_of_places({place for _, place in asked})
    for row, place in asked:
        if place in faults:
            work.refuse(row, faults[place])


def _check_leavers(work: Work, ids: list[int]) -> None:
    """Refuse that somebody has left who has reports, leads a department or has an account."""
    if not ids:
        return
    reports = select(Employee.manager_id).where(Employee.manager_id.in_(ids), Employee.status != Status.LEFT)
    leads = select(Department.lead_id).where(Department.lead_id.in_(ids))
    ties: list[tuple[Iterable[int | None], Sentence]] = [
        (db.session.scalars(reports), _l("Somebody reports to them by now. Find another manager first.")),
        (db.session.scalars(leads), _l("They lead a department by now. Find another lead first.")),
        ([user.employee_id for user in accounts_of(ids)], _l("Their account is switched on. Switch it off first.")),
    ]
    for found, sentence in ties:
        for person_id in set(found):
            work.refuse_part(("employees", person_id or 0), JOB, sentence)


def _check_histories(work: Work, ids: list[int]) -> None:
    """Refuse job histories that say two things at once, or not what the record says."""
    if not ids or _history_fault(ids) is None:
        return
    for person_id in ids:
        if sentence := _history_fault([person_id]):
            work.refuse_part(("employees", person_id), JOB, sentence)


def _history_fault(ids: list[int]) -> Sentence | None:
    try:
        assignments.check(*ids)
    except Invalid as invalid:
        return invalid.errors[""][0]
    return None


def _after_pay(work: Work) -> None:
    """Refuse pay histories that say two things at once."""
    gone = {row.id for row in work.of("employees", Kind.REMOVE)}
    ids = {row.person_id for row in work.of("pay") if row.person_id is not None} - gone
    for person_id, history in stretches.load(Pay, ids).items():
        if day := stretches.overlap(history):
            sentence = _l("There would be two kinds of pay at once from %(day)s.", day=day)
            work.refuse_part(("employees", person_id), PAY, sentence)


inverse("employees", Inverse(Employee, _needs_of_record, name_of, faults=_faults, after=_after_jobs))
inverse("assignments", Inverse(Assignment, _needs_of_job, name_of, after=_after_jobs))
inverse("pay", Inverse(Pay, _needs_of_pay, name_of, after=_after_pay))
