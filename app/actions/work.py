"""Large work: an action done in steps by a worker, each step an action of its own, together one change set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app.access.actor import Actor, by_user, operator, refreshed, refreshed_for_change
from app.access.grants import Action, Subject
from app.actions.deliveries import DELIVERIES, is_paused
from app.actions.four_eyes import asking, digest
from app.actions.four_eyes.rules import Rule, is_in_force
from app.actions.registry import ACTIONS, Named, Outcome, Source, action, as_json, origin_of, records, run
from app.changes.journal import Segment
from app.changes.read_only import ReadOnly
from app.changes.transaction import write
from app.core.chunks import chunks
from app.core.clock import now
from app.core.jobs import queue, worker
from app.core.jobs.job import Job, State
from app.core.jobs.queue import Held, Lane
from app.core.jobs.schedules import Every, Schedule
from app.core.problems import Forbidden, Invalid, NotFound, TooMany
from app.extensions import db

STEP_ROWS = 1000
SCHEDULES = [
    Schedule("take_effect", Every.DAY, "take_effect"),
    Schedule("clean_up_jobs", Every.DAY, "clean_up_jobs"),
    Schedule("expire_approvals", Every.HOUR, "expire_approvals"),
]
"""What the system does by itself, in no particular order."""

Step = tuple[str, dict[str, Any]]


def start(
    name: str,
    *,
    actor: Actor,
    source: Source,
    reason: str | None = None,
    undoes: int | None = None,
    **arguments: Any,
) -> int:
    """Have the named action done by a worker; return the id of the job, which its page tells the progress of.

    The arguments become JSON, so the action gets days and decimals as text. Raises `Forbidden` without the right that
    the action takes at the least; each step asks again, with the rights of that moment. Raises `HeldBack` where it has
    to wait for a second administrator.
    """
    source = Source(source)
    _weigh(name, actor, source, reason, undoes, arguments)

    def work() -> int:
        fresh = _entitled(refreshed_for_change(actor), ACTIONS[name])
        return queue.enqueue(
            name,
            as_json(arguments),
            source=source,
            actor_id=fresh.user_id,
            session_id=fresh.session_id,
            reason=(reason or "").strip()[: Job.REASON_LENGTH] or None,
            undoes_id=undoes,
        )

    return write(work)


def _weigh(
    name: str, actor: Actor, source: Source, reason: str | None, undoes: int | None, arguments: dict[str, Any]
) -> None:
    """Raise `HeldBack` where large work has to wait for a second administrator, before there is a job.

    It is weighed here as a whole, and its steps are not weighed again: whoever looks at it wants to see all of it, a
    job that is held back in the middle would be half done, and of steps of under 200 rows each none would ever wait.
    What can be tried is tried, and judged by all rules. What can't is more than 200 rows anyway; it waits with the
    digest of its steps, so that it can still be told when it would be about others.
    """
    if actor.user_id is None or not is_in_force():
        return
    steps = steps_of(name, actor, arguments)
    origin = origin_of(name, actor, source, reason, undoes, arguments)
    rows = max(rows_of(steps), _rows_undone(undoes))
    held = asking.Held((Rule.ROWS,), rows, digest.of_steps(steps))
    if rows <= STEP_ROWS:
        with suppress(TooMany):
            tried = run(name, actor=actor, source=source, undoes=undoes, preview=True, **arguments)
            if not tried.waits_for:
                return
            held = asking.Held(tried.waits_for, records(tried.changes), digest.of_changes(tried.changes))
    raise asking.hold_back(origin, as_json(arguments), held)


def _rows_undone(change_set_id: int | None) -> int:
    """Return how many rows a change set holds, of which the undo of a large one is about as many."""
    rows = select(func.sum(Segment.count)).where(Segment.change_set_id == change_set_id)
    return int(db.session.execute(rows).scalar() or 0) if change_set_id is not None else 0


def run_or_start(
    name: str,
    *,
    actor: Actor,
    source: Source,
    reason: str | None = None,
    undoes: int | None = None,
    **arguments: Any,
) -> Outcome | int:
    """Do the named action at once where it is at most a thousand rows; else have a worker do it, and return the job."""
    if rows_of(steps_of(name, actor, arguments)) > STEP_ROWS:
        return start(name, actor=actor, source=source, reason=reason, undoes=undoes, **arguments)
    return run(name, actor=actor, source=source, reason=reason, undoes=undoes, **arguments)


def do(job: Held, is_stopping: Callable[[], bool]) -> State:
    """Do a job from the point it was left at; the change set that its first segment begins takes in the others.

    Each step is one transaction that also holds the new resume point: whatever becomes of the worker, it has happened
    once, or not at all and will.
    """
    steps = job.steps if job.steps is not None else _plan(job)
    change_set_id, done = job.change_set_id, job.done
    for place, step in enumerate(steps[job.resume :], start=job.resume):
        if queue.is_cancel_asked(job):
            return State.CANCELLED
        if is_stopping():
            return State.WAITING
        done += _size(step)
        name, arguments = step
        try:
            outcome = run(
                name,
                actor=_actor(job),
                source=Source(job.source),
                reason=job.reason,
                undoes=job.undoes_id,
                within=change_set_id,
                part_of=job.action,
                also=partial(queue.advance, job, place + 1, done),
                is_weighed=True,
                **arguments,
            )
        except ReadOnly:
            return State.WAITING
        change_set_id = outcome.change_set_id
    return State.DONE


def do_jobs(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Do jobs until `stopping` is set, or with `is_once` until none is due."""
    lane = Lane(frozenset(DELIVERIES))
    worker.work(app, do, write, SCHEDULES, stopping, is_once=is_once, lane=lane, is_paused=is_paused)


