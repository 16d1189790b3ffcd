"""Emptying the journal of a person: the values go; what was changed, when, by whom and its digest stay."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, insert, null, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.changes.approvals import Approval, Verdict
from app.changes.journal import ChangeRow, ChangeSet, Segment, Unsealed
from app.changes.seals import Seal, Unarchived, new_token
from app.changes.tracking import Change, Operation, tell
from app.core.chunks import chunks
from app.core.clock import now
from app.core.jobs.job import UNFINISHED, Job, State
from app.core.problems import Busy
from app.extensions import db

PEOPLE, ACCOUNTS, SETS = "employees", "users", "change_sets"
ERASING = "erase_person"
OF_PEOPLE = re.compile(r"(employee|person|manager|successor|lead)_ids?")
"""The names under which the arguments of actions hold ids of people."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What leads to a person in the journal and the queue: their id, their accounts, number, names and addresses.

    `account_ids` are those that are theirs, or were until they were deleted.
    """

    person_id: int
    account_ids: frozenset[int] = frozenset()
    number: str = ""
    names: frozenset[str] = frozenset()

    def are_in(self, text: str) -> bool:
        """Say whether a text is the number, or holds one of the names as it stands."""
        text = text.casefold()
        return text == self.number.casefold() or any(
            re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text) for name in self.names
        )


@dataclass(frozen=True, slots=True)
class Held:
    """How much the journal holds of a person that an erasure empties."""

    changes: int
    reasons: int
    addresses: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """The change set that erased a person, by which account; None is the operator."""

    change_set_id: int
    at: datetime
    actor_id: int | None


def held(traces: Traces) -> Held:
    """Count what `empty` would empty."""
    reasons = select(ChangeSet.id).where(ChangeSet.reason.is_not(None))
    return Held(
        changes=_count(select(ChangeRow.id).where(_of(traces), _is_filled())),
        reasons=len({*db.session.scalars(reasons.where(ChangeSet.id.in_(_touched(traces)))), *_naming(traces)}),
        addresses=_count(select(ChangeSet.id).where(*_done_by(traces))),
    )


def empty(traces: Traces) -> None:
    """Empty all that was ever written of a person: values and salts, reasons and arguments, and their addresses.

    With its salt gone nothing can be guessed from a digest, which stays for the segment's hash, as the seals' digests
    do for the chain. A reason that only names the person is told of, for nothing else says why it is empty. The archive
    is due for whatever is not as it was. Runs inside a write.
    """
    # Their ids first: MariaDB would look at the changes of every set there is.
    touched = set(db.session.scalars(_touched(traces).distinct()))
    naming = sorted(set(_naming(traces)) - touched)
    walked = list(db.session.scalars(select(ChangeSet.id).where(*_done_by(traces)).order_by(ChangeSet.id)))
    for some in chunks(sorted({*touched, *naming})):
        segments = _held_back(some)
        _do(update(ChangeSet).where(ChangeSet.id.in_(some), _is_told()).values(reason=null(), arguments=null()))
        _unsalt(segments, "told_salt")
    for some in chunks(walked):
        segments = _held_back(some)
        _do(update(ChangeSet).where(ChangeSet.id.in_(some)).values(address=null()))
        _unsalt(segments, "address_salt")
    for condition in _each(traces):
        _do(update(ChangeRow).where(condition, _is_filled()).values(before=null(), after=null(), salt=null()))
    for set_id in naming:
        tell(Change(SETS, set_id, None, Operation.ERASE))
    _empty_approvals(traces, touched)


def _held_back(set_ids: Collection[int]) -> list[int]:
    """Return the segments of these sets, and let nobody seal one with what stood there until now.

    What has no seal yet is taken out of the queue and put back: whoever seals it at this moment has it out as well, so
    one of the two has to wait or to begin again, on every engine and on every node.
    """
    segments = list(db.session.scalars(select(Segment.id).where(Segment.change_set_id.in_(set_ids))))
    sealed = {one for some in chunks(segments) for one in db.session.scalars(_sealed(some))}
    unsealed = [{"segment_id": one} for one in segments if one not in sealed]
    if unsealed:
        queue = db.metadata.tables[Unsealed.__tablename__]
        # Row by row, as an IN may lock what others are just adding.
        db.session.connection().execute(delete(queue).where(queue.c.segment_id == bindparam("segment_id")), unsealed)
        try:
            db.session.execute(insert(Unsealed), unsealed)
        except IntegrityError as error:  # a sealer found them not queued, and queued them, at this moment
            raise Busy() from error
    return segments


def _sealed(segment_ids: Collection[int]) -> Select[int]:
    return select(Seal.segment_id).where(Seal.segment_id.in_(segment_ids))


def _unsalt(segment_ids: Collection[int], salt: str) -> None:
    """Empty this salt of the seals of these segments, and have the archive take them as they are now."""
    for some in chunks(segment_ids):
        _do(update(Seal).where(Seal.segment_id.in_(some)).values({salt: null()}))
        # Locked, so that MariaDB reads what is there now, and not what was when this transaction began.
        positions = list(db.session.scalars(select(Seal.position).where(Seal.segment_id.in_(some)).with_for_update()))
        _do(delete(Unarchived).where(Unarchived.position.in_(positions)))
        due = [{"position": one, "token": new_token(), "not_before": now()} for one in positions]
        if due:
            db.session.execute(insert(Unarchived), due)


def _empty_approvals(traces: Traces, touched: Collection[int]) -> None:
    """Empty what was asked for about a person; what still waits is withdrawn, but for the erasure itself."""
    texts = (Approval.arguments, Approval.reason, Approval.answer)
    query = select(Approval.id, Approval.verdict, Approval.action, Approval.change_set_id, Approval.undoes_id, *texts)
    found = []
    for row in db.session.execute(query.where(or_(*(text.is_not(None) for text in texts)))):
        is_theirs = row.change_set_id in touched or row.undoes_id in touched
        is_this = row.action == ERASING and row.verdict is Verdict.WAITING
        if not is_this and (is_theirs or any(_mentions(text, traces) for text in row[5:])):
            found.append(row.id)
    for some in chunks(found):
        theirs = update(Approval).where(Approval.id.in_(some))
        waiting = theirs.where(Approval.verdict == Verdict.WAITING)
        _do(waiting.values(verdict=Verdict.WITHDRAWN, decided_at=now()))
        _do(theirs.values(arguments=null(), reason=null(), answer=null()))


def accounts_told(person_id: int) -> list[int]:
    """Return the ids of the accounts that the journal tells of as this person's, once or now."""
    query = select(ChangeRow.row_id).where(ChangeRow.person_id == person_id, ChangeRow.entity == ACCOUNTS)
    return list(db.session.scalars(query.distinct()))


