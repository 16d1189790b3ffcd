"""What can be done with any selection of people, and what each of these actions asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import NumberInput

from app.access.grants import Action, Subject
from app.admin.bulk import BulkAction, BulkForm, allowed, given
from app.admin.declarations import ExtraAction
from app.core.clock import today
from app.people.employee import Employee, Status
from app.people.history import Pay, PayPeriod
from app.ui import forms
from app.ui.labels import WORDS

if TYPE_CHECKING:
    from app.admin.panel import Panel
    from app.reading.person import Record

FIRST_DAY = _l("The first day it holds: today, an earlier day, or one to come.")
AS_BEFORE = _l("Empty: as it was before.")


class TransferForm(BulkForm):
    """Where people go."""

    department_id = forms.lookup("department_id", "department", required=True)
    manager_id = forms.lookup("manager_id", "employee", description=_l("Empty: everyone keeps their manager."))
    valid_from = forms.day("valid_from", required=True, description=FIRST_DAY)


class ManagerForm(BulkForm):
    """Whom people report to."""

    manager_id = forms.lookup("manager_id", "employee", description=_l("Empty: they report to nobody."))
    valid_from = forms.day("valid_from", required=True, description=FIRST_DAY)


class RoleForm(BulkForm):
    """Which job title people get."""

    role_id = forms.lookup("role_id", "role", required=True)
    valid_from = forms.day("valid_from", required=True, description=FIRST_DAY)


class RaiseForm(BulkForm):
    """What people are paid: more by a share, or a new amount."""

    percent = StringField(
        _l("By percent"),
        widget=NumberInput(),
        render_kw={"step": "any"},
        description=_l("Of what each is paid on that day, like 3 or 2.5."),
    )
    amount = StringField(
        _l("Or to the amount"),
        widget=NumberInput(),
        render_kw={"step": "any", "min": 0},
        description=_l("The same for everybody."),
    )
    currency = StringField(
        _l("Currency"), render_kw={"maxlength": 3}, description=_l("For an amount, like EUR. Empty: as it is.")
    )
    period = SelectField(
        _l("Paid"),
        choices=[
            SelectChoice("", _l("as it is")),
            *(SelectChoice(period.value, WORDS[period]) for period in PayPeriod),
        ],
        validate_choice=False,
    )
    valid_from = forms.day("valid_from", required=True, description=FIRST_DAY)
    pay_reason = StringField(
        _l("Reason in the pay history"),
        render_kw={"maxlength": Pay.REASON_LENGTH},
        description=_l("Like “Yearly review”. The person can read it."),
    )


class LeavingForm(BulkForm):
    """When people leave, and who takes over."""

    left_on = forms.day("left_on", required=True, description=_l("Today, an earlier day, or one to come."))
    leaving_reason = forms.text("leaving_reason", maxlength=Employee.REASON_LENGTH)
    successor_id = forms.lookup(
        "manager_id",
        "employee",
        label=_l("Who takes over"),
        description=_l(
            "Their reports, and the departments they lead. Empty: reports go to the nearest above who stays."
        ),
    )


class ReturnForm(BulkForm):
    """When people come back, and to what."""

    valid_from = forms.day("valid_from", required=True, description=FIRST_DAY)
    department_id = forms.lookup("department_id", "department", description=AS_BEFORE)
    role_id = forms.lookup("role_id", "role", description=AS_BEFORE)
    manager_id = forms.lookup("manager_id", "employee", description=AS_BEFORE)


def _from_today() -> dict[str, Any]:
    return {"valid_from": today().isoformat()}


PLACE = ((Action.EDIT, Subject.DIRECTORY),)

TRANSFER = BulkAction(
    "transfer",
    _l("Transfer"),
    "arrow-left-right",
    TransferForm,
    PLACE,
    given("department_id"),
    help=_l("Another department, from a day on."),
    defaults=_from_today,
)
MANAGER = BulkAction(
    "change_manager",
    _l("New manager"),
    "person-gear",
    ManagerForm,
    PLACE,
    given("manager_id"),
    help=_l("Another manager, from a day on."),
    defaults=_from_today,
)
ROLE = BulkAction(
    "assign_role",
    _l("New role"),
    "briefcase",
    RoleForm,
    PLACE,
    given("role_id"),
    help=_l("Another job title, from a day on."),
    defaults=_from_today,
)
RAISE = BulkAction(
    "raise_pay",
    _l("Raise"),
    "cash-stack",
    RaiseForm,
    ((Action.EDIT, Subject.COMPENSATION),),
    given(),
    help=_l("More pay, from a day on: by a share, or to an amount."),
    defaults=_from_today,
)
LEAVE = BulkAction(
    "leave",
    _l("Leave"),
    "person-dash",
    LeavingForm,
    ((Action.DELETE, Subject.EMPLOYMENT),),
    given("left_on"),
    help=_l("Who leaves stays in the history; their account ends after the last day."),
    defaults=lambda: {"left_on": today().isoformat()},
)
RETURN = BulkAction(
    "come_back",
    _l("Return"),
    "person-check",
    ReturnForm,
    ((Action.EDIT, Subject.EMPLOYMENT),),
    given(),
    help=_l("Back after having left. Pay and account don’t come back by themselves."),
    defaults=_from_today,
)

OF_PEOPLE = (TRANSFER, MANAGER, ROLE, RAISE, LEAVE, RETURN)


def for_one(panel: Panel, record: Record) -> list[ExtraAction]:
    """Return what can be done with one person, as links of their page: to return only for who left, the rest before."""
    has_left = record.values.get("status") is Status.LEFT
    return [
        ExtraAction(action.label, panel.get_url(".do_view", wanted=action.name, ids=record.id), "get", action.help)
        for action in allowed(panel)
        if (action is RETURN) == has_left
    ]
