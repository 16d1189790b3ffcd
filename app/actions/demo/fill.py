"""Filling the database with the demo organisation: departments and job titles first, then people, then leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select

from app.access.actor import Actor, operator
from app.access.grants import Action, Subject
from app.actions.demo.managers import PRESENT, Ids, Managers, Places, is_as_planned
from app.actions.demo.plan import DemoPlan, plan
from app.actions.demo.records import DemoAssignment, DemoDepartment, DemoEmployee, number_of
from app.actions.registry import Source, action, run
from app.changes.tracking import KNOWINGLY, tell_new
from app.core import clock, text
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status, name_key
from app.people.history import Assignment, Pay
from app.people.role import Role
from app.people.search import FOUND_BY, SearchWord, words_of

FIRST_VERSION = 1
COPIED = (
    "number",
    "first_name",
    "last_name",
    "phone",
    "location",
    "employment_type",
    "status",
    "fte",
    "hired_on",
    "probation_until",
    "contract_until",
    "left_on",
    "leaving_reason",
    "legal_entity",
    "birth_date",
    "home_address",
    "personal_email",
    "personal_phone",
    "emergency_name",
    "emergency_phone",
)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What seeding added, and how many people it had nothing to do for because their numbers were there."""

    people: int
    departments: int
    roles: int
    present: int


def seed(
    employees: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    actor: Actor | None = None,
    source: Source = Source.CLI,
) -> Seeded:
    """Bring the demo organisation up to that many people (0 to `MOST_EMPLOYEES`) ever hired; add only what is missing.

    What is there stays as it is: people by number, departments and job titles by name. Each step is a transaction
    with at most a thousand people, so a run cut short is completed by the next. `progress` gets people done and in
    all; without an actor it is the operator who acts.
    """
    actor = actor or operator()
    if employees == 0:
        return Seeded(0, 0, 0, 0)
    wanted: dict[str, Any] = {"employees": employees, "seed": seed, "today": clock.today()}
    # Made before any transaction is open; the actions find it in the plan's cache.
    segments = plan(**wanted).segments
    departments = roles = people = done = 0
    set_id: int | None = None
    for position, segment in enumerate(segments):
        if _free_numbers(segment):
            if not people:
                made = run("seed_demo_organisation", actor=actor, source=source, **wanted)
                (departments, roles), set_id = made.value, made.change_set_id
            filled = run("seed_demo_people", actor=actor, source=source, within=set_id, **wanted, segment=position)
            people, set_id = people + filled.value, filled.change_set_id
        done += len(segment)
        if progress:
            progress(done, employees)
    run("seed_demo_leads", actor=actor, source=source, within=set_id, **wanted)
    return Seeded(people, departments, roles, employees - people)


@action("seed_demo_organisation", needs=(Action.CREATE, Subject.ORGANISATION))
def seed_organisation(actor: Actor, employees: int, seed: int, today: date) -> tuple[int, int]:
    """Add the plan's departments and job titles that are missing; return how many of each."""
    made = plan(employees, seed, today)
    department_ids, new_departments = _department_ids(made), 0
    codes = set(db.session.scalars(select(Department.code_key)))
    for planned in made.departments:
        if planned.code in department_ids:
            continue
        department = Department(
            code=None if text.key(planned.code) in codes else planned.code,
            name=_free_name(planned.name, Department.name_key),
            parent_id=department_ids[planned.parent_code] if planned.parent_code else None,
            cost_centre=planned.cost_centre,
        )
        db.session.add(department)
        db.session.flush()
        department_ids[planned.code] = department.id
        new_departments += 1
    role_ids = _role_ids(made)
    missing = [role for role in made.roles if role.title not in role_ids]
    for role in missing:
        title = _free_name(role.title, Role.title_key)
        db.session.add(Role(title=title, family=role.family, level=role.level, description=role.description))
    return new_departments, len(missing)


@action("seed_demo_people", needs=(Action.CREATE, Subject.EMPLOYMENT))
def seed_people(actor: Actor, employees: int, seed: int, today: date, segment: int) -> int:
    """Add the people of one segment of the plan whose numbers are free, with job and pay history; return how many."""
    actor.require(Action.CREATE, Subject.COMPENSATION)
    made = plan(employees, seed, today)
    people = [made.person(index) for index in _free_numbers(made.segments[segment])]
    if not people:
        return 0
    places = Places(_department_ids(made), _role_ids(made))
    numbers_above = {row.manager_number for p in people for row in p.assignments if row.manager_number}
    managers = Managers(made, places, numbers_above)

    def job(row: DemoAssignment) -> dict[str, int | None]:
        department_id = places.departments[row.department_code]
        return {
            "department_id": department_id,
            "role_id": places.roles[row.role_title],
            "manager_id": managers.of(row, department_id),
        }

    emails = _free_emails(people)
    _insert(
        Employee,
        (
            {field: getattr(p, field) for field in COPIED}
            | job(p.assignments[-1])
            | {
                "number_key": text.key(p.number),
                "name_key": name_key(p.first_name, p.last_name),
                "email": emails[p.number],
                "email_key": text.key(emails[p.number]),
                "version": FIRST_VERSION,
            }
            for p in people
        ),
    )
    query = select(Employee.number, Employee.id).where(Employee.number_key.in_([text.key(p.number) for p in people]))
    ids: Ids = {number: at for number, at in db.session.execute(query)}
    _insert(Assignment, (row for p in people for row in _assignment_rows(p, ids, job)))
    _insert(Pay, (row for p in people for row in _pay_rows(p, ids)))
    for model, column in ((Employee, Employee.id), (Assignment, Assignment.employee_id), (Pay, Pay.employee_id)):
        tell_new(model, column.in_(ids.values()))
    # In the order of the index, whose pages are then each written once.
    words = sorted((word, ids[p.number]) for p in people for word in _words(p, emails[p.number]))
    _insert(SearchWord, ({"word": word, "employee_id": at, "field_group": "directory"} for word, at in words))
    return len(people)


