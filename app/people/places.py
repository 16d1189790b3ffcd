"""Departments and roles as places that people are in: who is inside, and the locks under which nobody slips in.

Whoever puts somebody into a place holds a shared lock on its row, whoever closes it the exclusive one.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from sqlalchemy import Select, or_, select, union
from sqlalchemy.orm.exc import StaleDataError

from app.core.clock import today
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment
from app.people.role import Role

Place = TypeVar("Place", bound=Department | Role)
Kind: TypeAlias = type[Department] | type[Role]
FIELDS: dict[Kind, str] = {Department: "department_id", Role: "role_id"}
"""The column of employees and assignments that says in which place they are."""

ENTERED = "entered"


def entered(kind: type[Place], place_id: int) -> Place | None:
    """Return a place that somebody is put into, locked so that nobody closes it meanwhile; None where it is gone."""
    session = db.session()
    of, held = session.info.get(ENTERED, (None, set()))
    if of is not session.get_transaction() or of is None:
        of, held = session.get_transaction(), set()
        session.info[ENTERED] = (of, held)
    if (kind, place_id) in held:  # an import puts a thousand people into the same few
        return db.session.get(kind, place_id)
    held.add((kind, place_id))
    return db.session.get(kind, place_id, with_for_update={"read": True})


def closing(kind: type[Place], place_id: int) -> Place | None:
    """Return a place that is to be closed, once those who were being put into it are there; others wait for us."""
    return db.session.get(kind, place_id, with_for_update=True)


def who_is_inside(kind: Kind, place_id: int, most: int | None = None) -> list[int]:
    """Return the ids of the people who are in a place today or will be, by plans that lie ahead; at most so many."""
    return list(db.session.scalars(ids_inside(kind, place_id).limit(most)))


def below(department_id: int) -> list[Department]:
    """Return the departments just below one."""
    return list(db.session.scalars(_below(department_id).order_by(Department.id)))


def refuse_unseen(kind: Kind, place_id: int) -> None:
    """Let the transaction run again when somebody came in whom it can't see; the place is locked by `closing`.

    The transaction reads the snapshot that it began with. Who came in between that and the lock is committed by now,
    so another connection sees them. To be called before anybody is moved.
    """
    queries: list[Select[int]] = [ids_inside(kind, place_id)]
    if kind is Department:
        queries.append(_below(place_id).with_only_columns(Department.id))
    seen = [set(db.session.scalars(query)) for query in queries]
    with db.engine.connect() as connection:
        if any(set(connection.scalars(query)) - known for query, known in zip(queries, seen, strict=True)):
            raise StaleDataError(f"somebody came into {kind.__tablename__} {place_id} meanwhile")


def ids_inside(kind: Kind, place_id: int) -> Select[int]:
    """Return a query of the ids of who is inside: by the rows of today, and by stretches that are not over."""
    here = select(Employee.id).where(getattr(Employee, FIELDS[kind]) == place_id, Employee.status != Status.LEFT)
    to_come = (
        select(Assignment.employee_id)
        .join(Employee, Employee.id == Assignment.employee_id)
        .where(
            getattr(Assignment, FIELDS[kind]) == place_id,
            Assignment.status != Status.LEFT,
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > today()),
            or_(Employee.status != Status.LEFT, Assignment.valid_from > Employee.left_on),  # who comes back
        )
    )
    ids = union(here, to_come).subquery().c[0]
    return select(ids).order_by(ids)


def _below(department_id: int) -> Select[Department]:
    return select(Department).where(Department.parent_id == department_id)
