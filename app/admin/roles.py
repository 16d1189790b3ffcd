"""The panel of roles: job titles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from app.access import gate
from app.access.grants import Action
from app.admin.closing import EndingForm
from app.admin.declarations import Cell, Column, Entry, Filter, cell
from app.admin.listing import Asked
from app.admin.organisation import OrganisationPanel
from app.people.role import Role
from app.reading import organisation as reading
from app.reading.organisation import Inside, RoleRow
from app.reading.paging import Page
from app.ui import forms
from app.ui.labels import field as label_of
from app.ui.labels import shown
from app.ui.records import Group

FIELDS = ("title", "description", "family", "level", "closed_on")


class RoleForm(forms.RecordForm):
    """A role."""

    title = forms.text("title", required=True, maxlength=Role.TITLE_LENGTH)
    family = forms.text("family", maxlength=Role.FAMILY_LENGTH)
    level = forms.number("level", min=Role.LEVELS.start, max=Role.LEVELS.stop - 1)
    description = forms.long_text("description", maxlength=Role.DESCRIPTION_LENGTH)
    closed_on = forms.day("closed_on")


class CloseRoleForm(EndingForm):
    """Which role its people get."""

    target_id = forms.lookup("role_id", "role", required=True, label=_l("Give its people this role"))


class MergeRoleForm(EndingForm):
    """Which role it becomes one with."""

    target_id = forms.lookup("role_id", "role", required=True, label=_l("Merge it into"))


def _headcount(row: RoleRow) -> Cell:
    url = url_for("employees.index_view", flt0_role=row.id, flt1_is_here="1")
    return cell(row.headcount, "number", url if row.headcount else None)


class RolesPanel(OrganisationPanel):
    """The job titles there are."""

    icon = "briefcase"
    history_filter = "role"
    label = _l("Roles")
    new_label = _l("New role")
    form_class = RoleForm
    noun = "role"
    delete_form_class = CloseRoleForm
    merge_form_class = MergeRoleForm
    columns = (
        Column("title", _l("Title"), lambda r: cell(r.title), sort="title"),
        Column("family", _l("Family"), lambda r: cell(r.family)),
        Column("level", _l("Level"), lambda r: cell(r.level, "number"), numeric=True),
        Column("headcount", _l("Headcount"), _headcount, numeric=True),
        Column("closed_on", _l("Closed on"), lambda r: cell(r.closed_on, "date")),
    )
    column_filters = (Filter("is_open", _l("Open"), "select", lambda: [("1", _("Yes")), ("0", _("No, closed"))]),)
    sections = ((_l("Role"), ("title", "family", "level", "description", "closed_on")),)

    def __init__(self) -> None:
        super().__init__(Role, "roles")

    def read_page(self, asked: Asked) -> Page[RoleRow]:
        """Return a page of roles."""
        return reading.roles(gate.actor(), self.wanted(asked))

    def row_id(self, row: RoleRow) -> int:
        """Return a role's id."""
        return row.id

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Return the roles of the list."""
        header = ["title", "family", "level", "description", "headcount", "closed_on"]
        rows = (
            [r.title, r.family, r.level, r.description, r.headcount, r.closed_on]
            for r in reading.all_roles(gate.actor(), self.wanted(asked))
        )
        return header, rows

    def entry(self, record_id: int) -> Entry:
        """Return one role."""
        row = reading.role(gate.actor(), record_id)
        people = url_for("employees.index_view", flt0_role=row.id, flt1_is_here="1")
        fields = [(label_of(name), shown(getattr(row, name)), None) for name in FIELDS]
        made = Entry(
            id=row.id,
            version=row.version,
            title=row.title,
            values={name: getattr(row, name) for name in FIELDS},
            groups=[Group(_l("Role"), [*fields, (label_of("headcount"), shown(row.headcount), people)])],
            may_edit=self.may(Action.EDIT),
            may_delete=self.may(Action.DELETE),
            source=row,
        )
        made.extra_actions += self.ending_actions(made, row.closed_on)
        return made

    def create(self, form: forms.Form) -> int:
        """Add a role."""
        return int(self.run("create_role", values=form.typed(*FIELDS)))

    def update(self, form: forms.RecordForm, entry: Entry) -> None:
        """Change a role."""
        version, original = form.made_from(), form.original()
        self.run("change_role", role_id=entry.id, version=version, original=original, values=form.typed(*FIELDS))

    def ending_question(self, verb: str, entry: Entry, inside: Inside) -> dict[str, str]:
        """Ask which role its people get."""
        if verb == "merge":
            return {
                "title": _("Merge: %(name)s", name=entry.title),
                "sentence": _("Whoever holds this role gets another one from today."),
                "submit_label": _("Merge"),
            }
        if reading.will_close(Role, entry.id):
            words = _("People have held this role, so it is closed and stays in their history.")
        else:
            words = _("Nobody ever held this role, so it will be deleted.")
        if inside.count:
            words += " " + ngettext(
                "%(num)d person holds it or will, and needs another.",
                "%(num)d people hold it or will, and need another.",
                inside.count,
            )
        title = _("Close or delete: %(name)s", name=entry.title)
        return {"title": title, "sentence": words, "submit_label": _("Close or delete")}

    def ending_told(self, verb: str, entry: Entry, inside: Inside, target: str, is_closed: bool) -> list[str]:
        """Tell which role people get, and what becomes of this one."""
        told = []
        if inside.count:
            told.append(
                ngettext(
                    "%(num)d person is %(target)s from today; what is planned for them follows.",
                    "%(num)d people are %(target)s from today; what is planned for them follows.",
                    inside.count,
                    target=target,
                )
            )
        if is_closed:
            told.append(_("%(name)s is closed and stays in the history.", name=entry.title))
        else:
            told.append(_("%(name)s is deleted: nobody ever held it.", name=entry.title))
        return told
