"""The journal's panel: every change set that its reader may see something of; nothing here can be changed."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.access import gate
from app.access.grants import Action, Subject
from app.admin import undo
from app.admin.declarations import Column, Filter, cell
from app.admin.history import by_day, deployed, shown_set, shown_sets
from app.admin.listing import Asked, list_context
from app.admin.panel import Panel
from app.changes.journal import ChangeSet
from app.changes.tracking import TRACKED, told_fields
from app.core.problems import NotFound
from app.core.values import row_id
from app.reading import approvals, archive
from app.reading import journal as reading
from app.reading.differences import OF_ALL, OF_PEOPLE, group_of
from app.reading.journal import Entry, Part
from app.reading.journal_rights import WITHIN
from app.reading.paging import Page
from app.ui.differences import described
from app.ui.forms import RecordForm
from app.ui.labels import ACTIONS, ENTITIES, SOURCES
from app.ui.labels import field as label_of

UNASKED = {"employee_id", "created_at"}
"""Whose row it is, and since when, never changes."""


def _entities() -> list[tuple[str, str]]:
    who = gate.actor()
    return [(e, str(ENTITIES[e])) for e, subject in {**OF_PEOPLE, **OF_ALL}.items() if who.can(Action.VIEW, subject)]


def _fields() -> list[tuple[str, str]]:
    """Return the fields of which the reader may see some, by their labels."""
    who = gate.actor()
    names = {
        name
        for entity, model in TRACKED.items()
        for name in told_fields(model)
        if name not in UNASKED and who.can(Action.VIEW, group_of(entity, name))
    }
    return sorted(((name, label_of(name)) for name in names), key=lambda pair: pair[1])


def _actions() -> list[tuple[str, str]]:
    return sorted(((name, str(words)) for name, words in ACTIONS.items()), key=lambda pair: pair[1])


def _sources() -> list[tuple[str, str]]:
    return [(name, str(words)) for name, words in SOURCES.items()]


class JournalPanel(Panel):
    """Who changed what, when and why."""

    subject = Subject.JOURNAL
    icon = "journal-text"
    label = _l("Journal")
    form_class = RecordForm  # Flask-Admin asks for one; there is no page for it
    columns = (Column("at", _l("When"), lambda entry: cell(entry.at)),)
    column_filters = (
        Filter("person", _l("Person changed"), "lookup", lookup="employee"),
        Filter("by", _l("Changed by"), "lookup", lookup="employee"),
        Filter("from", _l("From"), "date"),
        Filter("until", _l("Until"), "date"),
        Filter("action", _l("What was done"), "select", _actions),
        Filter("entity", _l("Kind of record"), "select", _entities),
        Filter("field", _l("Field"), "select", _fields),
        Filter("source", _l("Through"), "select", _sources),
        Filter("department", _l("Department changed"), "lookup", lookup="department"),
        Filter("role", _l("Role changed"), "lookup", lookup="role"),
        Filter("user", _l("User changed, by e-mail address"), "text"),
    )

    def __init__(self) -> None:
        super().__init__(ChangeSet, "journal")

    def read_page(self, asked: Asked) -> Page[Entry]:
        """Return a page of change sets."""
        return reading.sets(gate.actor(), reading.Wanted(asked.filters, place=asked.place, size=asked.size))

    def row_id(self, row: Entry) -> int:
        """Return a change set's id."""
        return row.id

    @expose("/")
    def index_view(self) -> Any:
        """List the change sets, the newest first, each with what it changed."""
        asked = self.asked()
        page = self.read_page(asked)
        context = list_context(self, asked, page)
        sets = shown_sets(gate.actor(), page.rows)
        return self.render("admin/journal.html", **(context | {"supports_search": False, "days": by_day(sets)}))

    @expose("/details/")
    def details_view(self) -> Any:
        """Show one change set whole, a hundred of its changes on a page."""
        set_id = row_id(request.args.get("id", ""))
        if set_id is None:
            raise NotFound()
        part = reading.one(gate.actor(), set_id, row_id(request.args.get("page", "")) or 1)
        items = described(gate.actor(), part.entry.changes, within=WITHIN)
        return self.render(
            "admin/journal_details.html",
            entry=shown_set(gate.actor(), part.entry, items, deployed(part.entry)),
            facts=self._facts(part.entry),
            part=part,
            archived=archive.addresses(gate.actor(), set_id),
            list_url=self.get_url(".index_view"),
            undo_url=self._undo_url(part.entry),
            approval=approvals.of_set(gate.actor(), set_id),
            **self._neighbours(part),
        )

    @expose("/undo/", methods=("GET", "POST"))
    def undo_view(self) -> Any:
        """Show what undoing a change set would do, and undo it, or what is ticked of it."""
        return undo.page(self)

    def may_export(self) -> bool:
        """Say no: who needs the journal elsewhere takes it from the command line or the archive."""
        return False

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Refuse: what happened is written by what happens."""
        abort(404)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """Refuse: nothing in the journal is ever changed."""
        abort(404)

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Refuse: nothing in the journal is ever removed."""
        abort(404)

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Any:
        """Refuse, like `may_export`."""
        abort(404)

    def _facts(self, entry: Entry) -> list[tuple[str, str]]:
        """Return where a set came from, for those who look after accounts."""
        if not gate.actor().can(Action.VIEW, Subject.ACCOUNTS):
            return []
        facts = [(_("Request"), entry.request_id), (_("Address"), entry.address)]
        return [(label, text) for label, text in facts if text]

    def _undo_url(self, entry: Entry) -> str | None:
        """Return where a set can be undone, when there is something to undo and it is complete."""
        return self.get_url(".undo_view", id=entry.id) if self._is_settled(entry) else None

    def _is_settled(self, entry: Entry) -> bool:
        # Also where it was undone: a part may be left, or that was undone in turn.
        return entry.records > 0 and entry.job_id is None and entry.action != "opening"

    def _neighbours(self, part: Part) -> dict[str, str | None]:
        def url(number: int) -> str | None:
            return self.get_url(".details_view", id=part.entry.id, page=number) if 1 <= number <= part.parts else None

        return {"previous_url": url(part.number - 1), "next_url": url(part.number + 1)}