@action("seed_demo_leads", needs=(Action.EDIT, Subject.ORGANISATION))
def seed_leads(actor: Actor, employees: int, seed: int, today: date) -> int:
    """Give leads to the departments of the demo that have none; return how many."""
    made = plan(employees, seed, today)
    places = Places(_department_ids(made), _role_ids(made))
    rows = db.session.scalars(
        select(Department).where(Department.lead_id.is_(None), Department.cost_centre.like("DEMO-%"))
    )
    without = {department.id: department for department in rows}
    keys = [text.key(planned.lead_number) for planned in made.departments]
    people = {row.number_key: row for row in db.session.execute(select(*PRESENT).where(Employee.number_key.in_(keys)))}
    appointed = 0
    for planned in made.departments:
        department = without.get(places.departments.get(planned.code, 0))
        if department is None or department.cost_centre != planned.cost_centre:
            continue
        department.lead_id = _lead(made, planned, places, people)
        appointed += department.lead_id is not None
    return appointed


def _lead(made: DemoPlan, planned: DemoDepartment, places: Places, people: dict[str, Any]) -> int | None:
    """Return the planned lead, or where somebody else has that number, the most senior person of the department."""
    row = people.get(text.key(planned.lead_number))
    if row and row.status is not Status.LEFT and is_as_planned(row, planned.lead_number, made, places):
        return int(row.id)
    query = (  # nothing but who works there, so that a department that HR emptied stays without
        select(Employee.id)
        .outerjoin(Role, Role.id == Employee.role_id)
        .where(Employee.department_id == places.departments[planned.code], Employee.status == Status.ACTIVE)
        .order_by(Role.level.is_(None), Role.level.desc(), Employee.hired_on, Employee.id)
    )
    return db.session.scalars(query.limit(1)).first()


def _free_numbers(segment: Iterable[int]) -> list[int]:
    """Return those of these places in the order of hiring whose numbers nobody has."""
    numbers = {text.key(number_of(index)): index for index in segment}
    taken = set(db.session.scalars(select(Employee.number_key).where(Employee.number_key.in_(numbers))))
    return [index for key, index in numbers.items() if key not in taken]


def _insert(model: type[Any], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows in bulk, past the session, whose objects would take most of the time; `tell_new` tells of them."""
    values = list(rows)
    if values:
        db.session.connection().execute(insert(model), values, execution_options={KNOWINGLY: True})


def _department_ids(made: DemoPlan) -> Ids:
    """Return ids by planned code: open departments of the planned name, or made by us and renamed."""
    query = select(Department.name_key, Department.cost_centre, Department.id).where(Department.closed_on.is_(None))
    rows = db.session.execute(query).all()
    by_name: Ids = {key: at for key, _, at in rows}
    ours: Ids = {cost_centre: at for _, cost_centre, at in rows if cost_centre}
    found = {p.code: _named(p.name, by_name) or ours.get(p.cost_centre) for p in made.departments}
    return {code: at for code, at in found.items() if at}


def _role_ids(made: DemoPlan) -> Ids:
    """Return ids by planned title, found like departments."""
    query = select(Role.title_key, Role.id).where(Role.closed_on.is_(None))
    ids: Ids = {key: at for key, at in db.session.execute(query)}
    return {planned.title: at for planned in made.roles if (at := _named(planned.title, ids))}


def _names(name: str) -> Iterator[str]:
    """Yield the name, then those to use where a closed department or role keeps it."""
    yield name
    yield f"{name} (demo)"
    yield from (f"{name} (demo {count})" for count in range(2, 100))


def _named(name: str, ids: Ids) -> int | None:
    return next((ids[key] for key in map(text.key, _names(name)) if key in ids), None)


def _free_name(name: str, column: Any) -> str:
    """Return the first of the possible names that no row has, closed ones included."""
    return next(free for free in _names(name) if not db.session.scalar(select(column).where(column == text.key(free))))


def _free_emails(people: list[DemoEmployee]) -> dict[str, str]:
    """Return work addresses by number; where somebody has the planned one already, with the number in it."""
    keys = [text.key(p.email) for p in people]
    taken = set(db.session.scalars(select(Employee.email_key).where(Employee.email_key.in_(keys))))
    return {
        p.number: p.email.replace("@", f".{p.number.lower()}@") if text.key(p.email) in taken else p.email
        for p in people
    }


def _assignment_rows(
    p: DemoEmployee, ids: Ids, job: Callable[[DemoAssignment], dict[str, int | None]]
) -> Iterator[dict[str, Any]]:
    for row in p.assignments:
        yield {
            "employee_id": ids[p.number],
            "status": row.status,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "version": FIRST_VERSION,
            **job(row),
        }


def _pay_rows(p: DemoEmployee, ids: Ids) -> Iterator[dict[str, Any]]:
    for row in p.pay:
        yield {
            "employee_id": ids[p.number],
            "amount": row.amount,
            "currency": row.currency,
            "period": row.period,
            "reason": row.reason,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "version": FIRST_VERSION,
        }


def _words(p: DemoEmployee, email: str) -> set[str]:
    return words_of({field: email if field == "email" else getattr(p, field) for field in FOUND_BY})
