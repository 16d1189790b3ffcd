"""Today's positions: who leads each department, who manages whom in it, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from app.actions.demo.catalogue import (
    CHIEF_LEVEL,
    FAMILIES,
    MANAGER_LEVEL,
    TEAM_LEAD_LEVEL,
    TOP_LEVEL,
    Family,
    level_titles,
)
from app.actions.demo.organisation import Place, total
from app.actions.demo.records import DemoRole
from app.actions.demo.sites import Site

WIDEST_SPAN = 12
TEAM = 9
LARGE_GROUP = 12
LARGE_DEPARTMENT = 60
# Families below this many people have no junior title, as small teams hire people who know the work.
JUNIORS_FROM = 12


@dataclass(slots=True)
class Positions:
    """Positions side by side, each list one property; the first is the chief executive's, managers before reports."""

    place: list[int]
    manager: list[int]
    role: list[int]
    site: list[int]
    leads: list[int]  # by department: the position of its lead
    managers: list[list[int]]  # by department: positions of those who manage in it, its lead among them
    is_manager: list[bool]
    roles: list[DemoRole]


class _Roles:
    """Gives each title a number when it is first used."""

    def __init__(self) -> None:
        self.roles: list[DemoRole] = []
        self._numbers: dict[str, int] = {}

    def number(self, title: str, family: Family, level: int) -> int:
        if title not in self._numbers:
            self._numbers[title] = len(self.roles)
            article = "An" if title[0] in "AEIO" else "A"
            self.roles.append(DemoRole(title, family.name, level, f"{article} {title} {family.work}."))
        return self._numbers[title]

    def of_level(self, family: Family, level: int) -> int:
        """Return the family's title at this level, or the nearest below (above where there is none below)."""
        titles = level_titles(family)
        nearest = max((have for have in titles if have <= level), default=min(titles))
        return self.number(titles[nearest], family, nearest)


@dataclass(slots=True)
class _Builder:
    rng: Random
    places: list[Place]
    sites: tuple[Site, ...]
    made: Positions
    roles: _Roles
    headcount: dict[str, int]

    def add(self, place: int, manager: int, role: int, site: int) -> int:
        made = self.made
        made.place.append(place)
        made.manager.append(manager)
        made.role.append(role)
        made.site.append(site)
        made.is_manager.append(False)
        if manager >= 0:
            made.is_manager[manager] = True
        return len(made.place) - 1

    def some_site(self) -> int:
        """Return a site; the first ones are the larger ones."""
        return int(len(self.sites) * self.rng.random() ** 1.8)

    def some_family(self, place: Place) -> Family:
        if len(place.families) == 1:
            return FAMILIES[place.families[0][0]]
        drawn = self.rng.random() * sum(weight for _, weight in place.families)
        for code, weight in place.families:
            drawn -= weight
            if drawn <= 0:
                return FAMILIES[code]
        return FAMILIES[place.families[-1][0]]

    def expert_role(self, family: Family) -> int:
        """Return the role of somebody without reports: more in the middle than at either end."""
        drawn = self.rng.random()
        has_many = self.headcount.get(family.name, 0) >= JUNIORS_FROM
        if drawn < 0.24 and has_many:
            return self.roles.of_level(family, 1)
        if drawn < 0.68:
            return self.roles.of_level(family, 2)
        if drawn < 0.95 or not (family.specialist and has_many):
            return self.roles.of_level(family, 3)
        return self.roles.number(family.specialist, family, TEAM_LEAD_LEVEL)

    def lead(self, index: int, people: int) -> tuple[int, int]:
        """Add the lead of a department with `people` in and below it; return position and level."""
        place = self.places[index]
        family = FAMILIES[place.unit.family]
        if place.unit.chief and not place.site:
            level = CHIEF_LEVEL if place.parent else TOP_LEVEL
            role = self.roles.number(place.unit.chief, FAMILIES["exec"], level)
        else:
            level = CHIEF_LEVEL if people > LARGE_DEPARTMENT else MANAGER_LEVEL
            role = self.roles.of_level(family, level)
        manager = self.made.leads[self.places.index(place.parent)] if place.parent else -1
        site = self.sites.index(place.site) if place.site else 0 if place.depth < 2 else self.some_site()
        return self.add(index, manager, role, site), level

    def team(self, index: int, lead: int, lead_level: int) -> None:
        """Add everybody below the lead of a department: teams of teams, each small enough to be managed."""
        place = self.places[index]
        fixed_site = self.sites.index(place.site) if place.site else None
        waiting: list[tuple[int, int, int, Family | None, int | None]] = [
            (lead, place.headcount - 1, len(place.children), None, fixed_site)
        ]
        while waiting:
            manager, people, departments, family, site = waiting.pop()
            groups, direct = shape(people, departments)
            for _ in range(direct):
                theirs = family or self.some_family(place)
                home = self.some_site() if site is None or (fixed_site is None and self.rng.random() < 0.1) else site
                self.add(index, manager, self.expert_role(theirs), home)
            for group in range(groups):
                size = (people - direct) // groups + (group < (people - direct) % groups)
                theirs = family or self.some_family(place)
                home = self.some_site() if site is None else site
                level = MANAGER_LEVEL if size > LARGE_GROUP and lead_level > MANAGER_LEVEL else TEAM_LEAD_LEVEL
                head = self.add(index, manager, self.roles.of_level(theirs, level), home)
                self.made.managers[index].append(head)
                waiting.append((head, size - 1, 0, theirs, home))


def shape(people: int, departments: int) -> tuple[int, int]:
    """Return how many groups with a head of their own, and how many people directly, one manager has.

    `people` work below the manager in the same department, whose lead also has the leads of `departments` below it.
    """
    room = WIDEST_SPAN - departments
    if people <= max(4, room):
        return 0, people
    groups = min(max(round(people / TEAM), 1 if departments else 2), max(1, min(room, TEAM - 1)))
    return groups, max(0, 4 - groups - departments)


def positions(places: list[Place], sites: tuple[Site, ...], rng: Random) -> Positions:
    """Return today's positions in these departments (parents first)."""
    headcount: dict[str, int] = {}
    for place in places:
        whole = sum(weight for _, weight in place.families)
        for code, weight in place.families:
            name = FAMILIES[code].name
            headcount[name] = headcount.get(name, 0) + round(place.headcount * weight / whole)
    roles = _Roles()
    made = Positions([], [], [], [], [], [[] for _ in places], [], roles.roles)
    builder = _Builder(rng, places, sites, made, roles, headcount)
    for index, place in enumerate(places):
        lead, level = builder.lead(index, total(place))
        made.leads.append(lead)
        made.managers[index].append(lead)
        builder.team(index, lead, level)
    return made
