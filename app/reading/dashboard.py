"""What somebody finds on their own start page."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.access.actor import Actor
from app.core.clock import today
from app.people.employee import Employee, Status
from app.reading import person
from app.reading.people import Person, some
from app.reading.person import Record

COLLEAGUES = 12
JOINED_WITHIN = timedelta(days=60)
AHEAD = 14
FIRST_ANNIVERSARY = 1
LONGEST_SERVICE = 60


@dataclass(frozen=True, slots=True)
class Anniversary:
    """Somebody who will have been here for so many years on a day soon."""

    person: Person
    years: int
    on: date


@dataclass(slots=True)
class Dashboard:
    """The start page; `me` is None for an account without an employee."""

    me: Record | None = None
    manager: Person | None = None
    team: list[Person] = field(default_factory=list)
    colleagues: list[Person] = field(default_factory=list)
    joiners: list[Person] = field(default_factory=list)
    anniversaries: list[Anniversary] = field(default_factory=list)


def dashboard(actor: Actor) -> Dashboard:
    """Return the actor's own record, the people around them, and what there is to congratulate on."""
    here = Employee.status != Status.LEFT
    since = today() - JOINED_WITHIN
    joined = (here, Employee.hired_on >= since, Employee.hired_on <= today())
    found = Dashboard(
        joiners=some(actor, *joined, order=Employee.hired_on.desc(), limit=6),
        anniversaries=_anniversaries(actor),
    )
    if actor.employee_id is None:
        return found
    found.me = person.by_id(actor, actor.employee_id)
    others = Employee.id != actor.employee_id
    found.team = person.reports(actor, actor.employee_id)
    manager_id = found.me.values["manager_id"]
    if manager_id is not None:
        found.manager = next(iter(some(actor, Employee.id == manager_id, order=Employee.name_key, limit=1)), None)
    department_id = found.me.values["department_id"]
    if department_id is not None:
        in_it = Employee.department_id == department_id
        found.colleagues = some(actor, here, others, in_it, order=Employee.name_key, limit=COLLEAGUES)
    return found


def hired_then(day: date, years: int) -> list[date]:
    """Return the first days of work that are so many years past on `day`; 29 February counts on 1 March otherwise."""
    year = day.year - years
    if (day.month, day.day) == (2, 29):
        return [date(year, 2, 29)] if isleap(year) else []
    if (day.month, day.day) == (3, 1) and isleap(year) and not isleap(day.year):
        return [date(year, 2, 29), date(year, 3, 1)]
    return [day.replace(year=year)]


def _anniversaries(actor: Actor) -> list[Anniversary]:
    """Return whole years of service completed in the next two weeks.

    Asked as one list of days, which the index on the first day of work answers; no engine needs to take dates apart.
    """
    hired = {
        first: (years, day)
        for day in (today() + timedelta(days=ahead) for ahead in range(AHEAD))
        for years in range(FIRST_ANNIVERSARY, LONGEST_SERVICE)
        for first in hired_then(day, years)
    }
    here = Employee.status != Status.LEFT
    people = some(actor, here, Employee.hired_on.in_(list(hired)), order=Employee.hired_on, limit=50)
    found = [Anniversary(someone, *hired[someone.hired_on]) for someone in people]
    return sorted(found, key=lambda a: (a.on, a.person.name))[:6]
