"""What importing a row would do: make a person, change some fields, nothing, or refuse it and say why."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _

from app.actions.imports.live import Choices, Known, People
from app.actions.imports.names import Name, is_same_person
from app.actions.imports.records import Record
from app.core import text
from app.people.department import Department
from app.people.employee import Status
from app.people.history import PayPeriod
from app.people.role import Role


class Kind(StrEnum):
    """What happens to a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(slots=True)
class Outcome:
    """What happens to one row: the fields that change (before, after, as text), or the reasons why it is refused.

    `values`, `pay` and the two names are what is written; `person_id` is empty for somebody new until they are there.
    """

    row: int
    number: str
    name: Name
    kind: Kind
    reasons: list[str] = field(default_factory=list)
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    person_id: int | None = None
    version: int | None = None
    status: Status = Status.ACTIVE
    manager_id: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    department: str = ""
    role: str = ""
    pay: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Comparison:
    """What rows are compared with and under which terms; gathers what is missing and what was seen on the way."""

    departments: Choices
    roles: Choices
    create_missing: bool
    currency: str | None
    default_currency: str
    seen: dict[tuple[str, str | int], int] = field(default_factory=dict)
    new_departments: dict[str, str] = field(default_factory=dict)
    new_roles: dict[str, str] = field(default_factory=dict)
    currency_assumed: int = 0


def compare(record: Record, people: People, terms: Comparison) -> Outcome:
    """Return what importing `record` would do; `people` holds at least everybody with its number or e-mail."""
    values = record.values
    number_key, email_key = text.key(values.get("number", "")), text.key(values.get("email", ""))
    known = people.by_number.get(number_key) if number_key else people.by_email.get(email_key)
    number = known.columns["number"] if known else values.get("number", "")
    outcome = Outcome(record.row, number, record.name, Kind.NEW, list(record.problems))
    outcome.reasons += _twice(record.row, number_key, email_key, known, terms)
    if known:
        outcome.person_id, outcome.version, outcome.status = known.id, known.version, known.columns["status"]
        outcome.manager_id = known.columns["manager_id"]
        if record.name.first and not is_same_person(record.name, known.name):
            outcome.reasons.append(_another_name(known, record.name, by_number=bool(number_key)))
    owner = people.by_email.get(email_key)
    if email_key and owner and owner is not known:
        outcome.reasons.append(
            _(
                "The e-mail address belongs to %(name)s (%(number)s).",
                name=owner.name.whole,
                number=owner.columns["number"],
            )
        )
    if outcome.reasons:
        outcome.kind = Kind.REFUSED
        return outcome
    _check_end(record, known, outcome)
    outcome.status = values.get("status", outcome.status)
    _compare_values(values, known, outcome)
    _place(record, known, outcome, terms)
    _compare_pay(record, known, outcome, terms)
    if outcome.reasons:
        outcome.kind = Kind.REFUSED
    elif known:
        outcome.kind = Kind.CHANGED if outcome.changes else Kind.UNCHANGED
    _note_new(outcome, terms)
    return outcome


def _twice(row: int, number_key: str, email_key: str, known: Known | None, terms: Comparison) -> list[str]:
    """Return why the row repeats an earlier one, and remember it."""
    keys: list[tuple[str, str | int]] = []
    if number_key:
        keys.append(("number", number_key))
    if email_key:
        keys.append(("email", email_key))
    if known:
        keys.append(("id", known.id))
    first = min((terms.seen[key] for key in keys if key in terms.seen), default=None)
    for key in keys:
        terms.seen.setdefault(key, row)
    return [] if first is None else [_("Row %(row)d has the same number or e-mail address already.", row=first)]


def _another_name(known: Known, name: Name, by_number: bool) -> str:
    if by_number:
        return _(
            "Number %(number)s belongs to %(known)s here, not to %(name)s.",
            number=known.columns["number"],
            known=known.name.whole,
            name=name.whole,
        )
    return _("The e-mail address belongs to %(known)s here, not to %(name)s.", known=known.name.whole, name=name.whole)


