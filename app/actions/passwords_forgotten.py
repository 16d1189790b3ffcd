"""Forgotten passwords: a link goes to the account's own address; who asks learns nothing about whether there is one."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor, operator
from app.access.grants import Action, Subject
from app.accounts import sign_in, throttle
from app.accounts.models import User
from app.actions import work
from app.actions.guard import loaded
from app.actions.notices import Notice, new_nonce, notify
from app.actions.registry import Source, action
from app.changes.read_only import refuse_change
from app.core import text
from app.core.columns import KEY_LENGTH
from app.core.database.engine import end_transaction
from app.core.problems import Invalid
from app.extensions import db


def ask(email: str, address: str | None) -> None:
    """Have a link sent to who signs in with this e-mail address, if anybody does; raise `Throttled`.

    Whoever has no account makes just the same statements, so that neither the answer nor its time tells. The rest is
    left to a worker, also because what is written here would keep from where it was asked.
    """
    throttle.count_try(throttle.reset_keys(email, address))
    key = text.key(email)[:KEY_LENGTH]
    user_id = db.session.execute(select(User.id).where(User.email_key == key, User.is_active)).scalar()
    end_transaction()
    work.start("ask_for_reset", actor=operator(), source=Source.WEB, user_id=user_id)


def use_link(token: str, address: str | None, agent: str | None) -> str:
    """Sign in by a link and tell the account's owner; return the token of the new session, or raise `LinkFailed`.

    It takes the old password away, so it is a change: raises `ReadOnly` while there is none, and the link stays good.
    """
    return sign_in.with_link(token, address, agent, also=_tell_of_use)


def _tell_of_use(user_id: int) -> None:
    refuse_change()
    notify(Notice.PASSWORD_CHANGED, user_id, is_by_link=True)


def _if_known(_actor: Actor, user_id: int | None) -> list[tuple[str, dict[str, Any]]]:
    """Return nothing to do where nobody has the address that was asked for."""
    return [] if user_id is None else [("ask_for_reset", {"user_id": user_id})]


@action("ask_for_reset", needs=(Action.ADMINISTER, Subject.ACCOUNTS), steps=_if_known, is_always_told=True)
def ask_for_reset(actor: Actor, user_id: int) -> None:
    """Make a link for somebody who forgot their password, and have it sent: only a stranger's word says that they did.

    It replaces the one before; the password goes on working until the link is used.
    """
    user = loaded(User, user_id)
    if not user.is_active:
        raise Invalid({"": _l("This account is switched off. Switch it on first.")})
    nonce = new_nonce()
    sign_in.new_link(user, sign_in.token_of(nonce), sign_in.RESET_LIVES)
    notify(Notice.PASSWORD_RESET, user.id, nonce=nonce)
