"""Words for what the database holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flask_babel import format_currency, format_date, format_datetime, format_decimal
from flask_babel import lazy_gettext as _l

from app.access.grants import Action, Scope, Subject
from app.actions.four_eyes.rules import MOST_DELETED, MOST_ROWS, Rule
from app.core.problems import Sentence
from app.core.querycache.uses import Bypass
from app.people.employee import EmploymentType, Status
from app.people.history import PayPeriod
from app.reading.cache import Place

WORDS: dict[StrEnum, Sentence] = {
    Status.ACTIVE: _l("Active"),
    Status.ON_LEAVE: _l("On leave"),
    Status.LEFT: _l("Left"),
    EmploymentType.PERMANENT: _l("Permanent"),
    EmploymentType.FIXED_TERM: _l("Fixed term"),
    EmploymentType.INTERN: _l("Intern"),
    EmploymentType.CONTRACTOR: _l("Contractor"),
    PayPeriod.YEAR: _l("a year"),
    PayPeriod.MONTH: _l("a month"),
    PayPeriod.HOUR: _l("an hour"),
    Subject.DIRECTORY: _l("Directory"),
    Subject.EMPLOYMENT: _l("Employment"),
    Subject.PRIVATE: _l("Private"),
    Subject.COMPENSATION: _l("Compensation"),
    Subject.NOTES: _l("Notes"),
    Subject.CONTACT: _l("Own contact details"),
    Subject.ORGANISATION: _l("Departments and roles"),
    Subject.ACCOUNTS: _l("Accounts"),
    Subject.JOURNAL: _l("Journal"),
    Subject.SYSTEM: _l("System"),
    Action.VIEW: _l("See"),
    Action.EDIT: _l("Change"),
    Action.CREATE: _l("Add"),
    Action.DELETE: _l("Remove"),
    Action.EXPORT: _l("Export"),
    Action.ADMINISTER: _l("Administer"),
    Scope.SELF: _l("own record"),
    Scope.REPORTS: _l("everyone below"),
    Scope.DEPARTMENT: _l("own department and below"),
    Scope.ALL: _l("everyone"),
}

FIELDS: dict[str, Sentence] = {
    "number": _l("Number"),
    "name": _l("Name"),
    "first_name": _l("First name"),
    "last_name": _l("Last name"),
    "email": _l("E-mail"),
    "phone": _l("Phone"),
    "location": _l("Location"),
    "photo": _l("Photo"),
    "department": _l("Department"),
    "department_id": _l("Department"),
    "role": _l("Role"),
    "role_id": _l("Role"),
    "manager": _l("Manager"),
    "manager_id": _l("Manager"),
    "hired_on": _l("Hired on"),
    "status": _l("Status"),
    "employment_type": _l("Employment type"),
    "fte": _l("Hours (share of full time)"),
    "probation_until": _l("Probation until"),
    "contract_until": _l("Contract until"),
    "left_on": _l("Last day of work"),
    "leaving_reason": _l("Reason for leaving"),
    "legal_entity": _l("Legal entity"),
    "custom": _l("Custom fields"),
    "birth_date": _l("Birth date"),
    "home_address": _l("Home address"),
    "personal_email": _l("Personal e-mail"),
    "personal_phone": _l("Personal phone"),
    "emergency_name": _l("Emergency contact"),
    "emergency_phone": _l("Emergency phone"),
    "notes": _l("Notes"),
    "code": _l("Code"),
    "parent": _l("Part of"),
    "parent_id": _l("Part of"),
    "lead": _l("Lead"),
    "lead_id": _l("Lead"),
    "cost_centre": _l("Cost centre"),
    "closed_on": _l("Closed on"),
    "title": _l("Title"),
    "description": _l("Description"),
    "family": _l("Family"),
    "level": _l("Level"),
    "headcount": _l("Headcount"),
    "access_role_id": _l("Access role"),
    "access_role": _l("Access role"),
    "employee_id": _l("Employee"),
    "employee": _l("Employee"),
    "is_active": _l("May sign in"),
    "created_at": _l("Created"),
    "last_signed_in_at": _l("Last signed in"),
    "valid_from": _l("From"),
    "valid_to": _l("Until"),
    "amount": _l("Amount"),
    "currency": _l("Currency"),
    "period": _l("Period"),
    "reason": _l("Reason"),
    "is_builtin": _l("Built in"),
    "action": _l("May"),
    "subject": _l("What"),
    "scope": _l("Of whom"),
}

ENTITIES: dict[str, Sentence] = {
    "employees": _l("Employee"),
    "assignments": _l("Job history"),
    "pay": _l("Pay"),
    "departments": _l("Department"),
    "roles": _l("Role"),
    "users": _l("User"),
    "access_roles": _l("Access role"),
    "grants": _l("Right"),
    "change_sets": _l("Reason of a change"),
}
"""The tables whose rows are told of in the journal, as one of their records is called."""

ACTIONS: dict[str, Sentence] = {
    "opening": _l("The journal begins"),
    "undo": _l("Undone"),
    "undo_segment": _l("Undone in part"),
    "hire": _l("Hired"),
    "transfer": _l("Transferred"),
    "assign_role": _l("New role"),
    "change_manager": _l("New manager"),
    "come_back": _l("Came back"),
    "raise_pay": _l("Pay raised"),
    "correct_pay": _l("Pay corrected"),
    "remove_pay": _l("Pay removed"),
    "cancel_planned": _l("Planned change dropped"),
    "take_effect": _l("Planned changes took effect"),
    "erase_person": _l("Person erased"),
    "change_employee": _l("Employee changed"),
    "change_own_contact": _l("Own contact details changed"),
    "leave": _l("Leaving recorded"),
    "delete_employee": _l("Employee deleted"),
    "create_department": _l("Department added"),
    "change_department": _l("Department changed"),
    "move_departments": _l("Departments moved"),
    "merge_department": _l("Department merged"),
    "close_department": _l("Department closed"),
    "reopen_department": _l("Department opened again"),
    "delete_department": _l("Department closed or deleted"),
    "empty_department": _l("Department emptied"),
    "create_role": _l("Role added"),
    "change_role": _l("Role changed"),
    "merge_role": _l("Role merged"),
    "close_role": _l("Role closed"),
    "reopen_role": _l("Role opened again"),
    "delete_role": _l("Role closed or deleted"),
    "empty_role": _l("Role emptied"),
    "create_user": _l("User added"),
    "change_user": _l("User changed"),
    "delete_user": _l("Account ended"),
    "make_sign_in_link": _l("Sign-in link made"),
    "ask_for_reset": _l("New password asked for"),
    "send_mail": _l("Message sent"),
    "change_password": _l("Password changed"),
    "end_session": _l("Session ended"),
    "note_looked": _l("Changes marked as seen"),
    "import": _l("Staff list imported"),
    "import_organisation": _l("Departments and roles imported"),
    "import_people": _l("People imported"),
    "import_managers": _l("Managers imported"),
    "seed_demo_organisation": _l("Demo organisation made"),
    "seed_demo_people": _l("Demo people made"),
    "seed_demo_leads": _l("Demo leads named"),
    "cancel_job": _l("Background work cancelled"),
    "retry_job": _l("Background work tried again"),
    "remove_jobs": _l("Background work removed"),
    "clean_up_jobs": _l("Old background work removed"),
    "note_restore": _l("An older backup put back"),
    "ask_approval": _l("Approval asked for"),
    "approve": _l("Approved"),
    "refuse_approval": _l("Refused"),
    "withdraw_approval": _l("Request withdrawn"),
    "expire_approvals": _l("Requests expired"),
    "switch_four_eyes": _l("Four eyes switched on or off"),
    "switch_read_only": _l("Read-only switched on or off"),
    "note_deployment": _l("Deployment"),
    "clear_cache": _l("Query cache cleared"),
}
"""What each action did, for the journal; "opening" is what was there before it, "import" a staff list as a whole."""

RULES: dict[str, tuple[Sentence, Sentence]] = {
    Rule.ADMINISTRATION: (_l("Administration"), _l("it changes who may hand out access")),
    Rule.DELETION: (
        _l("Deletion"),
        _l("one account deletes more than %(count)s people within an hour", count=MOST_DELETED),
    ),
    Rule.ERASURE: (_l("Erasure"), _l("it erases a person for good")),
    Rule.ROWS: (
        _l("Many entries"),
        _l("one account changes more than %(count)s entries within an hour", count=MOST_ROWS),
    ),
    Rule.SWITCH: (_l("Four eyes off"), _l("it switches the approvals off")),
}
"""What makes an action wait for a second administrator: in a word, and after “because”."""

SOURCES: dict[str, Sentence] = {
    "panel": _l("Panel"),
    "web": _l("Own pages"),
    "api": _l("API"),
    "import": _l("Import"),
    "cli": _l("Command line"),
    "system": _l("System"),
}

BYPASSES: dict[str, Sentence] = {
    Bypass.AWAY: _l("while the store was out of use"),
    Bypass.WRITING: _l("inside a change"),
    Bypass.REFUSED: _l("because its rows may not be kept"),
    Bypass.TOO_LARGE: _l("because its rows were too many to keep"),
}
"""Why the query cache did not answer, to stand after a number of times."""

STORES: dict[str, Sentence] = {
    Place.REDIS: _l("Redis server"),
    Place.SENTINEL: _l("Redis server, found by its sentinels"),
    Place.MEMORY: _l("Memory of each process"),
}
"""Where the query cache keeps its values."""

ACCESS_ROLES: dict[str, Sentence] = {
    "administrator": _l("Administrator"),
    "hr": _l("HR"),
    "manager": _l("Manager"),
    "staff": _l("Staff"),
    "auditor": _l("Auditor"),
}


def access_role(name: str) -> str:
    """Return the name of an access role for people; those that administrators made are shown as they named them."""
    return str(ACCESS_ROLES.get(name, name))


def shown(value: Any) -> str:
    """Return a value as people read it, in their language; "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, StrEnum):
        return str(WORDS.get(value, value))
    if isinstance(value, bool):
        return str(_l("Yes") if value else _l("No"))
    if isinstance(value, datetime):
        return str(format_datetime(value, "medium"))
    if isinstance(value, date):
        return str(format_date(value, "medium"))
    if isinstance(value, Decimal):
        return str(format_decimal(value))
    return str(value)


def action(name: str) -> str:
    """Return what an action did; one of another version of the code is called as its name has it."""
    return str(ACTIONS.get(name, name.replace("_", " ").capitalize()))


def because(rules: Iterable[str]) -> str:
    """Return why something waits for a second administrator, to stand after “because”; "" where it doesn't."""
    *others, last = [str(RULES[rule][1]) if rule in RULES else rule for rule in rules] or [""]
    return str(_l("%(these)s, and %(last)s", these=", ".join(others), last=last)) if others else last


def money(amount: Decimal | None, currency: str | None, period: StrEnum | None = None) -> str:
    """Return an amount with its currency and for what it is paid, as far as they are known."""
    text = "–"
    if amount is not None:
        text = str(format_currency(amount, currency)) if currency else shown(amount)
    elif currency:
        text = currency
    return f"{text} {shown(period)}".strip()


def field(name: str) -> str:
    """Return the label of a field."""
    return str(FIELDS.get(name, name))


def initials(name: str) -> str:
    """Return what stands in for a photo: the first letters of the first and the last word."""
    words = name.split()
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


def last_day(valid_to: date | None) -> date | None:
    """Return the last day of a period, as people speak of it; the database holds the day after."""
    return valid_to - timedelta(days=1) if valid_to else None
