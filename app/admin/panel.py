"""The closed base of all panels: it shows, takes and changes only what a panel declares.

Kept of Flask-Admin are the views as declarations, its URL grammar, menu and filter objects. What it would do to the
database goes through `reading` and `actions`; what this class does not open answers 404.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, abort, flash, redirect, request, stream_with_context
from flask_admin import expose
from flask_admin.model import BaseModelView
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from app import actions
from app.access import gate
from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.admin import bulk, history
from app.admin.declarations import Column, Entry, Filter
from app.admin.listing import Asked, list_context
from app.admin.views import Direct
from app.core.problems import Conflict, Invalid, NotFound, Sentence
from app.core.values import row_id
from app.reading import lookups
from app.reading.paging import Page
from app.ui import conflicts
from app.ui.forms import CARRIED, Form, LookupField, RecordForm, as_typed
from app.ui.spreadsheet import csv_lines


class Panel(Direct, BaseModelView):
    """A panel; a subclass declares what it opens and says how its records are read and changed."""

    named_filter_urls = True
    can_set_page_size = True
    page_size = 50
    page_size_options = (20, 50, 100, 200)

    subject: Subject
    """What the panel's records are, as rights name it."""
    icon = "list"
    label: Sentence
    new_label: Sentence
    columns: tuple[Column, ...] = ()
    sections: tuple[tuple[Sentence, tuple[str, ...]], ...] = ()
    form_class: type[RecordForm]
    delete_form_class: type[Form]
    bulk_actions: tuple[bulk.BulkAction, ...] = ()
    """What can be done with any selection of the list; takes `matching` and `named`."""

    history_filter: str | None = None
    """The journal's filter by one of these records, where they have a history."""

    def __init__(self, model: Any, endpoint: str) -> None:
        super().__init__(model, name=self.label, endpoint=endpoint, url=f"/admin/{endpoint}")

    # Who may do what

    def is_for(self, who: Actor) -> bool:
        """Say whether the panel is for this actor at all; a right on one's own record alone opens no panel."""
        return who.can_beyond_self(Action.VIEW, self.subject)

    def is_accessible(self) -> bool:
        """Answer Flask-Admin from the rights of the request; the gate has seen to it that somebody is signed in."""
        return self.is_for(gate.actor())

    def may(self, action: Action) -> bool:
        """Say whether the reader may do this to at least some record."""
        return gate.actor().can(action, self.subject)

    # What a subclass says

    def read_page(self, asked: Asked) -> Page[Any]:
        """Return a page of records."""
        raise NotImplementedError

    def row_id(self, row: Any) -> int:
        """Return the id of a row of the list."""
        raise NotImplementedError

    def entry(self, record_id: int) -> Entry:
        """Return one record with all that its pages show; raise `NotFound`."""
        raise NotImplementedError

    def create(self, form: Form) -> int:
        """Make a record of what was typed; return its id."""
        raise NotImplementedError

    def update(self, form: RecordForm, entry: Entry) -> None:
        """Change a record to what was typed."""
        raise NotImplementedError

    def delete(self, form: Form, entry: Entry) -> str:
        """Remove or close a record; return what happened, in words."""
        raise NotImplementedError

    def delete_question(self, entry: Entry, form: Form) -> dict[str, Any]:
        """Return title, sentence and submit label of the page that asks before removing."""
        raise NotImplementedError

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Return the header and, lazily, the rows of the export."""
        raise NotImplementedError

    def matching(self, asked: Asked, limit: int) -> list[int]:
        """Return the ids of all records of the list, up to `limit`."""
        raise NotImplementedError

    def named(self, ids: list[int]) -> list[tuple[int, str]]:
        """Return id and name of those of `ids` that are there for the reader, sorted by name."""
        raise NotImplementedError

    def counted(self, count: int) -> str:
        """Return so many records in words."""
        return str(ngettext("%(count)s entry", "%(count)s entries", count, count=format_decimal(count)))

    def narrow(self, form: Form, editable: set[str] | None) -> None:
        """Take out of a form what the reader may not change; None leaves all."""
        if editable is not None:
            for name in [f.name for f in form if f.name not in editable | CARRIED]:
                delattr(form, name)

    # Pages

    @expose("/")
    def index_view(self) -> Any:
        """List the records."""
        asked = self.asked()
        return self.render("admin/list.html", **list_context(self, asked, self.read_page(asked)))

    def asked(self) -> Asked:
        """Return what the URL asks for, in Flask-Admin's grammar."""
        args = self._get_list_extra_args()
        index = args.sort if args.sort is not None and 0 <= args.sort < len(self.columns) else 0
        if self.columns[index].sort is None:
            index = 0  # the first column is what a list is sorted by unless asked otherwise
        filters = {self._filters[index].key_name: value for index, _name, value in args.filters or []}
        return Asked(
            search=(args.search or "")[:200],
            sort=self.columns[index].sort or "",
            sort_index=index or None,
            is_descending=bool(args.sort_desc),
            filters=filters,
            size=self.get_safe_page_size(args.page_size),
        )

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Show an empty form, and make a record of it."""
        if not self.may(Action.CREATE):
            abort(403)
        form = self.form_class(data=self.defaults())
        self.narrow(form, self.creatable())
        if form.validate_on_submit():
            try:
                record_id = self.create(form)
            except Invalid as invalid:
                form.add_errors(invalid)
            else:
                flash(_("The record was saved."), "success")
                return redirect(self.get_url(".details_view", id=record_id), 303)
        return self._form_page(form, title=self.new_label, cancel_url=self.get_url(".index_view"))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """Show a record in a form, and change it; what somebody else changed as well is shown beside what was typed."""
        entry = self._asked_entry()
        if not entry.may_edit:
            abort(403)
        form = self.form_class(data=as_typed({**entry.values, "version": entry.version}))
        self.narrow(form, entry.editable)
        back = self.get_url(".details_view", id=entry.id)
        record = conflicts.Record(gate.actor(), self.model.__tablename__, entry.id)
        conflict = None
        if form.is_submitted():
            conflicts.settle(form)
        else:
            form.remember(entry.values)
        if form.validate_on_submit():
            try:
                self.update(form, entry)
            except Conflict as stale:
                conflict = conflicts.clash(form, stale, record, self.get_url(".edit_view", id=entry.id))
            except Invalid as invalid:
                form.add_errors(invalid)
            else:
                flash(conflicts.saved(_("The record was saved."), form, self._values(entry.id), record), "success")
                return redirect(back, 303)
        title = _("Edit %(name)s", name=entry.title)
        return self._form_page(form, title=title, cancel_url=back, conflict=conflict, labels=entry.labels)

    @expose("/details/")
    def details_view(self) -> Any:
        """Show a record whole, or its history."""
        entry = self._asked_entry()
        return self._details_page(entry, **history.of_record(self, entry))

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Ask what should happen to what hangs on a record, then remove or close it."""
        entry = self._asked_entry()
        if not entry.may_delete:
            abort(403)
        form, status = self.delete_form_class(data={"version": entry.version}), 200
        question = self.delete_question(entry, form)
        if form.validate_on_submit():
            try:
                words = self.delete(form, entry)
            except (Conflict, Invalid) as problem:
                status = form.refuse(problem)
            else:
                flash(words, "success")
                return redirect(self.get_url(".index_view"), 303)
        self._label_lookups(form, {})
        cancel_url = self.get_url(".details_view", id=entry.id)
        return self.render("admin/delete.html", form=form, cancel_url=cancel_url, danger=True, **question), status

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Any:
        """Stream the whole list, as searched and filtered, as CSV that no spreadsheet runs."""
        if export_type != "csv":
            abort(404)
        if not self.may_export():
            abort(403)
        header, rows = self.export_rows(self.asked())
        response = Response(stream_with_context(csv_lines(header, rows)), mimetype="text/csv")
        response.headers["Content-Disposition"] = f'attachment; filename="{self.endpoint}.csv"'
        return response

    def may_export(self) -> bool:
        """Say whether the reader may take the list away as a file."""
        return self.may(Action.EXPORT)

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Lead to the page of an action on what was chosen in the list."""
        return bulk.begin(self)

    @expose("/do/<wanted>/", methods=("GET", "POST"))
    def do_view(self, wanted: str) -> Any:
        """Ask what an action on a selection needs, show what it would change, and do it."""
        return bulk.page(self, wanted)

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Refuse: choices come from one place for all pages."""
        abort(404)

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        """Refuse: no panel opens editing in the list."""
        abort(404)

    # What the pages share

    def defaults(self) -> dict[str, Any]:
        """Return what an empty form begins with."""
        return {}

    def creatable(self) -> set[str] | None:
        """Return the fields the reader may fill in on a new record; None: all."""
        return None

    def run(self, name: str, **arguments: Any) -> Any:
        """Do an action for the reader and return what it gave back."""
        return actions.run(name, actor=gate.actor(), source=actions.Source.PANEL, **arguments).value

    def _asked_entry(self) -> Entry:
        record_id = row_id(request.values.get("id", ""))
        if record_id is None:
            raise NotFound()
        return self.entry(record_id)

    def _values(self, record_id: int) -> Mapping[str, Any]:
        """Return what a record holds now; nothing where the last change took it out of the reader's sight."""
        try:
            return self.entry(record_id).values
        except NotFound:
            return {}

    def _details_page(self, entry: Entry, **more: Any) -> str:
        page: str = self.render(
            "admin/details.html",
            title=entry.title,
            groups=entry.groups,
            tables=entry.tables,
            extra_actions=entry.extra_actions,
            notice=entry.notice,
            edit_url=self.get_url(".edit_view", id=entry.id) if entry.may_edit else None,
            delete_url=self.get_url(".delete_view", id=entry.id) if entry.may_delete else None,
            list_url=self.get_url(".index_view"),
            tabs=history.tabs(self, entry),
            **more,
        )
        return page

    def _form_page(self, form: Form, *, labels: Mapping[str, str] | None = None, **context: Any) -> Any:
        self._label_lookups(form, labels or {})
        conflict = context.setdefault("conflict", None)
        names = {item.name for item in form} - (conflict.names if conflict else set())
        sections = [(label, [name for name in fields if name in names]) for label, fields in self.sections]
        context["sections"] = [(label, fields) for label, fields in sections if fields]
        page = self.render("admin/form.html", form=form, submit_label=_("Save"), **context)
        return page, 409 if conflict else 422 if form.errors else 200

    def _label_lookups(self, form: Form, known: Mapping[str, str]) -> None:
        """Put the words of present choices into look-ups: known ones of the record, the others asked for."""
        entry_values = {f.name: f.object_data for f in form}
        for item in form:
            if not isinstance(item, LookupField) or not isinstance(item.data, int):
                continue
            if item.name in known and item.data == entry_values[item.name]:
                item.label_text = known[item.name]
            else:
                found = lookups.labels(gate.actor(), [(item.kind, item.data)])
                item.label_text = found.get((item.kind, item.data), "")

    # What Flask-Admin wants of a model view; nothing here reaches the database

    def scaffold_list_columns(self) -> list[str]:
        return [column.name for column in self.columns]

    def scaffold_sortable_columns(self) -> dict[str, str]:
        return {column.name: column.sort for column in self.columns if column.sort}

    def scaffold_form(self) -> type[RecordForm]:
        return self.form_class

    def init_search(self) -> bool:
        return True

    def get_filter_arg(self, _index: int, flt: Filter) -> str:
        """Return a filter's name in the URL: the same in every language."""
        return str(flt.key_name)

    def _get_list_filter_args(self) -> list[Any] | None:
        """Leave out filters that a form sent empty, before Flask-Admin reads the others."""
        found = []
        for name, value in request.args.items():
            position, _separator, key = name[3:].partition("_") if name.startswith("flt") else ("", "", "")
            if key in (self._filter_args or {}) and value:
                index, flt = self._filter_args[key]
                found.append((position, (index, flt.name, value)))
        return [chosen for _position, chosen in sorted(found, key=lambda pair: pair[0])]
