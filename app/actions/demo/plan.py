"""The plan of the demo organisation: who there is, decided by number of people, seed and day, without a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from random import Random

from app.actions.demo.careers import roster
from app.actions.demo.names import EVERYWHERE, make_name
from app.actions.demo.organisation import Place, departments
from app.actions.demo.people import Company, person
from app.actions.demo.positions import positions
from app.actions.demo.records import DemoDepartment, DemoEmployee, DemoRole, index_of, number_of
from app.actions.demo.sites import Site, sites_for
from app.actions.demo.timeline import Timeline, leaver_count, timeline
from app.core.chunks import chunks

MOST_EMPLOYEES = 1_000_000
LOCAL_SHARE = 0.72
SEGMENT = 1_000


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The whole organisation; people are made when they are asked for, so that a million fit into memory.

    `segments` holds everybody's place in the order of hiring, at most a thousand at a time, so that all managers that
    the people of a segment have or had are in earlier ones.
    """

    size: int
    seed: int
    today: date
    departments: tuple[DemoDepartment, ...]
    roles: tuple[DemoRole, ...]
    segments: tuple[tuple[int, ...], ...] = field(repr=False)
    _company: Company = field(repr=False, compare=False)

    def people(self) -> Iterator[DemoEmployee]:
        """Yield everybody in the order of hiring, which is that of their numbers."""
        return (person(self._company, index) for index in range(self.size))

    def person(self, index: int) -> DemoEmployee:
        """Return the person at this place (from 0) in the order of hiring."""
        return person(self._company, index)

    def identity(self, number: str) -> tuple[str, str, str, str]:
        """Return first name, last name, department code and job title of the person with this number, as of today."""
        index, company = index_of(number), self._company
        place, role = company.roster.line.place[index], company.roster.line.role[index]
        return (
            company.first_names[index],
            company.last_names[index],
            company.roster.places[place].code,
            company.roster.roles[role].title,
        )


@lru_cache(maxsize=1)
def plan(employees: int, seed: int, today: date) -> DemoPlan:
    """Return the plan for that many people ever hired (1 to `MOST_EMPLOYEES`), leavers among them.

    The same arguments give the same people on every machine; another day moves their dates but not their names.
    """
    if not 1 <= employees <= MOST_EMPLOYEES:
        raise ValueError(f"a demo organisation has 1 to {MOST_EMPLOYEES} people")
    sites = sites_for(employees)
    places = departments(employees, employees - leaver_count(employees), sites)
    made = positions(places, sites, _random(seed, 1))
    line = timeline(made, employees, today, _random(seed, 2))
    first_names, last_names, addresses = _names([sites[site] for site in line.site], _random(seed, 3))
    return DemoPlan(
        size=employees,
        seed=seed,
        today=today,
        departments=_departments(places, line),
        roles=tuple(made.roles),
        segments=tuple(_segments(line)),
        _company=Company(seed, roster(line, made.roles, places), sites, first_names, last_names, addresses),
    )


def _random(seed: int, stage: int) -> Random:
    """Return numbers of its own for each stage, so that one that draws more doesn't change the others."""
    return Random(seed * 2_000_003 + stage)  # noqa: S311 made-up people, not secrets


def _departments(places: list[Place], line: Timeline) -> tuple[DemoDepartment, ...]:
    return tuple(
        DemoDepartment(
            code=place.code,
            name=place.name,
            parent_code=place.parent.code if place.parent else None,
            lead_number=number_of(lead),
            cost_centre=f"DEMO-{place.code}",
        )
        for place, lead in zip(places, line.leads, strict=True)
    )


def _segments(line: Timeline) -> Iterator[tuple[int, ...]]:
    managers: dict[int, list[int]] = {}
    others = []
    former = set(line.predecessor.values())
    for index, depth in enumerate(line.depth):
        if line.is_manager[index] or index in former:
            managers.setdefault(depth, []).append(index)
        else:
            others.append(index)
    for group in (*(managers[depth] for depth in sorted(managers)), others):
        yield from map(tuple, chunks(group, SEGMENT))


def _names(homes: list[Site], rng: Random) -> tuple[list[str], list[str], list[str]]:
    """Return first names, last names and unique local parts of addresses for people at these sites."""
    first_names, last_names, addresses = [], [], []
    taken: dict[str, int] = {}
    for site in homes:
        cultures = site.cultures if rng.random() < LOCAL_SHARE else EVERYWHERE
        name = make_name(rng, cultures[int(rng.random() * len(cultures))])
        first_names.append(name.first)
        last_names.append(name.last)
        count = taken[name.address] = taken.get(name.address, 0) + 1
        addresses.append(name.address if count == 1 else f"{name.address}{count}")
    return first_names, last_names, addresses
