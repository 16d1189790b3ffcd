"""What somebody finds on their own start page."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from app.access.actor import Actor
from app.core.clock import today
from app.people.employee import Employee
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
    since = today() - JOINED_WITHIN
    joined = (Employee.hired_on >= since, Employee.hired_on <= today())
    found = Dashboard(
        joiners=some("dashboard.joiners", actor, *joined, order=Employee.hired_on.desc(), limit=6),
        anniversaries=_anniversaries(actor),
    )
    if actor.employee_id is None:
        return found
    found.me = person.by_id(actor, actor.employee_id)
    found.team = person.reports(actor, actor.employee_id)
    manager_id = found.me.values["manager_id"]
    if manager_id is not None:
        theirs, order = Employee.id == manager_id, Employee.name_key
        managers = some("dashboard.manager", actor, theirs, order=order, limit=1, only_here=False)
        found.manager = next(iter(managers), None)
    department_id = found.me.values["department_id"]
    if department_id is not None:
        near = Employee.department_id == department_id
        # One more than are shown: without the actor it is the same question for everybody there.
        them = some("dashboard.colleagues", actor, near, order=Employee.name_key, limit=COLLEAGUES + 1)
        found.colleagues = [one for one in them if one.id != actor.employee_id][:COLLEAGUES]
    return found


def hired_then(day: date, years: int) -> list[date]:
    """Return the first days of work that are so many years past on `day`; 29 February counts on 1 March otherwise."""
    year = day.year - years
    if (day.month, day.day) == (2, 29):
        return [date(year, 2, 29)] if isleap(year) else []
    if (day.month, day.day) == (3, 1) and isleap(year) and not isleap(day.year):
        return [date(year, 2, 29), date(year, 3, 1)]
    return [day.replace(year=year)]


@lru_cache(maxsize=2)
def _celebrated(since: date) -> dict[date, tuple[int, date]]:
    """Return the first days of work that are whole years past in the two weeks from a day on: how many, and when."""
    return {
        first: (years, day)
        for day in (since + timedelta(days=ahead) for ahead in range(AHEAD))
        for years in range(FIRST_ANNIVERSARY, LONGEST_SERVICE)
        for first in hired_then(day, years)
    }


def _anniversaries(actor: Actor) -> list[Anniversary]:
    """Return whole years of service completed in the next two weeks.

    Asked as one list of days, which the index on the first day of work answers; no engine needs to take dates apart.
    """
    hired = _celebrated(today())
    then = Employee.hired_on.in_(list(hired))
    people = some("dashboard.anniversaries", actor, then, order=Employee.hired_on, limit=50)
    found = [Anniversary(someone, *hired[someone.hired_on]) for someone in people]
    return sorted(found, key=lambda a: (a.on, a.person.name))[:6]