def erasure_of(person_id: int) -> Erasure | None:
    """Return the last erasure of a person; None where there was none."""
    query = (
        select(ChangeSet.id, ChangeSet.at, ChangeSet.actor_id)
        .join(Segment, Segment.change_set_id == ChangeSet.id)
        .join(ChangeRow, ChangeRow.segment_id == Segment.id)
        .where(_erased_here(person_id))
        .order_by(ChangeRow.id.desc())
        .limit(1)
    )
    row = db.session.execute(query).first()
    return Erasure(*row) if row else None


def is_told_since(person_id: int) -> bool:
    """Say whether the journal holds values of an erased person that their erasures did not write themselves."""
    erasing = select(ChangeRow.segment_id).where(_erased_here(person_id))
    told = select(ChangeRow.id).where(ChangeRow.person_id == person_id, _is_filled())
    return db.session.execute(told.where(ChangeRow.segment_id.not_in(erasing)).limit(1)).first() is not None


def jobs_about(traces: Traces) -> tuple[list[int], list[int]]:
    """Return the jobs that hold something of a person: the unfinished ones, and those that are over.

    What is over holds little: a job that failed its arguments, the others the reason and what went wrong.
    """
    touched = _touched(traces)
    is_theirs = or_(Job.change_set_id.in_(touched), Job.undoes_id.in_(touched))
    is_filled = or_(*(column.is_not(None) for column in (Job.arguments, Job.steps, Job.reason, Job.error)))
    query = select(Job.id, Job.state, is_theirs, Job.arguments, Job.steps, Job.reason, Job.error)
    unfinished: list[int] = []
    over: list[int] = []
    for job_id, state, is_of_theirs, *texts in db.session.execute(query.where(is_filled).order_by(Job.id)):
        if is_of_theirs or any(_mentions(text, traces) for text in texts):
            (unfinished if state in UNFINISHED else over).append(job_id)
    return unfinished, over


