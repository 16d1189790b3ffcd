"""What waits for a second administrator, judged by what an action is about to change, not by what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from app.access.actor import Actor
from app.accounts.administrators import FEWEST, active_administrators, administrators, staying_administrators
from app.accounts.models import User
from app.changes.approvals import FOUR_EYES, Approval, Switch
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.changes.tracking import Change, Operation
from app.core.clock import now
from app.core.jobs.job import Job
from app.extensions import db
from app.people.employee import Status

if TYPE_CHECKING:
    from app.actions.registry import Named

MOST_DELETED = 20
MOST_ROWS = 200
WINDOW = timedelta(hours=1)
"""So many people deleted, and rows changed, by one account within this time need nobody else."""
QUEUED_FROM = 20
"""From so many rows on, changes of one account go one after the other, so that each counts those before it."""
SWITCHING = "switch_four_eyes"
ACCOUNTS = {"users", "grants", "access_roles"}


class Rule(StrEnum):
    """Why something waits."""

    ADMINISTRATION = "administration"
    """Somebody could hand out access who couldn't before, or four eyes would end because too few can."""
    DELETION = "deletion"
    ERASURE = "erasure"
    ROWS = "rows"
    SWITCH = "switch"
    """Four eyes would be switched off."""


def is_in_force() -> bool:
    """Say whether anything waits at all: it is not switched off, and there is a second administrator to ask."""
    return is_switched_on() and len(active_administrators()) >= FEWEST


def is_switched_on(connection: Connection | None = None) -> bool:
    """Say whether four eyes is wanted, in force or not."""
    is_on = (connection or db.session).execute(select(Switch.is_on).where(Switch.name == FOUR_EYES)).scalar()
    return is_on is None or bool(is_on)


def rules_for(actor: Actor, named: Named, changes: Sequence[Change]) -> tuple[Rule, ...]:
    """Return which rules make an action wait that has made these changes; inside its transaction, all flushed.

    The operator waits for nobody, and what changes nothing (most of what people do with their own account) for nothing.
    """
    if actor.user_id is None or not (changes or named.name == SWITCHING):
        return ()
    found = tuple(_met(actor.user_id, named, changes))
    return found if found and _was_in_force() else ()


def _met(user_id: int, named: Named, changes: Sequence[Change]) -> Iterator[Rule]:
    if len(changes) >= QUEUED_FROM:
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    if _is_about_accounts(changes) and _shifts_administration(user_id, changes):
        yield Rule.ADMINISTRATION
    of_people = [change.operation for change in changes if change.entity == "employees"]
    deleted = of_people.count(Operation.DELETE)
    if deleted > MOST_DELETED or (deleted and deleted + _deleted_lately(user_id) > MOST_DELETED):
        yield Rule.DELETION
    if Operation.ERASE in of_people:
        yield Rule.ERASURE
    if len(changes) > MOST_ROWS or (changes and len(changes) + _rows_lately(user_id, len(changes)) > MOST_ROWS):
        yield Rule.ROWS
    if named.name == SWITCHING and not is_switched_on():
        yield Rule.SWITCH


def _was_in_force() -> bool:
    """Say whether four eyes was in force before this transaction, which may just be ending it."""
    with db.engine.connect() as committed:
        return is_switched_on(committed) and len(active_administrators(committed)) >= FEWEST


def _is_about_accounts(changes: Sequence[Change]) -> bool:
    return any(change.entity in ACCOUNTS or _is_leaving(change) for change in changes)


def _is_leaving(change: Change) -> bool:
    """Say whether somebody's leaving is planned, with whom their account will end."""
    return change.entity == "assignments" and change.after.get("status") == Status.LEFT


def _shifts_administration(user_id: int, changes: Sequence[Change]) -> bool:
    """Say whether others could hand out access than before, or fewer than it takes to ask somebody.

    Whose leaving is planned does not count as one who stays: nobody is asked when the system ends their account.

    How it was is read past this transaction: what its changes tell of before is not all, of an erasure nothing. How
    it will be is read under a lock, so that of three administrators two can't take away a different one at once.
    """
    after, staying = set(administrators()), staying_administrators()
    with db.engine.connect() as committed:
        before, stayed = set(active_administrators(committed)), staying_administrators(committed)
    return (
        bool(after - before)
        or len(after) < FEWEST <= len(before)
        or len(staying) < FEWEST <= len(stayed)
        or any(_redirects(change, user_id) for change in changes if change.entity == "users" and change.id in before)
    )


def _redirects(change: Change, user_id: int) -> bool:
    """Say whether an administrator's account becomes another person's, or somebody else has its mails go elsewhere."""
    return "employee_id" in change.after or ("email" in change.after and change.id != user_id)


def _deleted_lately(user_id: int) -> int:
    """Return how many people an account deleted lately that nobody else agreed to."""
    deleted = select(func.count(ChangeRow.id)).join(Segment, Segment.id == ChangeRow.segment_id).join(ChangeSet)
    deleted = deleted.where(ChangeRow.entity == "employees", ChangeRow.operation == Operation.DELETE)
    return _past(_lately(deleted, user_id).where(*_nobody_agreed()))


def _rows_lately(user_id: int, count: int) -> int:
    """Return how many rows an account changed lately that nobody else agreed to.

    Of an ordinary edit this is one statement, and the only cost: what was agreed to is left out only where it matters.
    """
    rows = _lately(select(func.coalesce(func.sum(Segment.count), 0)).join(ChangeSet), user_id)
    if count < QUEUED_FROM and (found := int(db.session.execute(rows).scalar_one())) + count <= MOST_ROWS:
        return found
    return _past(rows.where(*_nobody_agreed()))


def _past(query: Select[int]) -> int:
    """Return a sum over what is committed by now, past this transaction, which sees only what was when it began."""
    with db.engine.connect() as committed:
        return int(committed.execute(query).scalar_one())


def _lately(query: Select[int], user_id: int) -> Select[int]:
    """Return a query of change sets, of only those of an account in the last hour."""
    # An account's sets of all the years are more than everybody's of an hour; the sum keeps the index of the one away.
    return query.where(ChangeSet.at > now() - WINDOW, ChangeSet.actor_id + 0 == user_id)


def _nobody_agreed() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that leave out the change sets that a second administrator agreed to."""
    by_jobs = exists().where(Job.change_set_id == ChangeSet.id, Approval.job_id == Job.id)
    return ~exists().where(Approval.change_set_id == ChangeSet.id), ~by_jobs
