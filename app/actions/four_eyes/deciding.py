"""Deciding: what waits is looked at, approved, refused, taken back, or left until it is too old."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.access.actor import Actor, by_user, refreshed, refreshed_for_change
from app.access.grants import Action, Subject
from app.actions import work
from app.actions.constraints import as_problem
from app.actions.four_eyes import digest
from app.actions.four_eyes.rules import Rule
from app.actions.notices import Notice, notify
from app.actions.registry import ACTIONS, Named, Outcome, Source, action, finished, origin_of, perform, run
from app.changes import emptying
from app.changes.approvals import Approval, Verdict
from app.changes.journal import REASON_LENGTH, Origin, record
from app.changes.read_only import refuse_change
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs import queue
from app.core.jobs.job import Job
from app.core.logs import current_request_id
from app.core.problems import Forbidden, Invalid, NotFound, Passing, Problem, TooMany
from app.extensions import db

DECIDING = (Action.ADMINISTER, Subject.ACCOUNTS)


class Outdated(Problem):
    """It would do something else by now than what was asked for, or can't be done any more: nothing was done."""

    sentence = _l("This would do something else by now than what was asked for, so nothing was done. Ask for it again.")


def preview(actor: Actor, approval_id: int) -> Outcome:
    """Return what a request would do now, as whoever asked for it; for them, and for those who decide.

    Raises `TooMany` for what is too large to try, and what the action raises where it can't be done any more.
    """

    def tried() -> Outcome:
        fresh, approval = refreshed(actor), _locked(approval_id)
        if not (fresh.can(*DECIDING) or _is_own(fresh, approval)):
            raise NotFound()
        _refuse_decided(approval)
        if digest.is_of_steps(approval.digest):
            raise TooMany({"": _l("This is too much to show beforehand.")})
        return _performed(approval, preview=True)

    try:
        return write(tried, keep=False)
    except IntegrityError as error:
        raise as_problem(error) from error


def is_as_asked(approval_id: int, outcome: Outcome) -> bool:
    """Say whether a preview shows what was there when it was asked for; else approving it does nothing."""
    asked = db.session.execute(select(Approval.digest).where(Approval.id == approval_id)).scalar()
    return asked == digest.of_changes(outcome.changes)


def approve(actor: Actor, approval_id: int, *, source: Source, answer: str | None = None) -> Outcome | int:
    """Do what somebody else asked for, with the rights that they have now; return the job's id where it is large.

    The change set is theirs, with their reason and where they asked from; that it was approved, and by whom, is told
    by a set of its own in the same transaction. So it is done once, however many approve at once. Raises `Outdated`
    when it would do something else than it would have then; it is over then, and can only be asked for again.
    """
    told = origin_of("approve", actor, source, answer, None, {})
    try:
        named, done = write(partial(_approve, actor, approval_id, told))
    except (Outdated, IntegrityError) as error:
        problem = error if isinstance(error, Outdated) else Outdated(str(as_problem(error)))
        write(partial(_give_up, approval_id, told, str(problem)))
        raise problem from error
    return finished(ACTIONS[named], done) if isinstance(done, Outcome) else done


def refuse(actor: Actor, approval_id: int, answer: str | None, *, source: Source = Source.PANEL) -> None:
    """Say no to what somebody else asked for; nothing is done."""
    run("refuse_approval", actor=actor, source=source, reason=answer, approval_id=approval_id, answer=answer)


def withdraw(actor: Actor, approval_id: int, *, source: Source = Source.PANEL) -> None:
    """Take back what one asked for oneself."""
    run("withdraw_approval", actor=actor, source=source, approval_id=approval_id)


@action("refuse_approval", needs=DECIDING, is_always_told=True)
def refuse_approval(actor: Actor, approval_id: int, answer: str | None = None) -> None:
    """End a request of somebody else."""
    approval = _locked(approval_id)
    _refuse_decided(approval)
    if _is_own(actor, approval):
        raise Invalid({"": _l("You asked for this yourself: withdraw it.")})
    _settle(approval, Verdict.REFUSED, actor.user_id, answer)


@action("withdraw_approval", needs=None, is_always_told=True)
def withdraw_approval(actor: Actor, approval_id: int) -> None:
    """End one's own request."""
    approval = _locked(approval_id)
    if not _is_own(actor, approval):
        raise NotFound()
    _refuse_decided(approval)
    _settle(approval, Verdict.WITHDRAWN, actor.user_id)


@action("expire_approvals", needs=(Action.ADMINISTER, Subject.SYSTEM))
def expire(actor: Actor) -> None:
    """End what nobody decided in time."""
    query = select(Approval).where(Approval.verdict == Verdict.WAITING, Approval.expires_at <= now())
    found = list(db.session.scalars(query.order_by(Approval.id).with_for_update()))
    for approval in found:
        _settle(approval, Verdict.EXPIRED, None)
    if found:
        told = {"approval_ids": [approval.id for approval in found]}
        record(origin_of("expire_approvals", actor, Source.SYSTEM, None, None, told), [])