def empty_jobs(job_ids: Collection[int]) -> None:
    """Empty jobs that are over; a failed one can't be tried again then, so it is cancelled. Runs inside a write."""
    over = update(Job).where(Job.id.in_(job_ids), Job.state.not_in(UNFINISHED))
    _do(over.where(Job.state == State.FAILED).values(state=State.CANCELLED))
    _do(over.values(arguments=null(), steps=null(), reason=null(), error=null()))


def _erased_here(person_id: int) -> ColumnElement[bool]:
    return and_(ChangeRow.entity == PEOPLE, ChangeRow.row_id == person_id, ChangeRow.operation == Operation.ERASE)


def _each(traces: Traces) -> list[ColumnElement[bool]]:
    """Return the conditions for the changes of a person, each for an index of its own."""
    of_accounts = and_(ChangeRow.entity == ACCOUNTS, ChangeRow.row_id.in_(traces.account_ids))
    return [ChangeRow.person_id == traces.person_id, *([of_accounts] if traces.account_ids else [])]


def _of(traces: Traces) -> ColumnElement[bool]:
    return or_(*_each(traces))


def _is_filled() -> ColumnElement[bool]:
    return ChangeRow.salt.is_not(None)


def _touched(traces: Traces) -> Select[int]:
    """Return the query of the change sets that changed something of a person."""
    return select(Segment.change_set_id).join(ChangeRow, ChangeRow.segment_id == Segment.id).where(_of(traces))


def _naming(traces: Traces) -> list[int]:
    """Return the change sets whose reason names a person, also where it is about somebody else."""
    folded = func.lower(ChangeSet.reason)
    likely = [ChangeSet.reason.contains(name, autoescape=True) for name in traces.names]
    likely += [folded.contains(name.casefold(), autoescape=True) for name in traces.names]
    rows = db.session.execute(select(ChangeSet.id, ChangeSet.reason).where(ChangeSet.reason.is_not(None), or_(*likely)))
    return [set_id for set_id, reason in rows if traces.are_in(reason or "")]


def _is_told() -> ColumnElement[bool]:
    return or_(ChangeSet.reason.is_not(None), ChangeSet.arguments.is_not(None))


def _done_by(traces: Traces) -> list[ColumnElement[bool]]:
    """Return the conditions for the change sets that a person did themselves and that hold from where."""
    return [ChangeSet.actor_id.in_(traces.account_ids), ChangeSet.address.is_not(None)]


def _mentions(kept: Any, traces: Traces) -> bool:
    """Say whether something of a job is about a person, by id or by what they are called."""
    if isinstance(kept, str):
        return traces.are_in(kept)
    if isinstance(kept, Mapping):
        return any(_mentions(value, traces) for value in kept.values()) or any(
            traces.person_id in _ids(value) for name, value in kept.items() if OF_PEOPLE.fullmatch(name)
        )
    return isinstance(kept, list) and any(_mentions(value, traces) for value in kept)


def _ids(value: Any) -> Iterator[int]:
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int))


def _count(query: Select[int]) -> int:
    return db.session.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def _do(statement: Any) -> None:
    db.session.execute(statement, execution_options={"synchronize_session": False})
