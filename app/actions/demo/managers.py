"""Who manages a demo person in this database, where the planned manager may be somebody else or gone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select

from app.actions.demo.plan import DemoPlan
from app.actions.demo.records import DemoAssignment, number_of
from app.core import text
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status

PRESENT = (
    Employee.id,
    Employee.number_key,
    Employee.first_name,
    Employee.last_name,
    Employee.status,
    Employee.hired_on,
    Employee.department_id,
    Employee.role_id,
)
Ids = dict[str, int]


class Places(NamedTuple):
    """Ids in this database: of departments by planned code, of roles by planned title."""

    departments: Ids
    roles: Ids


class Post(NamedTuple):
    """What matters of a department when somebody in it needs a manager: its lead who works here, and its parent."""

    lead: int | None
    lead_since: date | None
    parent: int | None


class Managers:
    """Finds managers' ids for people about to be added.

    An organisation that grew out of a smaller demo holds, under the planned manager's number, somebody else. Then the
    lead of the person's department manages, or of the next one above that has a lead. Those were all here before, so
    no circle can close.
    """

    def __init__(self, made: DemoPlan, places: Places, numbers: Iterable[str]) -> None:
        first = number_of(0)
        keys = {text.key(number): number for number in {*numbers, first}}
        rows = db.session.execute(select(*PRESENT).where(Employee.number_key.in_(keys)))
        self._made, self._places = made, places
        self._present: dict[str, Any] = {keys[row.number_key]: row for row in rows}
        self._posts: dict[int, Post] | None = None
        self._first = self._present.get(first)

    def of(self, row: DemoAssignment, department_id: int) -> int | None:
        """Return the id of the manager in a stretch of job history."""
        if row.manager_number is None:
            return None
        planned = self._present.get(row.manager_number)
        if planned and is_as_planned(planned, row.manager_number, self._made, self._places):
            works_then = row.valid_to is not None or planned.status is not Status.LEFT
            if works_then and planned.hired_on <= row.valid_from:
                return int(planned.id)
        return self._stand_in(department_id, row.valid_from)

    def _stand_in(self, department_id: int, day: date) -> int | None:
        if self._posts is None:
            self._posts = _posts()
        seen: set[int] = set()
        at: int | None = department_id
        while at is not None and at not in seen:
            seen.add(at)
            post = self._posts[at]
            if post.lead and post.lead_since and post.lead_since <= day:
                return post.lead
            at = post.parent
        first = self._first
        return int(first.id) if first and first.status is not Status.LEFT and first.hired_on <= day else None


def is_as_planned(row: Any, number: str, made: DemoPlan, places: Places) -> bool:
    """Say whether the person with this number is who the plan says, doing what it says.

    Names alone don't tell: the same seed gives some people of a smaller and a larger plan the same name.
    """
    first_name, last_name, code, title = made.identity(number)
    wanted = (first_name, last_name, places.departments.get(code), places.roles.get(title))
    return wanted == (row.first_name, row.last_name, row.department_id, row.role_id)


def _posts() -> dict[int, Post]:
    query = select(Department.id, Department.parent_id, Employee.id, Employee.hired_on).outerjoin(
        Employee, (Employee.id == Department.lead_id) & (Employee.status != Status.LEFT)
    )
    return {at: Post(lead, since, parent) for at, parent, lead, since in db.session.execute(query)}
