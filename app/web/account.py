"""One's own account: contact details, password, sessions."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import PasswordField

from app import actions
from app.access import gate
from app.access.actor import Actor
from app.access.grants import OWN_CONTACT, Action, Subject
from app.core.problems import Conflict, Invalid
from app.reading import person
from app.reading.accounts import own_sessions
from app.ui import conflicts, forms
from app.ui.forms import Form, RecordForm, as_typed
from app.web.pages import blueprint


class ProfileForm(RecordForm):
    """What people keep up to date themselves."""

    phone = forms.phone("phone")
    home_address = forms.text("home_address")
    personal_email = forms.email("personal_email")
    personal_phone = forms.phone("personal_phone")
    emergency_name = forms.text("emergency_name")
    emergency_phone = forms.phone("emergency_phone")


class PasswordForm(Form):
    """A new password, and the present one where there is one."""

    current_password = PasswordField(_l("Present password"))
    new_password = PasswordField(_l("New password"))
    repeat = PasswordField(_l("New password again"))


@blueprint.route("/account", methods=("GET", "POST"))
def account() -> Any:
    """Show and change one's own details."""
    who = gate.actor()
    form, status, conflict = _profile_form(who), 200, None
    if form is not None and form.validate_on_submit():
        try:
            done = actions.run(
                "change_own_contact",
                actor=who,
                source=actions.Source.WEB,
                version=form.made_from(),
                original=form.original(),
                values=form.typed(*OWN_CONTACT),
            )
        except Conflict as stale:
            conflict = conflicts.clash(form, stale, _edited(who), url_for("web.account"))
            status = 409
        except Invalid as invalid:
            form.add_errors(invalid)
            status = 422
        else:
            present = person.by_id(who, done.value).values
            flash(conflicts.saved(_("Your details were saved."), form, present, _edited(who)), "success")
            return redirect(url_for("web.account"), 303)
    page = render_template(
        "web/account.html",
        profile_form=form,
        conflict=conflict,
        password_url=url_for("web.password"),
        sessions=[_session(row, who) for row in own_sessions(who)],
    )
    return page, status


@blueprint.route("/account/password", methods=("GET", "POST"))
def password() -> Any:
    """Change one's own password."""
    who = gate.actor()
    form, status = PasswordForm(), 200
    if not who.has_password:
        del form.current_password
    if form.validate_on_submit():
        try:
            if form.new_password.data != form.repeat.data:
                raise Invalid({"repeat": _("The two are not the same. Type the new password twice.")})
            done = actions.run(
                "change_password",
                actor=who,
                source=actions.Source.WEB,
                current_password=form.current_password.data if who.has_password else None,
                new_password=form.new_password.data or "",
            )
        except Invalid as invalid:
            form.add_errors(invalid)
            status = 422
        else:
            if done.value is not None:
                gate.sign_in(done.value)
            flash(_("Your password was saved. Everywhere else you are signed out."), "success")
            return redirect(url_for("web.account"), 303)
    return render_template("web/password.html", form=form), status


@blueprint.post(f"/account/sessions/<int(max={2**31 - 1}):session_id>/end")
def end_session(session_id: int) -> Response:
    """Sign out another browser of one's own."""
    actions.run("end_session", actor=gate.actor(), source=actions.Source.WEB, session_id=session_id)
    flash(_("That session was ended."), "success")
    return redirect(url_for("web.account"), 303)


def _profile_form(who: Actor) -> ProfileForm | None:
    if who.employee_id is None or not who.can(Action.EDIT, Subject.CONTACT):
        return None
    record = person.by_id(who, who.employee_id)
    present = {name: record.values[name] for name in OWN_CONTACT if name in record.values}
    form = ProfileForm(data=as_typed({**present, "version": record.version}))
    for name in set(OWN_CONTACT) - set(present):  # who may not see a field would empty it unseen
        delattr(form, name)
    if form.is_submitted():
        conflicts.settle(form)
    else:
        form.remember(present)
    return form


def _edited(who: Actor) -> conflicts.Record:
    assert who.employee_id is not None  # without one there is no form
    return conflicts.Record(who, "employees", who.employee_id)


def _session(row: Any, who: Actor) -> dict[str, Any]:
    return {
        "created_at": row.created_at,
        "last_seen": row.last_seen_at,
        "address": row.address,
        "agent": row.agent,
        "current": row.id == who.session_id,
        "end_url": url_for("web.end_session", session_id=row.id),
    }
