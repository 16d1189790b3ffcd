"""The gate before every page: closed, but for a short public list."""

from __future__ import annotations

from contextlib import suppress
from typing import cast
from urllib.parse import quote, unquote, urlsplit

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from app.access.actor import Actor, by_session_token
from app.access.grants import Action, Subject
from app.accounts import sessions
from app.changes.transaction import write
from app.core.clock import now
from app.core.problems import Problem
from app.extensions import login_manager

PUBLIC = {
    "static",
    "web.home",
    "auth.login",
    "auth.sign_in_link",
    "auth.forgot_password",
    "health.alive",
    "health.ready",
    "health.metrics",
}
"""The endpoints that strangers may reach; everything else is for who is signed in."""

PANELS = (
    (Action.VIEW, Subject.EMPLOYMENT),
    (Action.VIEW, Subject.ACCOUNTS),
)
"""Who has one of these beyond their own record finds the panels useful, and lands there."""


class SignedIn(UserMixin):
    """What Flask-Login keeps for a request: the actor, and the token that its cookie carries."""

    def __init__(self, actor: Actor, token: str) -> None:
        self.actor = actor
        self.token = token

    def get_id(self) -> str:
        """Return the session's token, not the user's id: ending the row ends every copy of the cookie."""
        return self.token


def init_gate(app: Flask) -> None:
    """Put the gate before every request of `app`."""
    login_manager.init_app(app)
    login_manager.session_protection = None  # the token is random and its row can be ended; an address may change
    login_manager.user_loader(_load)
    app.before_request(_gate)
    app.after_request(_note_seen)


def actor() -> Actor:
    """Return who is signed in; only behind the gate."""
    return cast(SignedIn, current_user).actor


def actor_or_none() -> Actor | None:
    """Return who is signed in, or None for a stranger."""
    return current_user.actor if current_user.is_authenticated else None


def has_panels(who: Actor) -> bool:
    """Say whether the HR home has something to show this actor."""
    return any(who.can_beyond_self(*right) for right in PANELS)


def sign_in(token: str) -> Actor:
    """Carry on this browser's session as the one of `token`; return who that is."""
    sign_out()
    found = by_session_token(token, now())
    assert found is not None, "the session was begun a moment ago"
    login_user(SignedIn(found, token))
    return found


def sign_out() -> None:
    """Forget this browser's session; its row is ended by the action."""
    logout_user()
    session.clear()


def safe_next(target: str | None) -> str | None:
    """Return `target` when it is a page of ours that can be opened, else None.

    It has to begin with one slash (two, or a backslash, would name another host) and resolve to a route.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    path = unquote(urlsplit(target).path)
    if any(ord(c) < 32 or ord(c) == 127 or c == "\\" for c in target + path):
        return None
    adapter = current_app.create_url_adapter(request)
    try:
        assert adapter is not None
        endpoint, _values = adapter.match(path, method="GET")
    except HTTPException:
        return None
    return None if endpoint.startswith("auth.") else target


def _load(token: str) -> SignedIn | None:
    found = by_session_token(token, now())
    return SignedIn(found, token) if found else None


def _gate() -> Answer | None:
    if request.endpoint is None or request.endpoint in PUBLIC:  # no endpoint: the 404 or 405 follows
        return None
    if current_user.is_authenticated:
        return None
    query = request.query_string.decode(errors="replace")
    wanted = quote(request.path) + (f"?{query}" if query else "")
    following = safe_next(wanted) if request.method == "GET" else None
    return redirect(url_for("auth.login", next=following))


def _note_seen(response: Response) -> Response:
    """Note at most once a minute that the session was used; a database in trouble is no reason to fail the page."""
    who = g.get("_login_user")
    who = getattr(who, "actor", None)
    if who is not None and who.last_seen_at is not None and now() - who.last_seen_at > sessions.SEEN_EVERY:
        with suppress(Problem, DBAPIError):
            write(lambda: sessions.touch(who.session_id))
    return response
