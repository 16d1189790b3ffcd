"""Pay history with effective dates: each stretch says whole what is paid, so a later one never changes with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.core.clock import today
from app.people import stretches
from app.people.assignments import DAY
from app.people.employee import Employee
from app.people.history import Pay

SAID = ("amount", "currency", "period", "reason")
"""What a stretch of pay says."""
CENT = Decimal("0.01")
History = list[Pay]


def histories(people: Iterable[Employee]) -> dict[int, History]:
    """Return the pay histories of these people to change them, oldest first."""
    return stretches.load(Pay, [person.id for person in people])


def present(history: History) -> Pay | None:
    """Return today's pay, or the last, or the first where none has begun."""
    return stretches.begun(history, today()) or next(iter(history), None)


def raised(amount: Decimal, percent: Decimal) -> Decimal:
    """Return an amount raised by so many per cent, to the cent, half a cent up."""
    return (amount * (100 + percent) / 100).quantize(CENT, ROUND_HALF_UP)


def place(person: Employee, history: History, day: date, values: Mapping[str, Any], until: date | None) -> None:
    """Let a person be paid this from a day on until the next pay that is recorded, or until `until`."""
    now = stretches.covering(history, day)
    if now and now.valid_from == day:
        for field, value in values.items():
            setattr(now, field, value)
        return
    fresh = Pay(employee_id=person.id, valid_from=day, **values)
    if now:
        stretches.split(history, now, fresh)
        return
    later = [pay.valid_from for pay in history if pay.valid_from > day]
    fresh.valid_to = min([*later, *([until] if until else [])], default=None)
    stretches.add(history, fresh)


def end(history: History, last_day: date, was: date | None = None) -> None:
    """End a pay history after `last_day`, also where a leaving after `was` ended it; what begins later goes."""
    for pay in [pay for pay in history if pay.valid_from > last_day]:
        stretches.drop(history, pay)
    last = history[-1] if history else None
    if last and (last.valid_to is None or last.valid_to > last_day or (was and last.valid_to == was + DAY)):
        last.valid_to = last_day + DAY


def move_end(history: History, last_day: date, was: date) -> None:
    """Let the pay history of somebody who left on `was` end on their corrected last day."""
    end([pay for pay in history if pay.valid_from <= was], last_day, was)


def reopen(history: History, left_on: date) -> None:
    """Take back the end that a leaving put to a pay history."""
    for place, pay in enumerate(history):
        if pay.valid_to == left_on + DAY:
            pay.valid_to = history[place + 1].valid_from if place + 1 < len(history) else None