@action("cancel_job", needs=None)
def cancel_job(actor: Actor, job_id: int) -> None:
    """End a job of one's own, or with the right to administer the system anybody's: a running one after its step."""
    _require_control(actor, job_id)
    if not queue.cancel(job_id):
        raise Invalid({"": _l("This job is over already.")})


@action("retry_job", needs=None)
def retry_job(actor: Actor, job_id: int) -> None:
    """Let a failed job go on where it was given up."""
    _require_control(actor, job_id)
    if not queue.retry(job_id):
        raise Invalid({"": _l("Only a job that failed can be tried again.")})


@action("remove_jobs", needs=(Action.ADMINISTER, Subject.SYSTEM), over="job_ids")
def remove_jobs(actor: Actor, job_ids: list[int]) -> None:
    """Remove jobs that are over; what they changed stays in the journal."""
    queue.remove(job_ids)


def _outdated(_actor: Actor) -> list[Step]:
    return _slices("remove_jobs", "job_ids", {"job_ids": queue.outdated(now())})


@action("clean_up_jobs", needs=(Action.ADMINISTER, Subject.SYSTEM), steps=_outdated)
def clean_up_jobs(actor: Actor) -> None:
    """Remove all jobs that were over long ago."""
    queue.remove(queue.outdated(now()))


def _require_control(actor: Actor, job_id: int) -> None:
    """Raise `Forbidden` for somebody else's job, `NotFound` where it isn't even for the actor's eyes."""
    job = db.session.get(Job, job_id)
    if job is None:
        raise NotFound()
    owner_id = job.actor_id
    if actor.can(Action.ADMINISTER, Subject.SYSTEM) or (owner_id is not None and owner_id == actor.user_id):
        return
    raise Forbidden() if actor.can(Action.VIEW, Subject.SYSTEM) else NotFound()


def _entitled(fresh: Actor, named: Named) -> Actor:
    """Return the actor with the rights of this moment; raise `Forbidden` where the action takes another."""
    if named.needs:
        fresh.require(*named.needs)
    return fresh


def _actor(job: Held) -> Actor:
    """Return for whom a job is done, as they are today."""
    if job.actor_id is None:
        return operator()
    found = by_user(job.actor_id)
    if found is None:
        raise Invalid({"": _l("The account that started this has been switched off, so nobody has the right to it.")})
    return replace(found, session_id=job.session_id)


def _plan(job: Held) -> list[Step]:
    """Compute what a job consists of, and keep it: the rows that it goes by may be others after its first step."""
    steps = steps_of(job.action, _actor(job), job.arguments)
    write(partial(queue.plan, job, steps, rows_of(steps)))
    return steps


def steps_of(name: str, actor: Actor, arguments: Mapping[str, Any]) -> list[Step]:
    """Return what large work consists of, as JSON has it; raise `Forbidden` without the right it takes at the least."""
    named = ACTIONS[name]
    return [(step, as_json(given)) for step, given in _steps(named, _entitled(refreshed(actor), named), arguments)]


def rows_of(steps: Sequence[Step]) -> int:
    """Return of how many people or rows large work is."""
    return sum(map(_size, steps))


def _steps(named: Named, actor: Actor, arguments: Mapping[str, Any]) -> list[Step]:
    if named.steps:
        return named.steps(actor, **arguments)
    if named.over:
        return _slices(named.name, named.over, arguments)
    return [(named.name, dict(arguments))]


def _slices(name: str, over: str, arguments: Mapping[str, Any]) -> list[Step]:
    """Return an action over a list as several over parts of it."""
    return [(name, {**arguments, over: part}) for part in chunks(arguments[over], STEP_ROWS)]


def _size(step: Step) -> int:
    """Return of how many people or rows a step is."""
    name, arguments = step
    over = ACTIONS[name].over
    return len(arguments[over]) if over else 1
