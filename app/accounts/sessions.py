"""Session rows: the cookie carries a random token, the row its hash; ending the row ends every copy of the cookie."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, update

from app.accounts.models import Session, User
from app.changes.tracking import KNOWINGLY
from app.core.clock import now
from app.extensions import db

IDLE = timedelta(hours=8)
LONGEST = timedelta(hours=24)
# One write a minute is enough to know who is there, and spares a write for each page.
SEEN_EVERY = timedelta(minutes=1)


def new_token() -> str:
    """Return a token of 256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what is stored of a token; it is random, so a plain hash can't be searched back."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_live(at: datetime) -> ColumnElement[bool]:
    """Return the condition for sessions that are neither over nor idle for too long."""
    return _is_live(**live_at(at))


def live_at(at: datetime) -> dict[str, datetime]:
    """Return the values of `IS_LIVE` at a moment."""
    return {"live_at": at, "seen_since": at - IDLE}


def _is_live(live_at: Any, seen_since: Any) -> ColumnElement[bool]:
    return and_(Session.expires_at > live_at, Session.last_seen_at > seen_since)


IS_LIVE = _is_live(bindparam("live_at"), bindparam("seen_since"))
"""The same as `is_live`, for a statement that is made once."""


def start(user: User, address: str | None, agent: str | None) -> str:
    """Add a session row and return its token; runs inside a write."""
    at, token = now(), new_token()
    db.session.add(
        Session(
            token_hash=token_hash(token),
            user_id=user.id,
            created_at=at,
            last_seen_at=at,
            expires_at=at + LONGEST,
            address=(address or "")[:45] or None,
            agent=(agent or "")[:200] or None,
        )
    )
    # Not through the object: signing in must not make a form that edits this user stale.
    signed_in = update(User).where(User.id == user.id).values(last_signed_in_at=at)
    db.session.execute(signed_in, execution_options={KNOWINGLY: True})
    db.session.execute(delete(Session).where(~is_live(at)))
    return token


def renew(session_id: int) -> str | None:
    """Give a session a new token, so that copies of its cookie end; None when the session is over. Inside a write."""
    token = new_token()
    found = db.session.scalars(select(Session).where(Session.id == session_id).with_for_update()).first()
    if found is None:
        return None
    found.token_hash = token_hash(token)
    return token


def end(session_id: int) -> None:
    """End one session; runs inside a write."""
    db.session.execute(delete(Session).where(Session.id == session_id))


def end_all(user_id: int, but: int | None = None) -> None:
    """End a user's sessions, except the one given; runs inside a write."""
    others = Session.id != but if but is not None else Session.id.is_not(None)
    db.session.execute(delete(Session).where(Session.user_id == user_id, others))


def touch(session_id: int) -> None:
    """Note that a session was used just now; runs inside a write."""
    db.session.execute(update(Session).where(Session.id == session_id).values(last_seen_at=now()))
