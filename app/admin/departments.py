"""The panel of departments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from app.access import gate
from app.access.grants import Action, Subject
from app.admin.bulk import BulkAction, BulkForm, given
from app.admin.closing import EndingForm
from app.admin.declarations import Cell, Column, Entry, ExtraAction, Filter, cell
from app.admin.listing import Asked
from app.admin.organisation import OrganisationPanel
from app.people.department import Department
from app.reading import organisation as reading
from app.reading.organisation import DepartmentRow, Inside
from app.reading.paging import Page
from app.ui import forms
from app.ui.labels import field as label_of
from app.ui.labels import shown
from app.ui.records import Group

MOST_NAMED = 10
FIELDS = ("code", "name", "parent_id", "lead_id", "cost_centre", "closed_on")


class DepartmentForm(forms.RecordForm):
    """A department."""

    name = forms.text("name", required=True, maxlength=Department.NAME_LENGTH)
    code = forms.text("code", maxlength=Department.CODE_LENGTH)
    parent_id = forms.lookup("parent_id", "department")
    lead_id = forms.lookup("lead_id", "employee")
    cost_centre = forms.text("cost_centre", maxlength=Department.COST_CENTRE_LENGTH)
    closed_on = forms.day("closed_on")


class CloseDepartmentForm(EndingForm):
    """Where its people go."""

    target_id = forms.lookup("department_id", "department", required=True, label=_l("Move its people to"))


class MergeDepartmentForm(EndingForm):
    """Which department it becomes part of."""

    target_id = forms.lookup("department_id", "department", required=True, label=_l("Merge it into"))


class MoveDepartmentsForm(BulkForm):
    """Which department they become part of."""

    parent_id = forms.lookup(
        "parent_id", "department", label=_l("Move into"), description=_l("Empty: to the top of the tree.")
    )


MOVE = BulkAction(
    "move_departments",
    _l("Move"),
    "diagram-3",
    MoveDepartmentsForm,
    ((Action.EDIT, Subject.ORGANISATION),),
    given("parent_id"),
    ids="department_ids",
    help=_l("Into another department, each with its people and with all below it."),
)


def _headcount(row: DepartmentRow) -> Cell:
    url = url_for("employees.index_view", flt0_department=row.id, flt1_is_here="1")
    return cell(row.headcount, "number", url if row.headcount else None)


class DepartmentsPanel(OrganisationPanel):
    """The tree of departments."""

    icon = "diagram-3"
    history_filter = "department"
    label = _l("Departments")
    new_label = _l("New department")
    form_class = DepartmentForm
    noun = "department"
    delete_form_class = CloseDepartmentForm
    merge_form_class = MergeDepartmentForm
    bulk_actions = (MOVE,)
    columns = (
        Column("name", _l("Name"), lambda r: cell(r.name), sort="name"),
        Column("code", _l("Code"), lambda r: cell(r.code)),
        Column("parent", _l("Part of"), lambda r: cell(r.parent)),
        Column("lead", _l("Lead"), lambda r: cell(r.lead)),
        Column("headcount", _l("Headcount"), _headcount, numeric=True),
        Column("closed_on", _l("Closed on"), lambda r: cell(r.closed_on, "date")),
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
        return row.id

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Return the departments of the list."""
        header = ["code", "name", "parent", "lead_number", "cost_centre", "headcount", "closed_on"]
        rows = (
            [
                r.code,
                r.name,
                r.parent,
                r.lead_number,
                r.cost_centre,
                r.headcount,
                r.closed_on,
            ]
            for r in reading.all_departments(gate.actor(), self.wanted(asked))
        )
        return header, rows

    def entry(self, record_id: int) -> Entry:
        """Return one department."""
        row = reading.department(gate.actor(), record_id)
        parent = url_for("departments.details_view", id=row.parent_id) if row.parent_id else None
        lead = url_for("employees.details_view", id=row.lead_id) if row.lead_id else None
        people = url_for("employees.index_view", flt0_department=row.id, flt1_is_here="1")
        fields = [
            (label_of("name"), row.name, None),
            (label_of("code"), row.code or "", None),
            (label_of("parent"), row.parent or "", parent),
            (label_of("lead"), row.lead or "", lead),
            (label_of("cost_centre"), row.cost_centre or "", None),
            (label_of("headcount"), shown(row.headcount), people),
            (label_of("closed_on"), shown(row.closed_on), None),
        ]
        made = Entry(
            id=row.id,
            version=row.version,
            title=row.name,
            values={name: getattr(row, name) for name in FIELDS},
            groups=[Group(_l("Department"), fields)],
            may_edit=self.may(Action.EDIT),
            may_delete=self.may(Action.DELETE),
            labels={"parent_id": row.parent or "", "lead_id": row.lead or ""},
            source=row,
        )
        if made.may_edit:
            url = self.get_url(".do_view", wanted=MOVE.name, ids=row.id)
            made.extra_actions.append(ExtraAction(MOVE.label, url, "get", MOVE.help))
        made.extra_actions += self.ending_actions(made, row.closed_on)
        return made

    def create(self, form: forms.Form) -> int:
        """Add a department."""
        return int(self.run("create_department", values=form.typed(*FIELDS)))

    def update(self, form: forms.RecordForm, entry: Entry) -> None:
        """Change a department."""
        self.run(
            "change_department",
            department_id=entry.id,
            version=form.made_from(),
            original=form.original(),
            values=form.typed(*FIELDS),
        )

    def matching(self, asked: Asked, limit: int) -> list[int]:
        """Return the ids of all departments of the list, up to `limit`."""
        return reading.departments_matching(gate.actor(), self.wanted(asked), limit)

    def named(self, ids: list[int]) -> list[tuple[int, str]]:
        """Return id and name of those of `ids` that are there, sorted by name."""
        return reading.departments_named(gate.actor(), ids)

    def counted(self, count: int) -> str:
        """Return so many departments in words."""
        return str(ngettext("%(num)d department", "%(num)d departments", count))

    def ending_question(self, verb: str, entry: Entry, inside: Inside) -> dict[str, str]:
        """Ask where people go."""
        if verb == "merge":
            return {
                "title": _("Merge: %(name)s", name=entry.title),
                "sentence": _(
                    "Its people, and the departments below it, become part of another department from today."
                ),
                "submit_label": _("Merge"),
            }
        if reading.will_close(Department, entry.id):
            words = _("People have worked here, so the department is closed and stays in their history.")
        else:
            words = _("Nobody ever worked here, so the department will be deleted.")
        if inside.count:
            words += " " + ngettext(
                "%(num)d person works here or will, and has to go somewhere.",
                "%(num)d people work here or will, and have to go somewhere.",
                inside.count,
            )
        title = _("Close or delete: %(name)s", name=entry.title)
        return {"title": title, "sentence": words, "submit_label": _("Close or delete")}

    def ending_told(self, verb: str, entry: Entry, inside: Inside, target: str, is_closed: bool) -> list[str]:
        """Tell where people and the departments below go, and what becomes of this one."""
        row: DepartmentRow = entry.source
        told = []
        if inside.count:
            told.append(
                ngettext(
                    "%(num)d person goes to %(target)s from today; what is planned for them leads there, too.",
                    "%(num)d people go to %(target)s from today; what is planned for them leads there, too.",
                    inside.count,
                    target=target,
                )
            )
        goal = target if verb == "merge" else row.parent
        if inside.below:
            words = _("Part of %(goal)s from now on:", goal=goal) if goal else _("At the top of the tree from now on:")
            names = ", ".join(inside.below[:MOST_NAMED])
            others = len(inside.below) - MOST_NAMED
            more = " " + ngettext("and %(num)d other", "and %(num)d others", others) if others > 0 else ""
            told.append(f"{words} {names}{more}.")
        if is_closed and row.lead:
            told.append(_("%(lead)s leads %(name)s no longer.", lead=row.lead, name=entry.title))
        if is_closed:
            told.append(_("%(name)s is closed and stays in the history.", name=entry.title))
        else:
            told.append(_("%(name)s is deleted: nobody ever worked there.", name=entry.title))
        return told
