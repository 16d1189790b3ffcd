"""Background jobs, for those who may see the system; one's own are for everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts.models import User
from app.core.jobs.job import UNFINISHED, Job, State
from app.core.problems import NotFound
from app.extensions import db
from app.people.employee import Employee
from app.reading.paging import Order, Page, Place, listed

# Without arguments and steps, which hold people's data and are long.
COLUMNS = (
    Job.id,
    Job.action,
    Job.state,
    Job.source,
    Job.reason,
    Job.actor_id,
    Job.is_cancel_asked,
    Job.attempts,
    Job.done,
    Job.total,
    Job.error,
    Job.change_set_id,
    Job.not_before,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
)
ORDER = Order(Job.created_at, Job.id, is_descending=True)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job; `who` is None where nobody but the operator or the system itself wanted it."""

    id: int
    action: str
    state: State
    source: str
    reason: str | None
    actor_id: int | None
    is_cancel_asked: bool
    attempts: int
    done: int
    total: int | None
    error: str | None
    change_set_id: int | None
    not_before: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    who: str | None
    may_control: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen by itself any more."""
        return self.state not in UNFINISHED


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of jobs is asked for."""

    state: State | None = None
    place: Place = field(default_factory=Place)
    size: int = 50


def jobs(actor: Actor, wanted: Wanted) -> Page[JobRow]:
    """Return one page of jobs, the latest first."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    conditions: list[ColumnElement[bool]] = [] if wanted.state is None else [Job.state == wanted.state]
    ids = select(Job.id, Job.created_at).where(*conditions)

    def read(chosen: Subquery, is_backwards: bool) -> list[JobRow]:
        query = _jobs().join(chosen, chosen.c.id == Job.id)
        return [_row(actor, row) for row in db.session.execute(query.order_by(*ORDER.clauses(is_backwards)))]

    return listed(ids, ORDER, wanted.place, wanted.size, read, lambda row: (row.created_at, row.id))


def counts(actor: Actor) -> dict[State, int]:
    """Return how many jobs there are in each state."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    found = {state: count for state, count in db.session.execute(select(Job.state, func.count()).group_by(Job.state))}
    return {state: found.get(state, 0) for state in State}


def job(actor: Actor, job_id: int) -> JobRow:
    """Return one job; raise `NotFound` for one that is neither the actor's nor for their eyes."""
    row = db.session.execute(_jobs().where(Job.id == job_id)).first()
    found = _row(actor, row) if row else None
    if found is None or not (actor.can(Action.VIEW, Subject.SYSTEM) or _is_own(actor, found.actor_id)):
        raise NotFound()
    return found


def _jobs() -> Select[*tuple[Any, ...]]:
    return (
        select(*COLUMNS, User.email, Employee.first_name, Employee.last_name)
        .outerjoin(User, User.id == Job.actor_id)
        .outerjoin(Employee, Employee.id == User.employee_id)
    )


def _row(actor: Actor, row: Any) -> JobRow:
    facts = dict(row._mapping)
    email, first, last = (facts.pop(name) for name in ("email", "first_name", "last_name"))
    who = f"{first} {last}".strip() if first is not None else email
    may_control = actor.can(Action.ADMINISTER, Subject.SYSTEM) or _is_own(actor, row.actor_id)
    return JobRow(**facts, who=who, may_control=may_control)


def _is_own(actor: Actor, owner_id: int | None) -> bool:
    return owner_id is not None and owner_id == actor.user_id
