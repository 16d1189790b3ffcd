"""What waits for a second administrator: all of it for those who may decide, for everybody what they asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import shared_by
from app.accounts.models import User
from app.changes.approvals import Approval, Verdict
from app.core import querycache
from app.core.clock import now
from app.core.jobs.job import Job
from app.core.problems import NotFound
from app.extensions import db
from app.people.employee import Employee
from app.reading.paging import Order, Page, Place, listed


class Which(StrEnum):
    """Which approvals a list is of."""

    WAITING = "waiting"
    MINE = "mine"
    """What the reader asked for, whatever became of it."""
    DECIDED = "decided"


# Without the digest, and without the arguments, which hold people's data and are long.
COLUMNS = (
    Approval.id,
    Approval.action,
    Approval.actor_id,
    Approval.source,
    Approval.reason,
    Approval.undoes_id,
    Approval.rules,
    Approval.records,
    Approval.verdict,
    Approval.asked_at,
    Approval.expires_at,
    Approval.decided_at,
    Approval.decided_by_id,
    Approval.answer,
    func.coalesce(Approval.change_set_id, Job.change_set_id).label("change_set_id"),
    Job.id.label("job_id"),
)
READ_UP_TO = 500
"""So many that wait are read to be counted; more are counted by the database."""
ORDER = Order(Approval.asked_at, Approval.id, is_descending=True)
Asker, Decider = aliased(User), aliased(User)
AskersRecord, DecidersRecord = aliased(Employee), aliased(Employee)


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """Something that was asked for; `who` and `decider` are None for accounts that are gone.

    `rules` are the words of what makes it wait. The verdict is that of this moment: what was waiting for too long has
    expired, whether or not that was noted yet. The change set may be that of the job.
    """

    id: int
    action: str
    actor_id: int
    source: str
    reason: str | None
    undoes_id: int | None
    rules: tuple[str, ...]
    records: int
    verdict: Verdict
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by_id: int | None
    answer: str | None
    change_set_id: int | None
    job_id: int | None
    who: str | None
    decider: str | None
    is_own: bool
    may_see: bool
    may_decide: bool

    @property
    def is_waiting(self) -> bool:
        """Whether it can still be decided."""
        return self.verdict is Verdict.WAITING


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait for the reader, and how many of their own wait for somebody else."""

    for_reader: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of approvals is asked for."""

    which: Which = Which.MINE
    place: Place = field(default_factory=Place)
    size: int = 50


def sees_all(actor: Actor) -> bool:
    """Say whether the approvals of everybody are for this actor: those who decide about access decide here, too."""
    return actor.can(Action.ADMINISTER, Subject.ACCOUNTS)


def approvals(actor: Actor, wanted: Wanted) -> Page[ApprovalRow]:
    """Return one page of approvals, the latest first; of others' only for those who may decide."""
    ids = select(Approval.id, Approval.asked_at).where(_which(actor, wanted.which), _seen(actor))

    def read(chosen: Subquery, is_backwards: bool) -> list[ApprovalRow]:
        query = _approvals().join(chosen, chosen.c.id == Approval.id)
        return [_row(actor, row) for row in db.session.execute(query.order_by(*ORDER.clauses(is_backwards)))]

    return listed(ids, ORDER, wanted.place, wanted.size, read, lambda row: (row.asked_at, row.id))


def approval(actor: Actor, approval_id: int) -> ApprovalRow:
    """Return one approval; raise `NotFound` for one that is neither the actor's nor for their eyes."""
    row = db.session.execute(_approvals().where(Approval.id == approval_id, _seen(actor))).first()
    if row is None:
        raise NotFound()
    return _row(actor, row)


