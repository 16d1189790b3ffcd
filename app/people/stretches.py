"""Stretches of a person's job or pay history, one after the other: loaded, split, taken out.

Intervals are half open. A history is a list of them, oldest first, kept in step with the rows it was made from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from itertools import pairwise
from typing import TypeVar

from sqlalchemy import select, update

from app.changes.tracking import KNOWINGLY
from app.core.chunks import chunks
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Assignment, Pay

Stretch = TypeVar("Stretch", Assignment, Pay)


def load(model: type[Stretch], employee_ids: Collection[int]) -> dict[int, list[Stretch]]:
    """Return the histories of these people, to change them; locked, so that whoever comes second waits."""
    found: dict[int, list[Stretch]] = {employee_id: [] for employee_id in sorted(employee_ids)}
    for some in chunks(found):
        query = select(model).where(model.employee_id.in_(some))
        for stretch in db.session.scalars(query.order_by(model.employee_id, model.valid_from).with_for_update()):
            found[stretch.employee_id].append(stretch)
    return found


def claim(employee_ids: Collection[int]) -> None:
    """Be the only one to add to the histories of these people; before a stretch that touches no other is added.

    A lock is not enough: PostgreSQL lets who waited for it go on with the snapshot of before. An update of the row lets
    them begin anew, also one that changes nothing.
    """
    rows = update(Employee).where(Employee.id.in_(employee_ids)).values(version=Employee.version)
    db.session.execute(rows, execution_options={KNOWINGLY: True, "synchronize_session": False})


def covering(history: Sequence[Stretch], day: date) -> Stretch | None:
    """Return the stretch that a day is in."""
    found = begun(history, day)
    return found if found and (found.valid_to is None or found.valid_to > day) else None


def begun(history: Sequence[Stretch], day: date) -> Stretch | None:
    """Return the latest stretch that began on a day or before it, over or not."""
    return next((stretch for stretch in reversed(history) if stretch.valid_from <= day), None)


def following(history: Sequence[Stretch], stretch: Stretch) -> list[Stretch]:
    """Return the stretches that follow one without a gap."""
    found: list[Stretch] = []
    for later in history[history.index(stretch) + 1 :]:
        if later.valid_from != (found[-1] if found else stretch).valid_to:
            break
        found.append(later)
    return found


def split(history: list[Stretch], stretch: Stretch, fresh: Stretch) -> Stretch:
    """End a stretch where `fresh` begins, which lasts as long as it would have; return `fresh`."""
    fresh.valid_to, stretch.valid_to = stretch.valid_to, fresh.valid_from
    return add(history, fresh)


def add(history: list[Stretch], fresh: Stretch) -> Stretch:
    """Put a new stretch into its place; return it."""
    later = sum(stretch.valid_from < fresh.valid_from for stretch in history)
    history.insert(later, fresh)
    db.session.add(fresh)
    return fresh


def take_out(history: list[Stretch], stretch: Stretch) -> None:
    """Remove a stretch; the one right before it lasts as long as both did."""
    place = history.index(stretch)
    if place and history[place - 1].valid_to == stretch.valid_from:
        history[place - 1].valid_to = stretch.valid_to
    drop(history, stretch)


def drop(history: list[Stretch], stretch: Stretch) -> None:
    """Remove a stretch and leave the gap."""
    history.remove(stretch)
    db.session.delete(stretch)


def overlap(history: Sequence[Stretch]) -> date | None:
    """Return the first day on which two stretches hold at once."""
    for earlier, later in pairwise(history):
        if earlier.valid_to is None or earlier.valid_to > later.valid_from:
            return later.valid_from
    return None
