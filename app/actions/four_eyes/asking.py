"""Asking: what a rule holds back is kept as it was asked for, and the other administrators are told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.accounts.administrators import active_administrators
from app.actions.four_eyes.rules import Rule
from app.actions.notices import Notice, notify_each
from app.changes.approvals import Approval, Verdict
from app.changes.journal import REASON_LENGTH, Origin, record
from app.changes.read_only import refuse_change
from app.changes.transaction import write
from app.core.clock import now
from app.core.problems import HeldBack, Invalid
from app.extensions import db

LIVES = timedelta(days=7)
SECRET = re.compile("password|secret|token")


@dataclass(frozen=True, slots=True)
class Held:
    """Why something is held back, how many records it is about, and the digest of what it would do."""

    rules: Sequence[Rule]
    records: int
    digest: str


def hold_back(origin: Origin, arguments: Mapping[str, Any], held: Held) -> HeldBack:
    """Keep what was asked for, as JSON has it, until somebody decides; return the problem to raise.

    Asked again while it waits, it is the same request. Raises `Invalid` for what holds a secret, which is kept nowhere.
    """
    _refuse_secrets(arguments)
    return HeldBack(write(lambda: _waiting(origin, arguments, held) or _ask(origin, arguments, held)))


def _refuse_secrets(arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        if value is not None and SECRET.search(name):
            words = _l("This waits for a second administrator, and a password is not kept for so long. Leave it out.")
            raise Invalid({name: words})


def _waiting(origin: Origin, arguments: Mapping[str, Any], held: Held) -> int | None:
    """Return the same request, if it waits already: made again it would do the same."""
    query = select(Approval).where(
        Approval.verdict == Verdict.WAITING,
        Approval.expires_at > now(),
        Approval.actor_id == origin.actor_id,
        Approval.action == origin.action,
        Approval.digest == held.digest,
    )
    return next((one.id for one in db.session.scalars(query) if one.arguments == arguments), None)


def _ask(origin: Origin, arguments: Mapping[str, Any], held: Held) -> int:
    assert origin.actor_id is not None
    refuse_change()
    at = now()
    approval = Approval(
        action=origin.action,
        arguments=dict(arguments),
        actor_id=origin.actor_id,
        session_id=origin.session_id,
        source=origin.source,
        reason=(origin.reason or "").strip()[:REASON_LENGTH] or None,
        undoes_id=origin.undoes_id,
        rules=" ".join(held.rules),
        records=held.records,
        digest=held.digest,
        verdict=Verdict.WAITING,
        asked_at=at,
        expires_at=at + LIVES,
    )
    db.session.add(approval)
    db.session.flush()
    others = [user_id for user_id in active_administrators() if user_id != origin.actor_id]
    notify_each(Notice.APPROVAL_ASKED, others, approval_id=approval.id, action=approval.action)
    told = {"approval_id": approval.id}
    record(replace(origin, action="ask_approval", arguments=told, undoes_id=None), [])
    return approval.id
