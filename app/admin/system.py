"""The state of the installation on one page: what asks for somebody comes first, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app.access import gate
from app.access.grants import Action, Subject
from app.actions import Source, run
from app.actions import system as actions
from app.actions.read_only import SWITCHING
from app.admin.views import OfSystem
from app.changes.read_only import Cause
from app.core.clock import now
from app.core.problems import Forbidden, Invalid, Sentence
from app.core.servers import Part
from app.reading import deployments
from app.reading import system as reading
from app.reading.amounts import duration
from app.reading.servers import Mark, Running
from app.reading.system import Item, State
from app.ui import forms
from app.ui.deployments import Build, shown
from app.ui.forms import Form

STATES: dict[State, tuple[Sentence, str]] = {
    State.BAD: (_l("Not working"), "bad"),
    State.WARN: (_l("Needs a look"), "wait"),
    State.GOOD: (_l("Good"), "good"),
    State.OFF: (_l("Not in use"), ""),
}
"""The states with their words and the tone of their pill."""

PARTS: dict[Part, Sentence] = {Part.SERVE: _l("Pages"), Part.WORKER: _l("Background work")}
"""What a server does."""

MARKS: dict[Mark, tuple[Sentence, str]] = {
    Mark.UNSEEN: (_l("Not seen for three minutes"), "bad"),
    Mark.OTHER_BUILD: (_l("Another build than most"), "wait"),
    Mark.BEHIND: (_l("Behind the tables"), "wait"),
    Mark.SHUT_OUT: (_l("Too old for the tables"), "bad"),
    Mark.AHEAD: (_l("Ahead of the tables"), "wait"),
    Mark.DRAINING: (_l("About to end"), ""),
}
"""What is odd about a server, with the tone of its pill."""

SERVERS_SHOWN = 50

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


@dataclass(frozen=True, slots=True)
class ShownServer:
    """What runs on a host, in words; `marks` are the words for what is odd, each with the tone of its pill."""

    row: Running
    part: Sentence
    build: Build
    since: str
    seen: str
    marks: list[tuple[Sentence, str]]


class ReadOnlyForm(Form):
    """Why nothing may be changed for a while."""

    reason = forms.text("reason", required=True)


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
        return self._page(ReadOnlyForm())

    @expose("/check/", methods=("POST",))
    def check_view(self) -> Response:
        """Look at once whether something works, for a few seconds at the most."""
        if not _may_administer():
            raise Forbidden()
        if request.form.get("what") != "storage":
            abort(404)
        wrong = actions.check_storage(gate.actor())
        if wrong is None:
            flash(_("The storage took a small file and gave it back."), "success")
        else:
            flash(wrong, "error")
        return redirect(url_for("system.index_view"), 303)

    @expose("/read-only/", methods=("POST",))
    def read_only_view(self) -> Any:
        """Let nobody change anything any more, with a reason that everybody sees; or let them go on."""
        if not _may_administer():
            raise Forbidden()
        form = ReadOnlyForm()
        form.validate()
        is_on, reason = request.form.get("is_on") == "1", (form["reason"].data or "").strip()
        try:
            if is_on and not reason:
                raise Invalid({"reason": _("Say why: everybody who wants to change something reads it.")})
            switch(is_on, reason or None)
        except Invalid as invalid:
            form.add_errors(invalid)
            return self._page(form), 422
        flash(_("Nothing can be changed any more.") if is_on else _("Everything can be changed again."), "success")
        return redirect(url_for("system.index_view"), 303)

    def _page(self, form: ReadOnlyForm) -> Any:
        found = reading.whole(gate.actor())
        calling = sum(item.state in (State.BAD, State.WARN) for item in found.items)
        return self.render(
            "admin/system.html",
            parts=[_shown(item) for item in found.items],
            summary=_summary(calling),
            form=form,
            may_switch=_may_administer() and (found.read_only is None or found.read_only.cause is Cause.SWITCH),
            is_read_only=found.read_only is not None,
            servers=[_shown_server(row) for row in found.servers[:SERVERS_SHOWN]],
            more_servers=max(len(found.servers) - SERVERS_SHOWN, 0),
            deployments=[shown(row) for row in deployments.latest(gate.actor())],
        )


def switch(is_on: bool, reason: str | None) -> None:
    """Switch read-only on or off for the reader."""
    panel = Source.PANEL
    run(SWITCHING, actor=gate.actor(), source=panel, reason=reason, is_on=is_on, why=reason if is_on else None)


def _may_administer() -> bool:
    return gate.actor().can(Action.ADMINISTER, Subject.SYSTEM)


def _shown_server(row: Running) -> ShownServer:
    return ShownServer(
        row=row,
        part=PARTS[row.part],
        build=Build(row.tag, row.commit, row.digest, row.run),
        since=str(format_datetime(row.since, "medium")),
        seen=duration(now() - row.at),
        marks=[MARKS[mark] for mark in row.marks],
    )


def _summary(calling: int) -> str:
    if not calling:
        return _("Everything that is in use works as it should.")
    return ngettext("One part needs somebody.", "%(num)s parts need somebody.", calling)


def _shown(item: Item) -> Shown:
    label, tone = STATES[item.state]
    has_check = item.key == "storage" and _may_administer()
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
