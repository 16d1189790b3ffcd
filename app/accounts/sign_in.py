"""Ways in: by password, or once by a link that an administrator handed out or that was sent by mail."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from datetime import timedelta

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from app.accounts import passwords, sessions, throttle
from app.accounts.models import Credential, CredentialKind, User
from app.changes.transaction import write
from app.core import text
from app.core.clock import now
from app.core.columns import KEY_LENGTH
from app.core.problems import Problem
from app.extensions import db

LINK_LIVES = timedelta(hours=48)
RESET_LIVES = timedelta(hours=1)


class SignInFailed(Problem):
    """Wrong address or wrong password or disabled account; which of them is told to nobody."""

    sentence = _l("That e-mail address and password don’t match.")


class LinkFailed(Problem):
    """The link was used, replaced, or is too old."""

    sentence = _l(
        "This sign-in link doesn’t work any more. Have a new one sent to you, or ask an administrator for one."
    )


def with_password(email: str, password: str, address: str | None, agent: str | None) -> str:
    """Return the token of a new session; raise `SignInFailed` or `Throttled`.

    The slow check runs between two short transactions, so guessing holds no lock.
    """
    limits = throttle.keys(email, address)
    throttle.count_try(limits)
    key = text.key(email)[:KEY_LENGTH]
    found = db.session.execute(select(User.id, User.password_hash, User.is_active).where(User.email_key == key)).first()
    db.session.rollback()
    is_right = passwords.matches(found.password_hash if found else None, password)
    if not (is_right and found and found.is_active):
        raise SignInFailed()

    def begin() -> str:
        user = db.session.get(User, found.id)
        if user is None or not user.is_active or user.password_hash != found.password_hash:
            raise SignInFailed()
        throttle.forget(limits)
        return sessions.start(user, address, agent)

    return write(begin)


def token_of(nonce: str) -> str:
    """Return the token that belongs to a nonce: who reads the nonce somewhere can't make it without the secret key."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    made = hmac.digest(key, f"token of a sign-in link: {nonce}".encode(), "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def new_link(user: User, token: str | None = None, lives: timedelta = LINK_LIVES) -> str:
    """Return the token of a one-time link, which replaces earlier ones; runs inside a write."""
    at, token = now(), token or sessions.new_token()
    db.session.execute(
        delete(Credential).where(Credential.user_id == user.id, Credential.kind == CredentialKind.SIGN_IN_LINK)
    )
    db.session.add(
        Credential(
            user_id=user.id,
            kind=CredentialKind.SIGN_IN_LINK,
            token_hash=sessions.token_hash(token),
            created_at=at,
            expires_at=at + lives,
        )
    )
    return token


def owner_of_link(token: str) -> User:
    """Return whom a link is for, without using it up; raise `LinkFailed`."""
    found = db.session.execute(
        select(User)
        .join(Credential, Credential.user_id == User.id)
        .where(
            Credential.token_hash == sessions.token_hash(token),
            Credential.kind == CredentialKind.SIGN_IN_LINK,
            Credential.used_at.is_(None),
            Credential.expires_at > now(),
            User.is_active,
        )
    ).scalar()
    if found is None:
        raise LinkFailed()
    return found


def with_link(
    token: str, address: str | None, agent: str | None, also: Callable[[int], None] = lambda _user_id: None
) -> str:
    """Use a link up and return the token of a new session; raise `LinkFailed`.

    The old password and sessions end with it: who asked for a link has lost the one or suspects the other. `also` runs
    in the same transaction, for the account that was signed in to.
    """

    def begin() -> str:
        user = owner_of_link(token)
        used = db.session.execute(
            select(Credential).where(Credential.token_hash == sessions.token_hash(token)).with_for_update()
        ).scalar_one()
        if used.used_at is not None:
            raise LinkFailed()
        used.used_at = now()
        user.password_hash = None
        sessions.end_all(user.id)
        also(user.id)
        return sessions.start(user, address, agent)

    return write(begin)