def _check_end(record: Record, known: Known | None, outcome: Outcome) -> None:
    """Note what about the beginning or end of the employment does not go together with what is known here."""
    values = record.values
    has_left = known is not None and known.columns["status"] is Status.LEFT
    status = values.get("status")
    if status is Status.LEFT and "left_on" not in values and not has_left:
        outcome.reasons.append(_("The status says that the person has left, but there is no last day."))
    if has_left and known and status not in (None, Status.LEFT):
        outcome.reasons.append(
            _("This person left on %(day)s: record the return by hand.", day=known.columns["left_on"].isoformat())
        )
    if known is None and "hired_on" not in values:
        outcome.reasons.append(_("There is no first day of work, which a new person needs."))
    if known and not outcome.reasons:
        merged = {name: values.get(name, known.columns[name]) for name in ("hired_on", "left_on")}
        for name in ("probation_until", "contract_until"):
            merged[name] = values.get(name, known.columns[name])
        if any(day is not None and day < merged["hired_on"] for name, day in merged.items() if name != "hired_on"):
            outcome.reasons.append(_("The first day would be after the last one, or after probation or contract end."))


def _compare_values(values: dict[str, Any], known: Known | None, outcome: Outcome) -> None:
    """Note the columns that are filled and differ; the name of somebody who is here is never touched."""
    for name, value in values.items():
        if known is None:
            outcome.values[name] = value
            continue
        before = known.columns[name]
        same = text.key(before or "") == text.key(value) if name in ("number", "email") else before == value
        if name not in ("first_name", "last_name") and not same:
            outcome.values[name] = value
            outcome.changes[name] = (_shown(before), _shown(value))


def _place(record: Record, known: Known | None, outcome: Outcome, terms: Comparison) -> None:
    """Note department and role where they differ; refuse those that are missing or closed.

    Somebody who has left may have worked in what is closed by now.
    """
    for field_, said, choices, longest in (
        ("department", record.department, terms.departments, Department.NAME_LENGTH),
        ("role", record.role, terms.roles, Role.TITLE_LENGTH),
    ):
        if not said:
            continue
        found = choices.by_key.get(text.key(said))
        before = known.columns[f"{field_}_id"] if known else None
        if found and found[0] == before:
            continue
        if found and found[2] and outcome.status is not Status.LEFT:
            outcome.reasons.append(
                _("Department “%(name)s” is closed.", name=found[1])
                if field_ == "department"
                else _("Role “%(name)s” is closed.", name=found[1])
            )
        elif not found and len(said) > longest:
            outcome.reasons.append(_("“%(name)s…” is longer than %(most)d letters.", name=said[:40], most=longest))
        elif not found and not terms.create_missing:
            outcome.reasons.append(
                _("There is no department “%(name)s”: create it, or use --create-missing.", name=said)
                if field_ == "department"
                else _("There is no role “%(name)s”: create it, or use --create-missing.", name=said)
            )
        setattr(outcome, field_, said)
        if known:
            outcome.changes[field_] = (choices.names.get(before, "") if before else "", found[1] if found else said)


def _compare_pay(record: Record, known: Known | None, outcome: Outcome, terms: Comparison) -> None:
    """Note the pay where it differs; a currency or period that the row doesn't say stays as it is here."""
    if record.pay is None:
        return
    present = known.pay if known else None
    allowed = record.pay.currencies
    said = record.currency or (allowed[0] if len(allowed) == 1 else "") or terms.currency or ""
    currency = said or (present[1] if present else terms.default_currency)
    if allowed and currency not in allowed:
        outcome.reasons.append(
            _("The sign of the amount does not fit the currency %(currency)s: use --currency.", currency=currency)
        )
        return
    period = PayPeriod(record.period) if record.period else present[2] if present else PayPeriod.YEAR
    if present == (record.pay.amount, currency, period):
        return
    if not said and not present:
        terms.currency_assumed += 1
    outcome.pay = {"amount": str(record.pay.amount), "currency": currency, "period": period.value}
    if known:
        before = _pay_shown(*present) if present else ""
        outcome.changes["pay"] = (before, _pay_shown(record.pay.amount, currency, period))


def _note_new(outcome: Outcome, terms: Comparison) -> None:
    """Remember the departments and roles that a row needs and nobody has made."""
    if outcome.kind is Kind.REFUSED:
        return
    if outcome.department and text.key(outcome.department) not in terms.departments.by_key:
        terms.new_departments.setdefault(text.key(outcome.department), outcome.department)
    if outcome.role and text.key(outcome.role) not in terms.roles.by_key:
        terms.new_roles.setdefault(text.key(outcome.role), outcome.role)


def _pay_shown(amount: Decimal, currency: str, period: PayPeriod) -> str:
    return f"{amount:.2f} {currency}/{period.value}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value.value if isinstance(value, StrEnum) else str(value)
