"""The numbers of the HR home, over the people whose employment the reader may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Subject
from app.access.visible import shared_by, visible
from app.core import querycache
from app.core.clock import today
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role

LARGEST = 10
MONTHS = 12
TENURES = ((0, 1), (1, 2), (2, 5), (5, 10), (10, 20), (20, None))
"""Years of service: from, and below (None: without end)."""
SPANS = ((1, 3), (4, 7), (8, 12), (13, 20), (21, None))
"""People who report to one manager: from, to (inclusive; None: without end)."""
Report = aliased(Employee)


@dataclass(frozen=True, slots=True)
class Count:
    """How many people there are under one heading; `key` is what a list filters by (None: without)."""

    key: Any
    label: str
    people: int


@dataclass(frozen=True, slots=True)
class Month:
    """Who came and who went in a month; `last` is its last day."""

    first: date
    last: date
    joined: int
    left: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All the numbers of the HR home."""

    by_status: dict[Status, int]
    by_department: list[Count]
    by_role: list[Count]
    months: list[Month]
    tenure: list[tuple[int, int | None, int]]
    span: list[tuple[int, int | None, int]]

    @property
    def headcount(self) -> int:
        """The people who work here today, on leave or not."""
        return sum(count for status, count in self.by_status.items() if status is not Status.LEFT)


def overview(actor: Actor) -> Overview:
    """Return the numbers; as many statements for ten people as for a million."""
    seen, scope = visible(actor, Subject.EMPLOYMENT), shared_by(actor)
    here = and_(seen, Employee.status != Status.LEFT)
    departments = _largest(here, Employee.department_id, Department.id, Department.name)
    roles = _largest(here, Employee.role_id, Role.id, Role.title)
    return Overview(
        by_status=_by_status(seen, scope),
        by_department=[Count(*row) for row in querycache.rows("home.by_department", departments, scope)],
        by_role=[Count(*row) for row in querycache.rows("home.by_role", roles, scope)],
        months=_months(seen, scope),
        tenure=_tenure(here, scope),
        span=_span(here, scope),
    )


def _by_status(seen: ColumnElement[bool], scope: str) -> dict[Status, int]:
    query = select(Employee.status, func.count()).where(seen).group_by(Employee.status).order_by(Employee.status)
    counted: dict[Status, int] = dict(querycache.rows("home.by_status", query, scope))
    return {status: counted.get(status, 0) for status in Status}


def _largest(here: ColumnElement[bool], column: Any, key: Any, label: Any) -> Select[Any, str | None, int]:
    counted = (
        select(column.label("key"), func.count().label("people"))
        .where(here)
        .group_by(column)
        .order_by(func.count().desc(), column)
        .limit(LARGEST)
        .subquery()
    )
    query = select(counted.c.key, label, counted.c.people).outerjoin(key.class_, key == counted.c.key)
    return query.order_by(counted.c.people.desc(), counted.c.key)


def month_starts(until: date, months: int = MONTHS) -> list[date]:
    """Return the first days of the last `months` months, the one of `until` included, oldest first."""
    number = until.year * 12 + until.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(number - months + 1, number + 1)]


def _months(seen: ColumnElement[bool], scope: str) -> list[Month]:
    starts = month_starts(today())
    joined = _by_month(querycache.rows("home.joined", _by_day(seen, Employee.hired_on, starts[0]), scope))
    left = _by_month(querycache.rows("home.left", _by_day(seen, Employee.left_on, starts[0]), scope))
    ends = [*starts[1:], _next_month(starts[-1])]
    return [
        Month(start, date.fromordinal(end.toordinal() - 1), joined[start], left[start])
        for start, end in zip(starts, ends, strict=True)
    ]


def _by_day(seen: ColumnElement[bool], column: Any, since: date) -> Select[date, int]:
    query = select(column, func.count()).where(seen, column >= since, column <= today())
    return query.group_by(column).order_by(column)


def _by_month(by_day: Iterable[tuple[date, int]]) -> Counter[date]:
    """Add up what was counted by day: months are written differently on each engine."""
    counted: Counter[date] = Counter()
    for day, people in by_day:
        counted[day.replace(day=1)] += people
    return counted


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def years_ago(years: int, day: date) -> date:
    """Return the same day so many years before; 1 March for 29 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def _tenure(here: ColumnElement[bool], scope: str) -> list[tuple[int, int | None, int]]:
    day = today()
    conditions = [_hired_between(low, high, day) for low, high in TENURES]
    query = select(*(func.count(case((condition, 1))) for condition in conditions)).where(here)
    counts = querycache.rows("home.tenure", query, scope)[0]
    return [(low, high, count) for (low, high), count in zip(TENURES, counts, strict=True)]


def _hired_between(low: int, high: int | None, day: date) -> ColumnElement[bool]:
    latest = Employee.hired_on <= years_ago(low, day) if low else Employee.hired_on <= day
    return latest if high is None else and_(latest, Employee.hired_on > years_ago(high, day))


def _span(here: ColumnElement[bool], scope: str) -> list[tuple[int, int | None, int]]:
    """Count managers by all who report to them today: also by reports whose employment the reader may not see."""
    reports = (
        select(Report.manager_id, func.count().label("reports"))
        .where(Report.manager_id.is_not(None), Report.status != Status.LEFT)
        .group_by(Report.manager_id)
        .subquery()
    )
    counted = [func.count(case((_within(reports.c.reports, low, high), 1))) for low, high in SPANS]
    query = select(*counted).select_from(Employee).join(reports, reports.c.manager_id == Employee.id).where(here)
    counts = querycache.rows("home.span", query, scope)[0]
    return [(low, high, count) for (low, high), count in zip(SPANS, counts, strict=True)]


def _within(column: Any, low: int, high: int | None) -> ColumnElement[bool]:
    lowest: ColumnElement[bool] = column >= low
    return lowest if high is None else and_(lowest, column <= high)