def waiting(actor: Actor) -> Waiting:
    """Return how many wait for this actor's decision, and how many of their own for somebody else's."""
    # Those that wait are few, so they are read and the clock is looked at here: asked with the moment in it, the
    # question would be another each time, and its answer never found again.
    query = select(Approval.actor_id, Approval.expires_at).where(Approval.verdict == Verdict.WAITING, _seen(actor))
    last = query.order_by(Approval.expires_at.desc(), Approval.id.desc()).limit(READ_UP_TO)
    found = querycache.rows("approvals.waiting", last, shared_by(actor))
    moment = now()
    owners = [owner for owner, expires_at in found if expires_at > moment]
    if len(owners) == READ_UP_TO:
        return _waiting_counted(actor)
    own = owners.count(actor.user_id or 0)
    return Waiting(for_reader=len(owners) - own, own=own)


def _waiting_counted(actor: Actor) -> Waiting:
    own = func.coalesce(func.sum(case((Approval.actor_id == actor.user_id, 1), else_=0)), 0)
    count, of_them = db.session.execute(select(func.count(), own).where(_is_waiting(), _seen(actor))).one()
    return Waiting(for_reader=int(count) - int(of_them), own=int(of_them))


def person_asked_for(actor: Actor, approval_id: int) -> int | None:
    """Return whose record an open approval is about, where its action names one person."""
    query = select(Approval.arguments).where(Approval.id == approval_id, _seen(actor))
    found = (db.session.scalar(query) or {}).get("employee_id")
    return found if isinstance(found, int) else None


def of_set(actor: Actor, change_set_id: int) -> ApprovalRow | None:
    """Return the approval that a change set came from, at once or by a job; the reader has to be one of the set's."""
    jobs = select(Job.id).where(Job.change_set_id == change_set_id)
    is_from_it = or_(Approval.change_set_id == change_set_id, Approval.job_id.in_(jobs))
    row = db.session.execute(_approvals().where(is_from_it, Approval.verdict == Verdict.APPROVED)).first()
    return _row(actor, row) if row else None


def _seen(actor: Actor) -> ColumnElement[bool]:
    return Approval.id > 0 if sees_all(actor) else Approval.actor_id == (actor.user_id or 0)


def _which(actor: Actor, which: Which) -> ColumnElement[bool]:
    if which is Which.MINE:
        return Approval.actor_id == (actor.user_id or 0)
    return _is_waiting() if which is Which.WAITING else not_(_is_waiting())


def _is_waiting() -> ColumnElement[bool]:
    return and_(Approval.verdict == Verdict.WAITING, Approval.expires_at > now())


def _approvals() -> Select[*tuple[Any, ...]]:
    names = (Asker.email, AskersRecord.first_name, AskersRecord.last_name)
    deciders = (Decider.email, DecidersRecord.first_name, DecidersRecord.last_name)
    return (
        select(*COLUMNS, *names, *deciders)
        .outerjoin(Asker, Asker.id == Approval.actor_id)
        .outerjoin(AskersRecord, AskersRecord.id == Asker.employee_id)
        .outerjoin(Decider, Decider.id == Approval.decided_by_id)
        .outerjoin(DecidersRecord, DecidersRecord.id == Decider.employee_id)
        .outerjoin(Job, Job.id == Approval.job_id)  # which is removed long after it is over
    )


def _row(actor: Actor, row: Any) -> ApprovalRow:
    facts = dict(zip((column.key for column in COLUMNS), row, strict=False))
    who, decider = (_name(*row[start : start + 3]) for start in (len(COLUMNS), len(COLUMNS) + 3))
    if facts["verdict"] is Verdict.WAITING and facts["expires_at"] <= now():
        facts["verdict"] = Verdict.EXPIRED
    facts["rules"] = tuple(facts["rules"].split())
    is_own = facts["actor_id"] == actor.user_id
    return ApprovalRow(
        **facts,
        who=who,
        decider=decider,
        is_own=is_own,
        may_see=is_own or sees_all(actor),
        may_decide=sees_all(actor) and not is_own,
    )


def _name(email: str | None, first: str | None, last: str | None) -> str | None:
    return f"{first} {last}".strip() if first is not None else email
