"""Signing in and out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.widgets import EmailInput

from app import actions
from app.access import gate
from app.access.actor import Actor
from app.accounts import sign_in as ways
from app.accounts.sign_in import LinkFailed, SignInFailed
from app.accounts.throttle import Throttled
from app.actions import passwords_forgotten
from app.core.metrics import count_failed_sign_in
from app.core.problems import Forbidden, Invalid, NotFound
from app.ui.forms import Form
from app.web.pages import start_page

blueprint = Blueprint("auth", __name__)
Reply = tuple[int, dict[str, str], str | None]
ALL_IS_WELL: Reply = (200, {}, None)
"""Status, headers and what the page says on top."""


class SignInForm(Form):
    """E-mail address and password."""

    email = StringField(_l("E-mail"), widget=EmailInput())
    password = PasswordField(_l("Password"))


class ForgottenForm(Form):
    """The address that somebody signs in with."""

    email = StringField(_l("E-mail"), widget=EmailInput())


@blueprint.route("/login", methods=("GET", "POST"))
def login() -> Any:
    """Sign somebody in by password."""
    following = gate.safe_next(request.args.get("next"))
    if gate.actor_or_none() is not None:
        return redirect(following) if following else start_page()
    form = SignInForm()
    status, headers, message = ALL_IS_WELL
    if form.validate_on_submit():
        try:
            token = ways.with_password(form.email.data or "", form.password.data or "", request.remote_addr, _agent())
        except SignInFailed as failed:
            count_failed_sign_in(current_app)
            status, message = 401, str(failed)
        except Throttled as throttled:
            status, headers, message = _told_to_wait(throttled)
        else:
            gate.sign_in(token)
            return redirect(following, 303) if following else start_page()
    return render_template("web/login.html", form=form, message=message), status, headers


@blueprint.post("/logout")
def logout() -> Response:
    """End this session everywhere its cookie was copied to, and let the browser forget what it kept."""
    who = gate.actor()
    _end(who)
    gate.sign_out()
    response = redirect(url_for("web.home"), 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.route("/password/forgot", methods=("GET", "POST"))
def forgot_password() -> Any:
    """Have a link sent to whoever forgot their password; the answer is the same whether there is an account."""
    form = ForgottenForm()
    status, headers, message = ALL_IS_WELL
    if form.validate_on_submit():
        email = (form.email.data or "").strip()
        try:
            if not email:
                raise Invalid({"email": _("Type the e-mail address that you sign in with.")})
            passwords_forgotten.ask(email, request.remote_addr)
        except Invalid as invalid:
            status = form.refuse(invalid)
        except Throttled as throttled:
            status, headers, message = _told_to_wait(throttled)
        else:
            flash(_("If there is an account for that address, a message is on its way."), "success")
            return redirect(url_for("auth.login"), 303)
    return render_template("web/forgot.html", form=form, message=message), status, headers


@blueprint.route("/sign-in/<token>", methods=("GET", "POST"))
def sign_in_link(token: str) -> Any:
    """Sign somebody in once by a link; looking at it does not use it up, as programs that preview links do that."""
    try:
        owner = ways.owner_of_link(token)
        if request.method == "GET":
            return render_template("web/link.html", name=owner.email)
        session_token = passwords_forgotten.use_link(token, request.remote_addr, _agent())
    except LinkFailed as failed:
        # The form goes to its own page: sent back here, a right password would meet the dead link again.
        form, action = SignInForm(formdata=None), url_for("auth.login")
        return render_template("web/login.html", form=form, message=str(failed), action=action), 410
    previous = gate.actor_or_none()
    if previous is not None:
        _end(previous)
    gate.sign_in(session_token)
    return redirect(url_for("web.password"), 303)


def _end(who: Actor) -> None:
    """End a session; one that is over already, as is its owner's account perhaps, is as good."""
    if who.session_id is not None:
        with suppress(NotFound, Forbidden):
            actions.run("end_session", actor=who, source=actions.Source.WEB, session_id=who.session_id)


def _told_to_wait(throttled: Throttled) -> Reply:
    words = _("Too many tries. Wait %(count)s seconds, then try again.", count=throttled.seconds)
    return 429, {"Retry-After": str(throttled.seconds)}, words


def _agent() -> str | None:
    return request.user_agent.string or None
