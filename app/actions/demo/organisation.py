"""How many departments an organisation of a given size has, which, and how many people work in each."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from app.actions.demo.catalogue import UNITS, Unit
from app.actions.demo.sites import Site

SMALLEST = 4
MOST_SITES = 8
# A job family with fewer people than this isn't worth having until it has a department of its own.
SMALLEST_FAMILY = 3.5


@dataclass(slots=True)
class Place:
    """A department with today's headcount (its own people, not those below it) and the job families found there."""

    code: str
    name: str
    parent: Place | None
    depth: int
    unit: Unit
    headcount: int
    families: list[tuple[str, float]]
    site: Site | None = None
    children: list[Place] = field(default_factory=list)


def total(place: Place) -> int:
    """Return the headcount of a department with all departments below it."""
    return place.headcount + sum(total(child) for child in place.children)


def department_count(employees: int) -> int:
    """Return how many departments there are: 12 at 300 people, some 200 at 100,000."""
    growth: float = (employees / 300) ** 0.485
    return max(1, round(12 * growth))


def departments(employees: int, active: int, sites: tuple[Site, ...]) -> list[Place]:
    """Return the departments, parents first, of an organisation where `active` of all `employees` still work."""
    wanted = department_count(employees)
    places = _founded(_units(wanted, active), active)
    _split_by_site(places, wanted, sites)
    return places


def _units(wanted: int, active: int) -> list[Unit]:
    """Return the units that are founded: no more than wanted, none too small to have a lead and a team."""
    total = sum(unit.weight for unit in UNITS)
    units: list[Unit] = []
    codes: set[str] = set()
    for unit in UNITS:
        if len(units) == wanted:
            break
        is_root = not unit.parent
        if is_root or (unit.parent in codes and active * _full_weight(unit) / total >= SMALLEST):
            units.append(unit)
            codes.add(unit.code)
    return units


def _full_weight(unit: Unit) -> float:
    return unit.weight + sum(_full_weight(child) for child in UNITS if child.parent == unit.code)


def _founded(units: list[Unit], active: int) -> list[Place]:
    """Share the headcount among the units; what isn't founded belongs to the next one above that is."""
    places: dict[str, Place] = {}
    for unit in units:
        parent = places.get(unit.parent)
        place = Place(unit.code, unit.name, parent, parent.depth + 1 if parent else 0, unit, 0, [])
        if parent:
            parent.children.append(place)
        places[unit.code] = place
    by_code = {unit.code: unit for unit in UNITS}
    each = active / sum(unit.weight for unit in UNITS)
    for unit in UNITS:
        home = unit
        while home.code not in places:
            home = by_code[home.parent]
        is_worth_it = home is unit or unit.weight * each >= SMALLEST_FAMILY
        places[home.code].families.append((unit.family if is_worth_it else home.family, unit.weight))
    founded = list(places.values())
    _share(founded, active)
    return founded


def _share(places: list[Place], active: int) -> None:
    """Give each place whole people, at least enough for a lead and a team; the largest pay for what rounding adds."""
    weights = [sum(weight for _, weight in place.families) for place in places]
    least = min(SMALLEST, max(1, active // len(places)))
    for place, weight in zip(places, weights, strict=True):
        place.headcount = max(least, int(active * weight / sum(weights)))
    over = sum(place.headcount for place in places) - active
    by_size = sorted(places, key=lambda place: -place.headcount)
    while over:
        for place in by_size:
            if not over:
                break
            if over < 0:
                place.headcount, over = place.headcount + 1, over + 1
            elif place.headcount > least:
                place.headcount, over = place.headcount - 1, over - 1


def _split_by_site(places: list[Place], wanted: int, sites: tuple[Site, ...]) -> None:
    """Give the largest departments parts at several sites until there are as many as wanted."""
    heap = [(-place.headcount, order, place) for order, place in enumerate(places) if place.depth]
    heapq.heapify(heap)
    while heap and len(places) < wanted:
        size, order, place = heapq.heappop(heap)
        parts = sum(1 for child in place.children if child.site)
        if parts == min(MOST_SITES, len(sites)) or len(place.children) > MOST_SITES or -size < 4 * SMALLEST:
            continue
        site = sites[(order * 3 + parts) % len(sites)]
        people = max(SMALLEST, -size // max(2, 6 - parts))
        part = Place(
            code=f"{place.code}-{site.code}",
            name=f"{place.name} – {site.city}",
            parent=place,
            depth=place.depth + 1,
            unit=place.unit,
            headcount=people,
            families=place.families,
            site=site,
        )
        place.children.append(part)
        place.headcount -= people
        places.append(part)
        heapq.heappush(heap, (-place.headcount, order, place))
