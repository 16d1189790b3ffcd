"""One person of the plan in full: contract, contacts and private data around their job and pay history."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import NamedTuple

from app.actions.demo.careers import Roster, assignments, steps
from app.actions.demo.catalogue import MANAGER_LEVEL, TOP_LEVEL
from app.actions.demo.names import make_name
from app.actions.demo.records import DemoEmployee, number_of
from app.actions.demo.sites import MOBILE_PHONE, Site
from app.actions.demo.timeline import Timeline
from app.actions.demo.wages import pay
from app.people.employee import EmploymentType, Status

YEAR = 365.25
PROBATION_DAYS = 182
RETIREMENT = "Retirement"
END_OF_CONTRACT = "End of contract"
REASONS = (
    "New opportunity elsewhere",
    "New opportunity elsewhere",
    "New opportunity elsewhere",
    "Moved to another place",
    "Personal reasons",
    "Personal reasons",
    "Return to education",
    "Redundancy",
    "Dismissed",
    RETIREMENT,
)
FULL_TIME = Decimal("1.000")
PART_TIME = (Decimal("0.500"), Decimal("0.600"), Decimal("0.750"), Decimal("0.800"), Decimal("0.800"), Decimal("0.900"))


class Company(NamedTuple):
    """All that people's records are made from."""

    seed: int
    roster: Roster
    sites: tuple[Site, ...]
    first_names: list[str]
    last_names: list[str]
    addresses: list[str]


def person(company: Company, index: int) -> DemoEmployee:
    """Return the person at this place (from 0) in the order of hiring, the same however often and in whatever order."""
    rng = Random(company.seed * 2_000_003 + index + 1_000)  # noqa: S311 made-up people, not secrets
    roster, line = company.roster, company.roster.line
    site = company.sites[line.site[index]]
    hired, left, terms = line.hired[index], line.left[index], line.terms[index]
    taken = steps(index, roster, rng)
    level = roster.roles[line.role[index]].level
    number, address = number_of(index), company.addresses[index]
    reason = _reason(terms, left - hired, rng) if left else None
    home_number = str(1 + int(rng.random() * 180))
    street = site.streets[int(rng.random() * len(site.streets))]
    relative = make_name(rng, site.cultures[0])
    return DemoEmployee(
        number=number,
        first_name=company.first_names[index],
        last_name=company.last_names[index],
        email=f"{address}@demo.example",
        phone=_digits(site.phone, rng) if rng.random() < 0.75 else None,
        location=site.city,
        employment_type=terms,
        status=_status(line, index),
        fte=_hours(terms, level, rng),
        hired_on=date.fromordinal(hired),
        probation_until=_probation(line, index),
        contract_until=_contract(line, index, rng),
        left_on=date.fromordinal(left) if left else None,
        leaving_reason=reason,
        legal_entity=site.entity,
        birth_date=_birth_date(line, index, level, reason, rng),
        home_address=_digits(site.home, rng).replace("{s}", street).replace("{n}", home_number),
        personal_email=f"{address.rstrip('0123456789')}.{number[2:]}@home.example",
        personal_phone=_digits(MOBILE_PHONE, rng),
        emergency_name=f"{relative.first} {company.last_names[index] if rng.random() < 0.7 else relative.last}",
        emergency_phone=_digits(MOBILE_PHONE, rng),
        assignments=assignments(index, taken, roster, rng),
        pay=pay(taken, roster.roles, site, terms, left, line.today, rng),
    )


def _digits(pattern: str, rng: Random) -> str:
    """Return the pattern with a digit for each #."""
    drawn = iter(f"{int(rng.random() * 10**15):015d}{int(rng.random() * 10**9):09d}")
    return "".join(next(drawn) if c == "#" else c for c in pattern)


def _status(line: Timeline, index: int) -> Status:
    if line.left[index]:
        return Status.LEFT
    return Status.ON_LEAVE if line.is_on_leave[index] else Status.ACTIVE


def _hours(terms: EmploymentType, level: int, rng: Random) -> Decimal:
    if terms is not EmploymentType.PERMANENT or level >= MANAGER_LEVEL or rng.random() > 0.14:
        return FULL_TIME
    return PART_TIME[int(rng.random() * len(PART_TIME))]


def _probation(line: Timeline, index: int) -> date | None:
    """Return the end of a probation that still runs."""
    if line.left[index] or line.terms[index] is not EmploymentType.PERMANENT:
        return None
    until = line.hired[index] + PROBATION_DAYS
    return date.fromordinal(until) if until > line.today else None


def _contract(line: Timeline, index: int, rng: Random) -> date | None:
    """Return the end of a limited contract, still to come for those who work here."""
    if line.terms[index] is EmploymentType.PERMANENT:
        return None
    if line.left[index]:
        return date.fromordinal(line.left[index])
    length = 365 if line.terms[index] is EmploymentType.INTERN else 730
    return date.fromordinal(max(line.hired[index] + length, line.today + 1 + int(rng.random() * 90)))


def _reason(terms: EmploymentType, stay: int, rng: Random) -> str:
    if terms is not EmploymentType.PERMANENT:
        return END_OF_CONTRACT
    if stay < PROBATION_DAYS and rng.random() < 0.5:
        return "Probation not passed"
    return REASONS[int(rng.random() * len(REASONS))]


def _birth_date(line: Timeline, index: int, level: int, reason: str | None, rng: Random) -> date:
    """Return a birthday of somebody old enough for the job, and not past retirement at the end or today."""
    end = line.left[index] or line.today
    drawn = rng.random()
    if reason == RETIREMENT:
        return date.fromordinal(end - int((62 + drawn * 4) * YEAR))
    if line.terms[index] is EmploymentType.INTERN:
        youngest, oldest = 19, 25
    elif level == TOP_LEVEL:
        youngest, oldest = 34, 44
    else:
        youngest, oldest = 18 + 2 * level, 34 + 4 * level
    born = line.hired[index] - int((youngest + (oldest - youngest) * drawn) * YEAR)
    return date.fromordinal(max(born, end - int((60 + 5 * drawn) * YEAR)))
