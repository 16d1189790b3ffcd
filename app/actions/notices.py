"""Notices: what people are told by mail about their account and about what waits for them.

A notice is a delivery that is put into the queue by the write it tells of, so only what is committed is told. The row
of its job holds who and about what, never an address or a secret; the text is made when it is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import select

from app.accounts import sign_in
from app.accounts.models import User
from app.accounts.sign_in import LinkFailed
from app.actions.deliveries import delivery
from app.core import mail
from app.core.database.engine import end_transaction
from app.core.jobs import queue
from app.core.jobs.schedules import SOURCE
from app.core.mail import Message
from app.extensions import db

DELIVERY = "send_mail"


class Notice(StrEnum):
    """What a message is about, and which facts belong to it."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 a word
    """`nonce`: of the link that it brings."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    """`is_by_link`: a sign-in link was used, which ended the password, rather than a new one chosen."""
    SIGN_IN_LINK_MADE = "sign_in_link_made"
    ACCESS_CHANGED = "access_changed"
    APPROVAL_ASKED = "approval_asked"
    """`approval_id`, and `action`, the name of what was asked for; to each who may decide."""
    APPROVAL_DECIDED = "approval_decided"
    """`approval_id`, `action`, and `verdict`, a word of `app.changes.approvals.Verdict`; to who asked."""


def notify(kind: Notice, user_id: int, **facts: Any) -> None:
    """Tell the owner of an account by mail; runs inside a write, and nothing is told unless that is committed.

    The facts are plain values that say nothing about people but by ids. Who is gone or switched off by the time of
    sending is told nothing.
    """
    arguments = {"kind": str(kind), "user_id": user_id, "message_id": mail.new_message_id(), **facts}
    queue.enqueue(DELIVERY, arguments, source=SOURCE)


def notify_each(kind: Notice, user_ids: Iterable[int], **facts: Any) -> None:
    """Tell the owners of several accounts, each by a message of their own."""
    for user_id in user_ids:
        notify(kind, user_id, **facts)


def new_nonce() -> str:
    """Return what a link's token can be made from again when it is sent, by who knows the secret key."""
    return secrets.token_urlsafe(24)


@delivery(DELIVERY)
def send_mail(arguments: dict[str, Any]) -> None:
    """Send a notice to the address that the account has by now; nobody is told who is gone, nor a link that is dead."""
    facts = dict(arguments)
    kind, user_id, message_id = Notice(facts.pop("kind")), facts.pop("user_id"), facts.pop("message_id")
    to = db.session.execute(select(User.email).where(User.id == user_id, User.is_active)).scalar()
    path = _path(kind, user_id, facts)
    end_transaction()  # a server that takes its time must not keep it open
    if to is not None and path is not None:
        subject, text = _written(kind, path, facts)
        mail.send(Message(to, subject, text, message_id))


def _path(kind: Notice, user_id: int, facts: dict[str, Any]) -> str | None:
    """Return the page that a message leads to; None for a link that was used, replaced or grew too old meanwhile."""
    if kind is Notice.PASSWORD_RESET:
        token = sign_in.token_of(facts.pop("nonce"))
        try:
            is_alive = sign_in.owner_of_link(token).id == user_id
        except LinkFailed:
            is_alive = False
        return f"/sign-in/{token}" if is_alive else None
    if kind in (Notice.APPROVAL_ASKED, Notice.APPROVAL_DECIDED):
        return f"/admin/approvals/details/?id={facts['approval_id']}"
    return {Notice.PASSWORD_CHANGED: "/password/forgot", Notice.SIGN_IN_LINK_MADE: "/account"}.get(kind, "/login")


def _written(kind: Notice, path: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Return subject and text: the template's first line, and what follows it.

    Links begin with `PUBLIC_URL`, never with what a request said that this host is called.
    """
    site = current_app.config["PUBLIC_URL"]
    template = current_app.jinja_env.get_template(f"mail/{kind}.txt")
    subject, _, text = template.render(facts, site=site, link=site + path).partition("\n")
    return subject.strip(), text.strip() + "\n"
