"""The state of the installation on one page: what asks for somebody comes first, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from app.access import gate
from app.access.grants import Action, Subject
from app.actions import system as actions
from app.admin.views import OfSystem
from app.core.problems import Forbidden, Sentence
from app.reading import system as reading
from app.reading.system import Item, State

STATES: dict[State, tuple[Sentence, str]] = {
    State.BAD: (_l("Not working"), "bad"),
    State.WARN: (_l("Needs a look"), "wait"),
    State.GOOD: (_l("Good"), "good"),
    State.OFF: (_l("Not in use"), ""),
}
"""The states with their words and the tone of their pill."""

LINKS: dict[str, list[tuple[Sentence, str, dict[str, Any]]]] = {
    "jobs": [(_l("Jobs"), "jobs.index_view", {}), (_l("Failed jobs"), "jobs.index_view", {"state": "failed"})],
    "mail": [(_l("Failed jobs"), "jobs.index_view", {"state": "failed"})],
    "seals": [(_l("Journal"), "journal.index_view", {})],
    "cache": [(_l("Query cache"), "cache.index_view", {})],
    "four_eyes": [(_l("Approvals"), "approvals.index_view", {})],
}
"""Where more is told about a part, by its key."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A part in words, with where to read on; `check` is the name of what its button looks at."""

    item: Item
    label: Sentence
    tone: str
    links: list[tuple[Sentence, str]]
    check: str | None


class SystemView(OfSystem):
    """For who may see the system; to have something looked at takes the right to administer it."""

    icon = "heart-pulse"

    def __init__(self) -> None:
        super().__init__(name=_l("System"), endpoint="system", url="/admin/system")

    @expose("/")
    def index_view(self) -> Any:
        """Show how it is with each part."""
        if not self.is_for(gate.actor()):
            abort(403)
        items = reading.report(gate.actor())
        calling = sum(item.state in (State.BAD, State.WARN) for item in items)
        return self.render("admin/system.html", parts=[_shown(item) for item in items], summary=_summary(calling))

    @expose("/check/", methods=("POST",))
    def check_view(self) -> Response:
        """Look at once whether something works, for a few seconds at the most."""
        if not gate.actor().can(Action.ADMINISTER, Subject.SYSTEM):
            raise Forbidden()
        if request.form.get("what") != "storage":
            abort(404)
        wrong = actions.check_storage(gate.actor())
        if wrong is None:
            flash(_("The storage took a small file and gave it back."), "success")
        else:
            flash(wrong, "error")
        return redirect(url_for("system.index_view"), 303)


def _summary(calling: int) -> str:
    if not calling:
        return _("Everything that is in use works as it should.")
    return ngettext("One part needs somebody.", "%(num)s parts need somebody.", calling)


def _shown(item: Item) -> Shown:
    label, tone = STATES[item.state]
    has_check = item.key == "storage" and gate.actor().can(Action.ADMINISTER, Subject.SYSTEM)
    is_asked = item.key != "mail" or item.state in (State.BAD, State.WARN)
    links = [
        (words, url_for(endpoint, **query))
        for words, endpoint, query in (LINKS.get(item.key, []) if is_asked else [])
        if endpoint in current_app.view_functions and _may_open(endpoint)
    ]
    return Shown(item, label, tone, links, "storage" if has_check else None)


def _may_open(endpoint: str) -> bool:
    """Say whether the page is for who looks; each of the linked ones says so itself."""
    entry = next((one for one in current_app.extensions["menu"] if one.endpoint == endpoint), None)
    return entry is not None and bool(entry.is_for(gate.actor()))
