"""When everybody joined, took up the position they hold, and left: the skeleton that the people's histories hang on."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from app.actions.demo.catalogue import CHIEF_LEVEL, INTERN, TEAM_LEAD_LEVEL, TOP_LEVEL
from app.actions.demo.positions import Positions
from app.actions.demo.records import DemoRole
from app.people.employee import EmploymentType

YEARS = 15
DAYS = round(YEARS * 365.25)
LEAVER_SHARE = 0.17
# Growth speeds up: an exponent below 1 puts more than half of all hires into the later half of the years.
GROWTH = 0.72
# How early people of a level tend to join compared with everybody: the higher, the earlier.
EARLINESS = {1: 0.8, 2: 1.0, 3: 1.15, 4: 1.5, 5: 1.9, CHIEF_LEVEL: 2.6}
CAREER_DAYS = 500


@dataclass(slots=True)
class Timeline:
    """Everybody in the order of hiring, each list one property; days are ordinals, 0 where there is none.

    A manager manages from `settled` on, the day they took up the position they hold. Before that the reports belong to
    the manager's predecessor, where there was one, and otherwise to the next manager above who was there already. So
    every manager of every day is somebody employed then, and the lines of a day never make a circle. `depth` counts the
    positions above one's own (a predecessor's is that of the position), so a manager's is less than any report's.
    """

    today: int
    place: array[int]
    role: array[int]
    manager: array[int]
    depth: array[int]
    site: array[int]
    is_manager: bytearray
    is_on_leave: bytearray
    hired: array[int]
    settled: array[int]
    left: array[int]
    terms: list[EmploymentType]
    predecessor: dict[int, int]
    leads: list[int]
    managers: list[list[int]]

    def managers_between(self, seat: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (from, to, person): who manages for position `seat` on the days from start to before end."""
        while start < end:
            until, holder = end, seat
            while self.settled[holder] > start:
                before = self.predecessor.get(holder)
                if before is None:
                    until = min(until, self.settled[holder])
                elif self.hired[before] <= start:
                    until, holder = min(until, self.settled[holder]), before
                    break
                else:
                    until = min(until, self.hired[before])
                holder = self.manager[holder]
            yield start, until, holder
            start = until


def leaver_count(employees: int) -> int:
    """Return how many of that many people ever hired have left; nobody of a mere handful."""
    return round(employees * LEAVER_SHARE) if employees > TOP_LEVEL else 0


def timeline(made: Positions, employees: int, today: date, rng: Random) -> Timeline:
    """Return who joined when, for the people in these positions and for leavers who once worked beside them."""
    active = len(made.place)
    origin, seats = _former(made, employees - active, rng)
    levels = [role.level for role in made.roles]
    earliness = [EARLINESS.get(levels[made.role[position]], 1.0) for position in origin]
    keys = [rng.random() ** power for power in earliness]
    keys[0] = -1.0
    order = sorted(range(employees), key=keys.__getitem__)
    rank = array("l", bytes(array("l").itemsize * employees))
    for index, node in enumerate(order):
        rank[node] = index
    depths = _depths(made.manager)
    managed = [made.manager[origin[node]] for node in order]
    line = Timeline(
        today=today.toordinal(),
        place=array("l", (made.place[origin[node]] for node in order)),
        role=array("l", (made.role[origin[node]] for node in order)),
        manager=array("l", (rank[manager] if manager >= 0 else -1 for manager in managed)),
        depth=array("l", (depths[origin[node]] for node in order)),
        site=array("l", (made.site[origin[node]] for node in order)),
        is_manager=bytearray(node < active and made.is_manager[node] for node in order),
        is_on_leave=bytearray(employees),
        hired=array("l", _hiring_days(employees, today.toordinal(), rng)),
        settled=array("l", bytes(array("l").itemsize * employees)),
        left=array("l", bytes(array("l").itemsize * employees)),
        terms=[EmploymentType.PERMANENT] * employees,
        predecessor={},
        leads=[rank[lead] for lead in made.leads],
        managers=[[rank[seat] for seat in managers] for managers in made.managers],
    )
    has_left = bytearray(node >= active for node in order)
    for index in range(employees):
        if has_left[index]:
            _employ_leaver(line, index, levels, rng)
        else:
            _employ(line, index, levels, rng)
    for node, seat in seats.items():
        _succeed(line, rank[node], rank[seat])
    _name_interns(line, made.roles)
    return line


def _depths(manager: list[int]) -> list[int]:
    """Return how many positions stand above each; managers come before their reports."""
    depths: list[int] = []
    for above in manager:
        depths.append(depths[above] + 1 if above >= 0 else 0)
    return depths


