"""What happens to pay: raised from a day on, corrected, removed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import require
from app.actions.guard import loaded, refuse_stale
from app.actions.people import as_day, loaded_people
from app.actions.registry import action
from app.core.clock import today
from app.core.problems import Invalid, NotFound, Sentence
from app.core.values import clean
from app.people import assignments, pay, stretches
from app.people.assignments import named
from app.people.employee import Employee
from app.people.history import Pay, PayPeriod

MAY = (Action.EDIT, Subject.COMPENSATION)
CURRENCY = re.compile("[A-Z]{3}")
MOST_PERCENT = 1000


@action("raise_pay", needs=MAY, over="employee_ids")
def raise_pay(
    actor: Actor,
    employee_ids: Sequence[int],
    valid_from: date | str | None = None,
    percent: Any = None,
    amount: Any = None,
    currency: str | None = None,
    period: str | None = None,
    pay_reason: str | None = None,
) -> int:
    """Pay people more, or less, from a day on, until the next pay that is recorded; return how many.

    Either by so many per cent of what each is paid on that day, or a new amount, in their own currency and for their
    own period unless others are given.
    """
    people, day = loaded_people(actor, employee_ids, MAY), as_day(valid_from)
    share = _percent(percent)
    given = {"amount": amount, "currency": currency, "period": period, "reason": pay_reason}
    wanted = _cleaned({field: value for field, value in given.items() if value not in (None, "")})
    if (share is None) == ("amount" not in wanted):
        raise Invalid({"percent": _l("Enter either a percentage or a new amount.")})
    if share is not None and wanted.keys() & {"currency", "period"}:
        raise Invalid({"currency": _l("A raise by per cent keeps currency and period. Leave them empty.")})
    stretches.claim([person.id for person in people])
    jobs, histories = assignments.histories(people), pay.histories(people)
    errors: dict[str, list[tuple[Employee, Sentence]]] = {}
    for person in people:
        job, history = jobs[person.id], histories[person.id]
        start = day or max(today(), job[0].valid_from)
        if sentence := assignments.fault(person, job, start):
            errors.setdefault("valid_from", []).append((person, sentence))
            continue
        field, sentence, values = _new_pay(stretches.covering(history, start), share, wanted)
        if sentence:
            errors.setdefault(field, []).append((person, sentence))
        else:
            pay.place(person, history, start, values, assignments.until(job, start))
    if errors:
        raise Invalid({field: named(faults, len(people)) for field, faults in errors.items()})
    return len(people)


@action("correct_pay", needs=MAY)
def correct_pay(
    actor: Actor, employee_id: int, pay_id: int, values: Mapping[str, Any], version: int | None = None
) -> int:
    """Correct what a stretch of somebody's pay says: it was wrong from its beginning; return its id."""
    row = _own(actor, employee_id, pay_id)
    cleaned = _cleaned(values)
    if version is not None:
        refuse_stale(row, version, cleaned)
    for field, value in cleaned.items():
        setattr(row, field, value)
    return row.id


@action("remove_pay", needs=MAY)
def remove_pay(actor: Actor, employee_id: int, pay_id: int, version: int | None = None) -> None:
    """Remove a stretch of pay that was entered by mistake, or planned: the pay before it goes on."""
    row = _own(actor, employee_id, pay_id)
    if version is not None:
        refuse_stale(row, version, {})
    history = pay.histories([row.employee])[employee_id]
    stretches.take_out(history, row)


def _own(actor: Actor, employee_id: int, pay_id: int) -> Pay:
    """Return a stretch of this person's pay; raise `NotFound` for another's."""
    require(actor, *MAY, employee_id)
    row = loaded(Pay, pay_id)
    if row.employee_id != employee_id:
        raise NotFound()
    return row


def _new_pay(now: Pay | None, share: Decimal | None, wanted: dict[str, Any]) -> tuple[str, Sentence, dict[str, Any]]:
    """Return what somebody is paid from now on, or the field and the sentence of what is missing for it."""
    if now is None and share is not None:
        return "percent", _l("There is no pay on that day to raise. Enter an amount."), {}
    if now is None and "currency" not in wanted:
        return "currency", _l("There is no pay on that day yet. Enter the currency."), {}
    before = {"currency": now.currency, "period": now.period} if now else {"period": PayPeriod.YEAR}
    values = {"reason": None, **before, **wanted}
    if share is not None and now is not None:
        values["amount"] = pay.raised(now.amount, share)
        if values["amount"] >= Decimal(10) ** 12:
            return "percent", _l("This number is too large."), {}
    return "", "", values


def _percent(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        share = Decimal(str(value).strip())
    except InvalidOperation:
        raise Invalid({"percent": _l("Enter a number.")}) from None
    if not share.is_finite() or not -100 < share <= MOST_PERCENT or share == 0:
        raise Invalid({"percent": _l("Enter a percentage above −100 and up to 1,000, like 3 or 2.5.")})
    return share


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pay says as its columns have it; raise `Invalid`."""
    cleaned = clean(Pay, values, pay.SAID, required=("amount", "currency", "period"))
    errors: dict[str, Sentence] = {}
    if cleaned.get("amount", 0) < 0:
        errors["amount"] = _l("Enter an amount of 0 or more.")
    if "currency" in cleaned:
        cleaned["currency"] = cleaned["currency"].upper()
        if not CURRENCY.fullmatch(cleaned["currency"]):
            errors["currency"] = _l("Enter a currency like EUR.")
    if errors:
        raise Invalid(errors)
    return cleaned
