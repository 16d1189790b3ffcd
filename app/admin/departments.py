"""The panel of departments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import HiddenField

from app.access import gate
from app.access.grants import Action
from app.admin.declarations import Cell, Column, Entry, Filter, cell
from app.admin.listing import Asked
from app.admin.organisation import OrganisationPanel
from app.people.department import Department
from app.reading import organisation as reading
from app.reading.organisation import DepartmentRow
from app.reading.paging import Page
from app.ui import forms
from app.ui.labels import field as label_of
from app.ui.labels import shown
from app.ui.records import Group

FIELDS = ("code", "name", "parent_id", "lead_id", "cost_centre", "closed_on")


class DepartmentForm(forms.Form):
    """A department."""

    version = HiddenField()
    name = forms.text("name", required=True, maxlength=Department.NAME_LENGTH)
    code = forms.text("code", maxlength=Department.CODE_LENGTH)
    parent_id = forms.lookup("parent_id", "department")
    lead_id = forms.lookup("lead_id", "employee")
    cost_centre = forms.text("cost_centre", maxlength=Department.COST_CENTRE_LENGTH)
    closed_on = forms.day("closed_on")


class CloseDepartmentForm(forms.Form):
    """Where today's people go."""

    version = HiddenField()
    target_id = forms.lookup("department_id", "department", label=_l("Move its people to"))


def _headcount(row: DepartmentRow) -> Cell:
    url = url_for("employees.index_view", flt0_department=row.department.id, flt1_is_here="1")
    return cell(row.headcount, "number", url if row.headcount else None)


class DepartmentsPanel(OrganisationPanel):
    """The tree of departments."""

    icon = "diagram-3"
    label = _l("Departments")
    new_label = _l("New department")
    form_class = DepartmentForm
    delete_form_class = CloseDepartmentForm
    columns = (
        Column("name", _l("Name"), lambda r: cell(r.department.name), sort="name"),
        Column("code", _l("Code"), lambda r: cell(r.department.code)),
        Column("parent", _l("Part of"), lambda r: cell(r.parent)),
        Column("lead", _l("Lead"), lambda r: cell(r.lead)),
        Column("headcount", _l("Headcount"), _headcount, numeric=True),
        Column("closed_on", _l("Closed on"), lambda r: cell(r.department.closed_on, "date")),
    )
    column_filters = (Filter("is_open", _l("Open"), "select", lambda: [("1", _("Yes")), ("0", _("No, closed"))]),)
    sections = ((_l("Department"), ("name", "code", "parent_id", "lead_id", "cost_centre", "closed_on")),)

    def __init__(self) -> None:
        super().__init__(Department, "departments")

    def read_page(self, asked: Asked) -> Page[DepartmentRow]:
        """Return a page of departments."""
        return reading.departments(gate.actor(), self.wanted(asked))

    def row_id(self, row: DepartmentRow) -> int:
        """Return a department's id."""
        return row.department.id

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Return the departments of the list."""
        header = ["code", "name", "parent", "lead_number", "cost_centre", "headcount", "closed_on"]
        rows = (
            [
                r.department.code,
                r.department.name,
                r.parent,
                r.lead_number,
                r.department.cost_centre,
                r.headcount,
                r.department.closed_on,
            ]
            for r in self.all_rows(asked)
        )
        return header, rows

    def entry(self, record_id: int) -> Entry:
        """Return one department."""
        row = reading.department(gate.actor(), record_id)
        department = row.department
        parent = url_for("departments.details_view", id=department.parent_id) if department.parent_id else None
        lead = url_for("employees.details_view", id=department.lead_id) if department.lead_id else None
        people = url_for("employees.index_view", flt0_department=department.id, flt1_is_here="1")
        fields = [
            (label_of("name"), department.name, None),
            (label_of("code"), department.code or "", None),
            (label_of("parent"), row.parent or "", parent),
            (label_of("lead"), row.lead or "", lead),
            (label_of("cost_centre"), department.cost_centre or "", None),
            (label_of("headcount"), shown(row.headcount), people),
            (label_of("closed_on"), shown(department.closed_on), None),
        ]
        return Entry(
            id=department.id,
            version=department.version,
            title=department.name,
            values={name: getattr(department, name) for name in FIELDS},
            groups=[Group(_l("Department"), fields)],
            may_edit=self.may(Action.EDIT),
            may_delete=self.may(Action.DELETE),
            labels={"parent_id": row.parent or "", "lead_id": row.lead or ""},
            source=row,
        )

    def create(self, form: forms.Form) -> int:
        """Add a department."""
        return int(self.run("create_department", values=form.typed(*FIELDS)))

    def update(self, form: forms.Form, entry: Entry) -> int:
        """Change a department."""
        version = form.made_from()
        return int(self.run("change_department", department_id=entry.id, version=version, values=form.typed(*FIELDS)))

    def delete_question(self, entry: Entry, form: forms.Form) -> dict[str, Any]:
        """Ask where today's people go."""
        row: DepartmentRow = entry.source
        self.narrow_target(form, row.headcount)
        title = _("Close or delete: %(name)s", name=entry.title)
        if reading.will_close(Department, entry.id):
            words = _("People have worked here, so the department is closed and stays in their history.")
        else:
            words = _("Nobody ever worked here, so the department will be deleted.")
        if row.headcount:
            words += " " + ngettext(
                "%(num)d person works here today and has to go somewhere.",
                "%(num)d people work here today and have to go somewhere.",
                row.headcount,
            )
        return {"title": title, "sentence": words, "submit_label": _("Close or delete")}

    def delete(self, form: forms.Form, entry: Entry) -> str:
        """Close or delete a department."""
        was_closed = self.run(
            "delete_department", department_id=entry.id, version=form.made_from(), target_id=self.target(form)
        )
        return str(
            _("%(name)s was closed.", name=entry.title) if was_closed else _("%(name)s was deleted.", name=entry.title)
        )