def _former(made: Positions, leavers: int, rng: Random) -> tuple[list[int], dict[int, int]]:
    """Return whose position each person has or had, and for former managers (by person) the position they had."""
    active = len(made.place)
    origin = list(range(active))
    seats: dict[int, int] = {}
    if not leavers:
        return origin, seats
    experts = [position for position in origin if not made.is_manager[position]]
    levels = (TEAM_LEAD_LEVEL, TEAM_LEAD_LEVEL + 1)
    handed_on = [at for at in origin if made.is_manager[at] and made.roles[made.role[at]].level in levels]
    for seat in rng.sample(handed_on, min(len(handed_on) // 4, leavers // 8)):
        seats[len(origin)] = seat
        origin.append(seat)
    while len(origin) < active + leavers:
        origin.append(experts[int(rng.random() * len(experts))])
    return origin, seats


def _hiring_days(employees: int, today: int, rng: Random) -> list[int]:
    """Return days in order: more of them from year to year, mostly on the first of a month, never on a weekend."""
    start, last = today - DAYS, today - 3
    days = [_working_day(start, last)]
    for _ in range(employees - 1):
        day = start + int((last - start) * rng.random() ** GROWTH)
        if rng.random() < 0.5:
            day -= date.fromordinal(day).day - 1
        days.append(max(_working_day(day, last), days[0]))
    days.sort()
    return days


def _working_day(day: int, last: int) -> int:
    """Return the day or the next Monday after a weekend, at the latest the Friday before `last`."""
    weekday = (day - 1) % 7
    if weekday > 4:
        day += 7 - weekday
    while day > last or (day - 1) % 7 > 4:
        day -= 1
    return day


def _first_of_month(day: int) -> int:
    return day - date.fromordinal(day).day + 1


def _employ(line: Timeline, index: int, levels: list[int], rng: Random) -> None:
    """Settle somebody who works here today: since when in this position, on what terms."""
    hired = line.settled[index] = line.hired[index]
    days, level = line.today - hired, levels[line.role[index]]
    if not line.is_manager[index]:
        drawn = rng.random()
        if level == 1 and days < 330 and drawn < 0.4:
            line.terms[index] = EmploymentType.INTERN
            return
        if days < 700 and drawn < 0.18:
            line.terms[index] = EmploymentType.CONTRACTOR if drawn < 0.05 else EmploymentType.FIXED_TERM
            return
        if days > 400 and drawn < 0.05:
            line.is_on_leave[index] = True
            return
    if index and days > CAREER_DAYS and rng.random() < (0.6 if level >= TEAM_LEAD_LEVEL else 0.42):
        line.settled[index] = _first_of_month(hired + 250 + int(rng.random() * (days - 300)))


def _employ_leaver(line: Timeline, index: int, levels: list[int], rng: Random) -> None:
    """Settle somebody who left: after two and a half years on average, before today."""
    hired = line.settled[index] = line.hired[index]
    room = line.today - 1 - hired
    stay = 25 + int(rng.expovariate(1 / 900))
    if stay > room:
        stay = 1 + int(rng.random() * (room - 1))
    line.left[index] = hired + stay
    drawn = rng.random()
    if stay < 400 and levels[line.role[index]] == 1 and drawn < 0.3:
        line.terms[index] = EmploymentType.INTERN
    elif stay < 750 and drawn < 0.12:
        line.terms[index] = EmploymentType.CONTRACTOR if drawn < 0.03 else EmploymentType.FIXED_TERM
    elif stay > CAREER_DAYS + 250 and drawn > 0.7:
        line.settled[index] = _first_of_month(hired + 250 + int(rng.random() * (stay - 300)))


def _succeed(line: Timeline, former: int, seat: int) -> None:
    """Let a manager hand over to whoever holds the position now, if they were here long enough before that."""
    handover = line.settled[seat]
    line.settled[former] = line.hired[former]
    line.terms[former] = EmploymentType.PERMANENT
    if line.hired[former] + 200 < handover:
        line.left[former] = handover - 1
        line.predecessor[seat] = former


def _name_interns(line: Timeline, roles: list[DemoRole]) -> None:
    """Give interns their title, whatever team they are in."""
    if EmploymentType.INTERN not in line.terms:
        return
    roles.append(DemoRole(INTERN, "Early Careers", 1, "An Intern learns the trade beside experienced colleagues."))
    for index, terms in enumerate(line.terms):
        if terms is EmploymentType.INTERN:
            line.role[index] = len(roles) - 1
