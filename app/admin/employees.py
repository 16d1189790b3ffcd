"""The panel of employees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from flask import url_for
from flask_admin import expose
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField
from wtforms.fields.choices import SelectChoice

from app.access import gate
from app.access.actor import Actor
from app.access.grants import FIELDS, Action, Subject
from app.admin import bulk_forms, careers, erasure
from app.admin.declarations import Cell, Column, Entry, Filter, cell
from app.admin.listing import Asked
from app.admin.panel import Panel
from app.core.clock import today
from app.core.problems import Invalid
from app.people.employee import Employee, EmploymentType, Status
from app.reading import people as reading
from app.reading import person as persons
from app.reading.paging import Page
from app.reading.people import Person
from app.reading.person import Record
from app.ui import forms
from app.ui.labels import WORDS, shown
from app.ui.labels import field as label_of
from app.ui.records import groups

TONES = {Status.ACTIVE: "good", Status.ON_LEAVE: "wait", Status.LEFT: "bad"}
HISTORY = ("department_id", "role_id", "manager_id", "status")


class EmployeeForm(forms.RecordForm):
    """Everything about a person but pay, which has a history of its own."""

    number = forms.text("number", required=True, maxlength=Employee.NUMBER_LENGTH)
    first_name = forms.text("first_name", required=True, maxlength=Employee.NAME_LENGTH)
    last_name = forms.text("last_name", maxlength=Employee.NAME_LENGTH)
    email = forms.email("email")
    phone = forms.phone("phone")
    location = forms.text("location")
    department_id = forms.lookup("department_id", "department")
    role_id = forms.lookup("role_id", "role")
    manager_id = forms.lookup("manager_id", "employee")
    status = forms.choice("status", Status)
    change_kind = RadioField(
        _l("If department, role, manager or status differ"),
        choices=[
            SelectChoice("correction", _l("Correction: it was wrong before")),
            SelectChoice("change", _l("Change from a date: it was right until then")),
        ],
        default="correction",
        validate_choice=False,
    )
    valid_from = forms.day("valid_from", description=_l("Only for a change from a date."))
    employment_type = forms.choice("employment_type", EmploymentType)
    fte = forms.number("fte", required=True, step="any")
    legal_entity = forms.text("legal_entity")
    hired_on = forms.day("hired_on", required=True)
    probation_until = forms.day("probation_until")
    contract_until = forms.day("contract_until")
    left_on = forms.day("left_on")
    leaving_reason = forms.text("leaving_reason")
    birth_date = forms.day("birth_date")
    home_address = forms.long_text("home_address")
    personal_email = forms.email("personal_email")
    personal_phone = forms.phone("personal_phone")
    emergency_name = forms.text("emergency_name")
    emergency_phone = forms.phone("emergency_phone")
    notes = forms.long_text("notes")


class LeaveForm(forms.Form):
    """What has to be known when somebody leaves."""

    version = HiddenField()
    left_on = forms.day("left_on", required=True)
    leaving_reason = forms.text("leaving_reason")
    successor_id = forms.lookup(
        "manager_id",
        "employee",
        label=_l("Who takes over"),
        description=_l("Their reports, and the departments they lead."),
    )


def _status(person: Person) -> Cell:
    if not person.sees_employment:
        return Cell("", hidden=True)
    return Cell(shown(person.status), "status", tone=TONES[person.status])


class EmployeesPanel(Panel):
    """People: found, hired, corrected, moved, left."""

    subject = Subject.EMPLOYMENT
    icon = "person-vcard"
    history_filter = "person"
    label = _l("Employees")
    new_label = _l("New employee")
    form_class = EmployeeForm
    delete_form_class = LeaveForm
    columns = (
        Column("name", _l("Name"), lambda p: cell(p.name), sort="name"),
        Column("number", _l("Number"), lambda p: cell(p.number), sort="number"),
        Column("department", _l("Department"), lambda p: cell(p.department)),
        Column("role", _l("Role"), lambda p: cell(p.role)),
        Column("manager", _l("Manager"), lambda p: cell(p.manager)),
        Column("hired_on", _l("Hired on"), lambda p: cell(p.hired_on, "date"), sort="hired_on"),
        Column("status", _l("Status"), _status, sort="status"),
    )
    column_filters = (
        Filter("status", _l("Status"), "select", lambda: [(s.value, str(WORDS[s])) for s in Status]),
        Filter("is_here", _l("Works here"), "select", lambda: [("1", _("Yes")), ("0", _("No, has left"))]),
        Filter("department", _l("Department"), "lookup", lookup="department"),
        Filter("department_and_below", _l("Department and those below"), "lookup", lookup="department"),
        Filter("role", _l("Role"), "lookup", lookup="role"),
        Filter("manager", _l("Manager"), "lookup", lookup="employee"),
        Filter(
            "employment_type",
            _l("Employment type"),
            "select",
            lambda: [(t.value, str(WORDS[t])) for t in EmploymentType],
        ),
        Filter("hired_from", _l("Hired from"), "date"),
        Filter("hired_to", _l("Hired until"), "date"),
        Filter("hired_after", _l("Hired after"), "date"),
        Filter("left_from", _l("Left from"), "date"),
        Filter("left_to", _l("Left until"), "date"),
        Filter("reports_from", _l("Reports, at least"), "text"),
        Filter("reports_to", _l("Reports, at most"), "text"),
    )
    sections = (
        (_l("Person"), ("number", "first_name", "last_name", "email", "phone", "location")),
        (_l("Job"), ("department_id", "role_id", "manager_id", "status", "change_kind", "valid_from")),
        (
            _l("Employment"),
            (
                "employment_type",
                "fte",
                "legal_entity",
                "hired_on",
                "probation_until",
                "contract_until",
                "left_on",
                "leaving_reason",
            ),
        ),
        (
            _l("Private"),
            ("birth_date", "home_address", "personal_email", "personal_phone", "emergency_name", "emergency_phone"),
        ),
        (_l("Notes"), ("notes",)),
    )

    bulk_actions = bulk_forms.OF_PEOPLE

    def __init__(self) -> None:
        super().__init__(Employee, "employees")

    def search_placeholder(self) -> str:
        """Say what people are found by."""
        return _("Name, number, e-mail or phone")

    def may(self, action: Action) -> bool:
        """Say whether the reader may do this; editing begins with the directory's fields."""
        who = gate.actor()
        return who.can(action, Subject.DIRECTORY if action in (Action.EDIT, Action.EXPORT) else Subject.EMPLOYMENT)

    # Reading

    def read_page(self, asked: Asked) -> Page[Person]:
        """Return a page of people."""
        return reading.people(gate.actor(), self._wanted(asked))

    def row_id(self, row: Person) -> int:
        """Return a person's id."""
        return row.id

    def matching(self, asked: Asked, limit: int) -> list[int]:
        """Return the ids of everybody in the list."""
        return reading.matching(gate.actor(), self._wanted(asked), limit)

    def named(self, ids: list[int]) -> list[tuple[int, str]]:
        """Return who of these may be seen here."""
        return reading.named(gate.actor(), ids, self.subject)

    def counted(self, count: int) -> str:
        """Return so many people in words."""
        return str(ngettext("%(count)s person", "%(count)s people", count, count=format_decimal(count)))

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Return the fields that the reader may take away, under the names the import understands."""
        who = gate.actor()
        may = tuple(group for group in FIELDS if who.can(Action.EXPORT, group))
        names = reading.exported(may)
        rows = reading.export(who, self._wanted(asked), may)
        return names, ([row[name] for name in names] for row in rows)

    def _wanted(self, asked: Asked) -> reading.Wanted:
        return reading.Wanted(
            search=asked.search,
            filters=asked.filters,
            sort=asked.sort,
            is_descending=asked.is_descending,
            place=asked.place,
            size=asked.size,
            subject=self.subject,
        )

    def entry(self, record_id: int) -> Entry:
        """Return one person."""
        who = gate.actor()
        record = persons.with_history(persons.by_id(who, record_id, self.subject))
        made = Entry(
            id=record.id,
            version=record.version,
            title=record.name,
            values=record.values,
            groups=groups(record),
            may_edit=bool(record.editable),
            may_delete=record.may_delete,
            labels={
                "department_id": record.department or "",
                "role_id": record.role or "",
                "manager_id": record.manager_name or "",
            },
            editable=_fields(record.editable),
            source=record,
        )
        made.groups[0] = _with_place(made.groups[0], record)
        made.tables = careers.tables(self, record)
        made.extra_actions = bulk_forms.for_one(self, record)
        return erasure.marked(self, made)

    @expose("/erase/", methods=("GET", "POST"))
    def erase_view(self) -> Any:
        """Show what holds somebody, and erase them."""
        return erasure.page(self)

    @expose("/cancel-planned/", methods=("GET", "POST"))
    def cancel_planned_view(self) -> Any:
        """Ask about a planned change of the job, and take it back."""
        return careers.cancel_page(self)

    @expose("/correct-pay/", methods=("GET", "POST"))
    def correct_pay_view(self) -> Any:
        """Show a pay in a form, and correct it."""
        return careers.correct_page(self)

    @expose("/remove-pay/", methods=("GET", "POST"))
    def remove_pay_view(self) -> Any:
        """Ask about a pay entered by mistake, or planned, and remove it."""
        return careers.remove_page(self)

    # Changing

    def defaults(self) -> dict[str, Any]:
        """Return what a new person begins with."""
        return {
            "status": Status.ACTIVE.value,
            "employment_type": EmploymentType.PERMANENT.value,
            "fte": "1",
            "hired_on": today().isoformat(),
        }

    def creatable(self) -> set[str] | None:
        """Return the fields of the groups the reader may edit."""
        who: Actor = gate.actor()
        allowed = _fields([group for group in FIELDS if group is Subject.DIRECTORY or who.can(Action.EDIT, group)])
        return allowed - {"change_kind", "valid_from"}

    def create(self, form: forms.Form) -> int:
        """Hire somebody."""
        return int(self.run("hire", values=form.typed(*_names(form))))

    def update(self, form: forms.RecordForm, entry: Entry) -> None:
        """Change somebody's record, as a correction or from a date."""
        self.run(
            "change_employee",
            employee_id=entry.id,
            version=form.made_from(),
            original=form.original(),
            values=form.typed(*_names(form)),
            valid_from=_effective_date(form),
        )

    def delete_question(self, entry: Entry, form: forms.Form) -> dict[str, Any]:
        """Ask about a leaving, or about removing who was entered by mistake."""
        record: Record = entry.source
        title = _("Leave or delete: %(name)s", name=entry.title)
        if persons.may_be_deleted(record):
            for name in ("left_on", "leaving_reason", "successor_id"):
                delattr(form, name)
            words = _("Nothing hangs on this record yet, so it will be deleted, as if it had never been entered.")
            return {"title": title, "sentence": words, "submit_label": _("Delete")}
        count = persons.count_reports(record.id)
        if not form.is_submitted():
            form["left_on"].data = today().isoformat()
        if not (count or persons.leads_departments(record.id)):
            delattr(form, "successor_id")
        words = _(
            "This record has a history, so it is kept: the person is recorded as having left, and their account ends."
        )
        if count:
            words += " " + ngettext(
                "%(num)d person reports to them and needs a new manager.",
                "%(num)d people report to them and need a new manager.",
                count,
            )
        return {"title": title, "sentence": words, "submit_label": _("Record the leaving")}

    def delete(self, form: forms.Form, entry: Entry) -> str:
        """Delete somebody, or record that they left."""
        version = form.made_from()
        if "left_on" not in form:
            self.run("delete_employee", employee_id=entry.id, version=version)
            return str(_("%(name)s was deleted.", name=entry.title))
        self.run(
            "leave",
            employee_ids=[entry.id],
            version=version,
            left_on=form["left_on"].data,
            leaving_reason=form["leaving_reason"].data,
            successor_id=form["successor_id"].data if "successor_id" in form else None,
        )
        if form["left_on"].data > today().isoformat():
            return str(_("%(name)s is recorded to leave after the last day.", name=entry.title))
        return str(_("%(name)s is recorded as having left.", name=entry.title))


