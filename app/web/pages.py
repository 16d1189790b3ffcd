"""The blueprint of the staff pages, the public home and the dashboard."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.access.gate import actor, actor_or_none, has_panels
from app.reading import approvals, lookups
from app.reading.dashboard import dashboard as read_dashboard
from app.web.cards import card, own_card

blueprint = Blueprint("web", __name__)


@blueprint.get("/")
def home() -> str:
    """Show what this is, and the way in or on."""
    return render_template("web/home.html")


@blueprint.get("/dashboard")
def dashboard() -> str:
    """Show one's own record, the people around, and what there is to congratulate on."""
    found = read_dashboard(actor())
    return render_template(
        "web/dashboard.html",
        me=own_card(found.me, found.manager) if found.me else None,
        team=[card(person) for person in found.team],
        colleagues=[card(person) for person in found.colleagues],
        colleagues_url=url_for("web.directory", department=found.me.values["department_id"]) if found.me else None,
        joiners=[card(person, hired_on=person.hired_on) for person in found.joiners],
        waiting=approvals.waiting(actor()) if has_panels(actor()) or approvals.sees_all(actor()) else None,
        anniversaries=[card(a.person, years=a.years, on=a.on) for a in found.anniversaries],
    )


@blueprint.get("/lookup/<kind>")
def lookup(kind: str) -> Response:
    """Return choices for what was typed: a list of [id, label], at most twenty."""
    find = lookups.KINDS.get(kind)
    if find is None:
        abort(404)
    choices: list[Any] = [list(choice) for choice in find(actor(), request.args.get("query", "")[:200])]
    return jsonify(choices)


def start_page() -> Response:
    """Send somebody to where they start after signing in."""
    who = actor_or_none()
    return redirect(url_for("admin.index" if who and has_panels(who) else "web.dashboard"), 303)