def _approve(actor: Actor, approval_id: int, told: Origin) -> tuple[str, Outcome | int]:
    """Do it and settle it in one transaction; return the name of the action, and what it gave."""
    approval = _locked(approval_id)
    fresh = refreshed_for_change(actor)
    _refuse_decided(approval)
    _check_approver(fresh, approval)
    done: Outcome | int
    try:
        done = _enqueued(approval) if digest.is_of_steps(approval.digest) else _performed(approval)
    except Passing:
        raise
    except Problem as problem:  # what can't be done any more; after a while some of it could, but who would know
        raise problem if isinstance(problem, Outdated) else Outdated(str(problem)) from problem
    if isinstance(done, Outcome) and digest.of_changes(done.changes) != approval.digest:
        raise Outdated()
    became = {"change_set_id": done.change_set_id} if isinstance(done, Outcome) else {"job_id": done}
    _settle(approval, Verdict.APPROVED, fresh.user_id, told.reason, **became)
    record(replace(told, arguments={"approval_id": approval_id, **became}), [])
    return approval.action, done


def _give_up(approval_id: int, told: Origin, why: str) -> None:
    """End what was approved, but is not what it was any more; somebody else may have decided in between."""
    refuse_change()
    approval = _locked(approval_id)
    if approval.verdict is Verdict.WAITING:
        _settle(approval, Verdict.OUTDATED, told.actor_id, why)
        record(replace(told, arguments={"approval_id": approval_id, "verdict": Verdict.OUTDATED}), [])


def _locked(approval_id: int) -> Approval:
    query = select(Approval).where(Approval.id == approval_id).with_for_update()
    approval = db.session.execute(query.execution_options(populate_existing=True)).scalar()
    if approval is None:
        raise NotFound()
    return approval


def _is_own(actor: Actor, approval: Approval) -> bool:
    return actor.user_id is not None and actor.user_id == approval.actor_id


def _refuse_decided(approval: Approval) -> None:
    if approval.verdict is not Verdict.WAITING:
        raise Invalid({"": _l("This is decided already.")})
    if approval.expires_at <= now():
        raise Invalid({"": _l("Nobody decided this in time. It has to be asked for again.")})


def _check_approver(actor: Actor, approval: Approval) -> None:
    """Raise unless this is an administrator, and not the one who asked, by whichever account."""
    if actor.user_id is None:
        raise Forbidden()
    actor.require(*DECIDING)
    needs = _named(approval).needs
    if needs and Rule.ERASURE in approval.rules.split():  # nobody can take it back, so it takes the right itself
        actor.require(*needs)
    if _is_own(actor, approval):
        raise Invalid({"": _l("You asked for this yourself. Another administrator has to approve it.")})
    asker = by_user(approval.actor_id)
    pairs = [(actor.user_id, asker.employee_id if asker else None), (approval.actor_id, actor.employee_id)]
    if any(user_id in emptying.accounts_told(employee_id) for user_id, employee_id in pairs if employee_id is not None):
        words = _l("The account that asked for this is, or was, of the same person. Another one has to approve it.")
        raise Invalid({"": words})


def _asker(approval: Approval) -> Actor:
    """Return who asked, with the rights of this moment."""
    found = by_user(approval.actor_id)
    if found is None:
        raise Outdated(_l("The account that asked for this has been switched off since, so nothing was done."))
    return replace(found, session_id=approval.session_id)


def _performed(approval: Approval, *, preview: bool = False) -> Outcome:
    """Do what was asked for, for whoever asked."""
    arguments = approval.arguments or {}
    origin = Origin(
        action=approval.action,
        source=approval.source,
        actor_id=approval.actor_id,
        session_id=approval.session_id,
        arguments=arguments,
        reason=approval.reason,
        request_id=current_request_id(),
        undoes_id=approval.undoes_id,
    )
    return perform(_named(approval), _asker(approval), origin, arguments, preview=preview, is_weighed=True)


def _enqueued(approval: Approval) -> int:
    """Put large work into the queue, with the very steps that are approved; return the job's id."""
    arguments = approval.arguments or {}
    steps = work.steps_of(_named(approval).name, _asker(approval), arguments)
    if digest.of_steps(steps) != approval.digest:
        raise Outdated()
    job_id = queue.enqueue(
        approval.action,
        arguments,
        source=approval.source,
        actor_id=approval.actor_id,
        session_id=approval.session_id,
        reason=approval.reason,
        undoes_id=approval.undoes_id,
    )
    job = db.session.get_one(Job, job_id)
    job.steps, job.total, job.arguments = [list(step) for step in steps], work.rows_of(steps), None
    return job_id


def _named(approval: Approval) -> Named:
    """Return the action; one that this version of the program does not know any more can't be done."""
    if approval.action not in ACTIONS:
        raise Outdated()
    return ACTIONS[approval.action]


def _settle(
    approval: Approval,
    verdict: Verdict,
    decided_by_id: int | None,
    answer: str | None = None,
    *,
    change_set_id: int | None = None,
    job_id: int | None = None,
) -> None:
    """Note what became of a request, which keeps no arguments then, and tell who asked, unless they know."""
    approval.verdict, approval.decided_by_id, approval.decided_at = verdict, decided_by_id, now()
    approval.answer = (answer or "").strip()[:REASON_LENGTH] or None
    approval.change_set_id, approval.job_id, approval.arguments = change_set_id, job_id, None
    db.session.flush()
    if verdict is not Verdict.WITHDRAWN:
        facts = {"approval_id": approval.id, "action": approval.action, "verdict": str(verdict)}
        notify(Notice.APPROVAL_DECIDED, approval.actor_id, **facts)