def _fields(editable: list[Subject]) -> set[str]:
    """Return the form's fields for these field groups; those of the job history need the employment as well."""
    allowed = {name for group in editable for name in FIELDS.get(group, ())}
    if allowed & set(HISTORY):
        allowed |= {"change_kind", "valid_from"}
    return allowed


def _names(form: forms.Form) -> list[str]:
    return [f.name for f in form if f.name not in forms.CARRIED | {"change_kind", "valid_from"}]


def _effective_date(form: forms.Form) -> date | None:
    """Return the day a change begins on; None for a correction."""
    if "change_kind" not in form or form["change_kind"].data != "change":
        return None
    try:
        return date.fromisoformat(form["valid_from"].data or "")
    except ValueError:
        raise Invalid({"valid_from": _l("Enter the day from which the change holds, like 2026-03-31.")}) from None


def _with_place(group: Any, record: Record) -> Any:
    """Return the first group with department, role and manager, linked."""
    values = record.values
    department = url_for("departments.details_view", id=values["department_id"]) if values["department_id"] else None
    role = url_for("roles.details_view", id=values["role_id"]) if values["role_id"] else None
    manager = url_for("employees.details_view", id=values["manager_id"]) if values["manager_id"] else None
    places = [
        (label_of("department"), record.department or "", department),
        (label_of("role"), record.role or "", role),
        (label_of("manager"), record.manager_name or "", manager),
    ]
    return replace(group, fields=[*group.fields, *places])
