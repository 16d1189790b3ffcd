"""One person's job history: the steps they took, under whom, with times of leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import NamedTuple

from app.actions.demo.catalogue import CHIEF_LEVEL, FAMILIES, INTERN, TOP_LEVEL
from app.actions.demo.organisation import Place
from app.actions.demo.records import DemoAssignment, DemoRole, number_of
from app.actions.demo.timeline import Timeline
from app.people.employee import Status

SPLIT_DAYS = 1000
CHANGE_OF_TRADE = 0.25


class Step(NamedTuple):
    """A job held from one day on: in a department, with a title, below a manager's position (-1: below nobody)."""

    start: int
    place: int
    role: int
    seat: int


@dataclass(slots=True)
class Roster:
    """Everybody's time line, and what of titles is in use where: `rungs` by family from below, others by department."""

    line: Timeline
    roles: list[DemoRole]
    places: list[Place]
    rungs: dict[str, list[tuple[int, int]]]
    experts: list[list[int]]  # titles of those who manage nobody, by department
    homes: dict[int, list[int]]  # departments where a title is found, by title


def roster(line: Timeline, roles: list[DemoRole], places: list[Place]) -> Roster:
    """Return the roster for these people."""
    rungs: dict[str, list[tuple[int, int]]] = {}
    specialists = {family.specialist for family in FAMILIES.values()}
    for number, role in enumerate(roles):
        # Specialists lead nobody, so nobody comes from there to a team of their own.
        if role.title not in specialists:
            rungs.setdefault(role.family, []).append((role.level, number))
    for found in rungs.values():
        found.sort()
    experts: list[set[int]] = [set() for _ in places]
    for index, place in enumerate(line.place):
        if not line.is_manager[index] and roles[line.role[index]].title != INTERN:
            experts[place].add(line.role[index])
    homes: dict[int, list[int]] = {}
    for place, titles in enumerate(experts):
        for title in sorted(titles):
            homes.setdefault(title, []).append(place)
    return Roster(line, roles, places, rungs, [sorted(titles) for titles in experts], homes)


def steps(index: int, company: Roster, rng: Random) -> list[Step]:
    """Return the steps of a person in the order they were taken; the last is the position held now or at the end."""
    line = company.line
    hired, settled = line.hired[index], line.settled[index]
    last = Step(settled, line.place[index], line.role[index], line.manager[index])
    if settled == hired:
        return [last]
    before = _before(index, last, company, rng)
    if before is None:
        return [last._replace(start=hired)]
    if settled - hired > SPLIT_DAYS and rng.random() < 0.5:
        lower = _lower(before, company)
        if lower is not None:
            changed = date.fromordinal(hired + (settled - hired) // 4 + int(rng.random() * (settled - hired) / 2))
            start = changed.replace(day=1).toordinal()
            return [before._replace(start=hired, role=lower), before._replace(start=start), last]
    return [before._replace(start=hired), last]


def _before(index: int, step: Step, company: Roster, rng: Random) -> Step | None:
    """Return the job somebody had before this one: a lower title beside the same manager, or one elsewhere.

    Elsewhere means the same title in another department; of those who can't have come from below, a few changed trade.
    """
    lower = _lower(step, company)
    if lower is not None and rng.random() < 0.65:
        return step._replace(role=lower)
    homes = company.homes.get(step.role, ())
    if len(homes) > 1:
        other = homes[int(rng.random() * len(homes))]
        role = step.role
    elif lower is not None:
        return step._replace(role=lower)
    elif rng.random() < CHANGE_OF_TRADE:
        other = int(rng.random() * len(company.places))
        role = company.experts[other][0] if company.experts[other] else step.role
    else:
        return None
    managers = company.line.managers[other]
    if company.line.is_manager[index]:
        managers = [seat for seat in managers if company.line.depth[seat] < company.line.depth[index]]
    if other == step.place or not managers or company.roles[role].level > company.roles[step.role].level:
        return step._replace(role=lower) if lower is not None else None
    return Step(step.start, other, role, managers[int(rng.random() * len(managers))])


def _lower(step: Step, company: Roster) -> int | None:
    """Return the title one comes from; division leads rose in their division's own trade."""
    role = company.roles[step.role]
    if role.level == TOP_LEVEL:
        return None
    is_chief = role.level == CHIEF_LEVEL and role.family == FAMILIES["exec"].name
    family = FAMILIES[company.places[step.place].unit.family].name if is_chief else role.family
    below = [number for level, number in company.rungs.get(family, ()) if level < role.level]
    return below[-1] if below else None


def assignments(index: int, taken: list[Step], company: Roster, rng: Random) -> tuple[DemoAssignment, ...]:
    """Return the job history as rows without gaps; open at the end unless the person left."""
    line = company.line
    left = line.left[index]
    end = left + 1 if left else line.today + 1
    leave = _leave(index, taken[-1].start, end, line, rng)
    pieces: list[tuple[int, Status, Step, int]] = []
    for position, step in enumerate(taken):
        until = taken[position + 1].start if position + 1 < len(taken) else end
        for start, stop, manager in _under(step, until, line):
            for since, status in _with_leave(start, stop, leave):
                before = pieces[-1] if pieces else None
                if before and before[1] == status and before[3] == manager and before[2][1:3] == step[1:3]:
                    continue
                pieces.append((since, status, step, manager))
    rows = []
    for position, (since, status, step, manager) in enumerate(pieces):
        following = pieces[position + 1][0] if position + 1 < len(pieces) else left and end
        rows.append(
            DemoAssignment(
                valid_from=date.fromordinal(since),
                valid_to=date.fromordinal(following) if following else None,
                status=status,
                department_code=company.places[step.place].code,
                role_title=company.roles[step.role].title,
                manager_number=number_of(manager) if manager >= 0 else None,
            )
        )
    return tuple(rows)


def _under(step: Step, until: int, line: Timeline) -> Iterator[tuple[int, int, int]]:
    if step.seat < 0:
        yield step.start, until, -1
    else:
        yield from line.managers_between(step.seat, step.start, until)


def _leave(index: int, settled: int, end: int, line: Timeline, rng: Random) -> tuple[int, int]:
    """Return from when until before when somebody was or is on leave; twice the same day for never."""
    if line.is_on_leave[index]:
        return line.today - 5 - int(rng.random() * 240), end
    if line.is_manager[index] or end - settled < 900 or rng.random() > 0.08:
        return end, end
    start = settled + 200 + int(rng.random() * (end - settled - 700))
    return start, start + 60 + int(rng.random() * 300)


def _with_leave(start: int, stop: int, leave: tuple[int, int]) -> Iterator[tuple[int, Status]]:
    """Yield the days on which a status begins within a stretch of time."""
    away, back = max(leave[0], start), min(leave[1], stop)
    if away >= back:
        yield start, Status.ACTIVE
        return
    if away > start:
        yield start, Status.ACTIVE
    yield away, Status.ON_LEAVE
    if back < stop:
        yield back, Status.ACTIVE
