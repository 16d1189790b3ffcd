"""Job history with effective dates; the employee row is today's view of it.

A person's stretches never overlap, and have no gap but for a time away (left, and came back). A change begins a stretch
on its day: today, earlier or later. What it says holds until the history itself changes that field again: later
stretches keep what they changed, and take over the rest. A stretch that begins after today is a planned change: it
shows in the employee row once it takes effect.

Of somebody who left the history ends after the last day. Who is to leave has one more stretch, from the day after, with
the status “left” and who takes over as its manager; it goes when the leaving takes effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, or_, select

from app.core.chunks import chunks
from app.core.clock import today
from app.core.problems import Invalid, Sentence
from app.extensions import db
from app.people import stretches
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay

HELD = ("status", "department_id", "role_id", "manager_id")
"""What an assignment says about a person."""
PLACE = HELD[1:]
"""What of it still tells of somebody who left: how they worked."""
DAY = timedelta(days=1)
History = list[Assignment]
Change = tuple[Employee, Mapping[str, Any]]


def of(employee_id: int) -> History:
    """Return a person's job history to look at, oldest first."""
    query = select(Assignment).where(Assignment.employee_id == employee_id)
    return list(db.session.scalars(query.order_by(Assignment.valid_from)))


def histories(people: Iterable[Employee]) -> dict[int, History]:
    """Return the job histories of these people to change them; who has none yet gets what the employee row says."""
    by_id = {person.id: person for person in people}
    found = stretches.load(Assignment, by_id)
    for employee_id, history in found.items():
        if not history:
            history.append(begin(by_id[employee_id], by_id[employee_id].hired_on))
    return found


def begin(person: Employee, valid_from: date) -> Assignment:
    """Open a job history with what the employee row says; of somebody who left it tells how they worked."""
    held = {field: getattr(person, field) for field in HELD}
    if person.status is Status.LEFT:
        held["status"] = Status.ACTIVE
    first = Assignment(employee_id=person.id, valid_from=valid_from, valid_to=None, **held)
    db.session.add(first)
    return first


def present(history: History) -> Assignment:
    """Return the stretch that the employee row shows: today's, the last of a leaver, the first of a newcomer."""
    jobs = [stretch for stretch in history if stretch.status is not Status.LEFT]
    return stretches.begun(jobs, today()) or jobs[0]


def leaving(history: History) -> Assignment | None:
    """Return the planned leaving, or the one that is due."""
    return history[-1] if history[-1].status is Status.LEFT else None


def until(history: History, day: date) -> date | None:
    """Return the first day on which somebody who works here on `day` does no longer; None where no end is in sight."""
    last = stretches.covering(history, day)
    for stretch in stretches.following(history, last) if last else ():
        if stretch.status is not Status.LEFT:
            last = stretch
    return last.valid_to if last else None


def fault(person: Employee, history: History, day: date) -> Sentence | None:
    """Return why nothing can change on a day: before the first day of work, after the last one, or between two jobs."""
    if day < person.hired_on or day < history[0].valid_from:
        return _l("This is before the first day of work.")
    stretch = stretches.covering(history, day)
    if stretch and stretch.status is not Status.LEFT:
        return None
    if stretch or stretches.begun(history, day) is history[-1]:
        return _l("This is after the last day of work.")
    return _l("There was no job on this day, between leaving and coming back.")


def change(changes: Sequence[Change], valid_from: date | None = None) -> None:
    """Let fields of people hold other values from a day on; None is today, or the first day of who has yet to begin.

    Raises `Invalid` for a day on which somebody can't change.
    """
    found = histories(person for person, _ in changes)
    faults: list[tuple[Employee, Sentence]] = []
    for person, values in changes:
        history = found[person.id]
        day = valid_from or max(today(), history[0].valid_from)
        if sentence := fault(person, history, day):
            faults.append((person, sentence))
        else:
            _place(history, day, values)
    if faults:
        raise Invalid({"valid_from": named(faults, len(changes))})
    db.session.flush()  # told in this order: the history, then the row that shows it
    for person, values in changes:
        _settle(person, found[person.id], values)


def correct(person: Employee, history: History, values: Mapping[str, Any]) -> None:
    """Let the present stretch, and what follows from it, say something else from its beginning; the row with it."""
    _place(history, present(history).valid_from, values)
    _settle(person, history, values)


def replace(field: str, changes: Sequence[tuple[Employee, int, int | None]], day: date) -> None:
    """Let each person's field hold the new value (third) wherever it holds the old one (second) from `day` on."""
    found = histories(person for person, _, _ in changes)
    for person, old, new in changes:
        history = found[person.id]
        for stretch in list(history):
            is_over = stretch.valid_to is not None and stretch.valid_to <= day
            if getattr(stretch, field) == old and stretch.status is not Status.LEFT and not is_over:
                setattr(_from(history, stretch, day), field, new)
        if getattr(person, field) == old and person.status is not Status.LEFT:
            setattr(person, field, new)


def end(history: History, last_day: date, successor_id: int | None = None) -> None:
    """End a job history after `last_day`, which may lie ahead; what was planned for later goes.

    Raises `Invalid` where something that took effect already begins later.
    """
    over, plan = last_day + DAY, leaving(history)
    later = [stretch for stretch in history if stretch.valid_from > last_day and stretch is not plan]
    for stretch in later:
        if stretch.valid_from <= today():
            raise Invalid(
                {"left_on": _l("The job history has a change after this day, from %(day)s.", day=stretch.valid_from)}
            )
    gone = later if plan is None or last_day > today() else [*later, plan]
    for stretch in gone:
        stretches.drop(history, stretch)
    if gone:
        db.session.flush()  # before something else begins on one of their days
    last = next(stretch for stretch in reversed(history) if stretch.status is not Status.LEFT)
    last.valid_to = over
    if last_day > today():
        if plan is None:
            plan = Assignment(employee_id=last.employee_id, status=Status.LEFT, valid_from=over)
            stretches.add(history, plan)
        plan.valid_from, plan.manager_id = over, successor_id


def move_end(person: Employee, history: History, was: date) -> None:
    """Let the history of somebody who left end on their corrected last day; raise `Invalid` where it can't."""
    assert person.left_on is not None
    last = stretches.begun(history, was)
    assert last is not None
    begun = last.valid_from if last.valid_from > person.left_on else None
    later = next((s.valid_from for s in history if was < s.valid_from <= person.left_on), None)
    if day := begun or later:
        raise Invalid({"left_on": _l("The job history has a change after this day, from %(day)s.", day=day)})
    last.valid_to = person.left_on + DAY


def move_start(person: Employee, history: History, was: date) -> None:
    """Let the history begin on the corrected first day; raise `Invalid` when that is after its first change."""
    first = history[0]
    if first.valid_from != was:
        return
    if first.valid_to is not None and first.valid_to <= person.hired_on:
        raise Invalid({"hired_on": _l("The job history has a change on %(day)s, before this day.", day=first.valid_to)})
    first.valid_from = person.hired_on


def reopen(history: History, left_on: date) -> None:
    """Take back the end of a job history, entered by mistake."""
    last = stretches.begun(history, left_on)
    assert last is not None
    later = history[history.index(last) + 1 :]
    last.valid_to = later[0].valid_from if later else None


def return_fault(person: Employee, history: History, day: date) -> Sentence | None:
    """Return why somebody who left can't be back from a day on."""
    assert person.left_on is not None
    if day <= person.left_on:
        return _l("This is before the last day of work, %(day)s.", day=person.left_on)
    if history[-1].valid_from > person.left_on:
        return _l("%(name)s is to come back on %(day)s already.", name=person.name, day=history[-1].valid_from)
    return None


def come_back(person: Employee, history: History, day: date, held: Mapping[str, Any]) -> None:
    """Begin a new job of somebody who left, on a day without `return_fault`; the row shows it once that day is here."""
    stretches.add(history, Assignment(employee_id=person.id, valid_from=day, valid_to=None, **held))
    if day <= today():
        show(person, history)


def show(person: Employee, history: History) -> None:
    """Let the employee row say what the present stretch says; who is back has no last day any more."""
    now = present(history)
    if person.status is Status.LEFT:
        person.left_on = person.leaving_reason = None
    for field in HELD:
        if getattr(person, field) != getattr(now, field):
            setattr(person, field, getattr(now, field))


def take_back(history: History, stretch: Assignment) -> None:
    """Undo what begins with a stretch: what was before goes on, and what later stretches took over goes with it."""
    place = history.index(stretch)
    before = history[place - 1]
    if before.valid_to != stretch.valid_from:  # a return: without it there is no job to change either
        for later in history[place:]:
            stretches.drop(history, later)
        return
    if stretch.status is not Status.LEFT:
        _set(history, stretch, {field: getattr(before, field) for field in HELD})
    stretches.take_out(history, stretch)


def due(person: Employee, history: History) -> Assignment | None:
    """Return today's stretch where the employee row does not show it yet."""
    now = stretches.covering(history, today())
    if now is None:
        return None
    if person.status is Status.LEFT:
        return now if person.left_on and now.valid_from > person.left_on else None
    return now if any(getattr(now, field) != getattr(person, field) for field in HELD) else None


def due_ids(since: date | None, after: int, most: int) -> list[int]:
    """Return whose row does not show today's stretch yet, by id; `since` bounds the search to what began lately."""
    differs = or_(*(getattr(Assignment, field).is_distinct_from(getattr(Employee, field)) for field in HELD))
    is_here = and_(Employee.status != Status.LEFT, differs)
    is_back = and_(Employee.status == Status.LEFT, Assignment.valid_from > Employee.left_on)
    query = (
        select(Assignment.employee_id)
        .join(Employee, Employee.id == Assignment.employee_id)
        .where(
            Assignment.valid_from <= today(),
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > today()),
            or_(is_here, is_back),
            Assignment.employee_id > after,
        )
    )
    if since is not None:
        query = query.where(Assignment.valid_from >= since)
    return list(db.session.scalars(query.order_by(Assignment.employee_id).limit(most)))


def check(*employee_ids: int) -> None:
    """Raise `Invalid` where stretches of these people overlap, or today's is not what the employee row says.

    For whoever writes histories by other ways than the functions above, an undo for one; call it after the flush.
    """
    found = stretches.load(Assignment, employee_ids)
    paid = stretches.load(Pay, employee_ids)
    for ids in chunks(employee_ids):
        for person in db.session.scalars(select(Employee).where(Employee.id.in_(ids)).order_by(Employee.id)):
            history = found[person.id]
            if day := stretches.overlap(history) or stretches.overlap(paid[person.id]):
                words = _l("The history of %(name)s would say two things on %(day)s.", name=person.name, day=day)
                raise Invalid({"": words})
            if not (_fits_leaver(person, history) if person.status is Status.LEFT else _fits(person, history)):
                words = _l("The job history of %(name)s would not fit their record of today.", name=person.name)
                raise Invalid({"": words})


def named(faults: Sequence[tuple[Employee, Sentence]], among: int) -> list[Sentence]:
    """Return sentences, each with whom it is about where several people were meant."""
    if among == 1:
        return [sentence for _, sentence in faults]
    return [_l("%(name)s: %(sentence)s", name=person.name, sentence=sentence) for person, sentence in faults]


def _fits(person: Employee, history: History) -> bool:
    """Say whether a history is that of somebody who works here, or has yet to begin."""
    if not history or history[-1].valid_to is not None or any(s.status is Status.LEFT for s in history[:-1]):
        return False
    now = stretches.covering(history, today()) or (history[0] if history[0].valid_from > today() else None)
    return now is not None and all(getattr(now, field) == getattr(person, field) for field in HELD)


def _fits_leaver(person: Employee, history: History) -> bool:
    """Say whether a history ends after the last day, but for a return that lies ahead."""
    assert person.left_on is not None
    last = stretches.begun(history, person.left_on)
    return (
        last is not None
        and last.valid_to == person.left_on + DAY
        and all(stretch.valid_from > today() for stretch in history[history.index(last) + 1 :])
        and all(getattr(last, field) == getattr(person, field) for field in PLACE)
    )


def _place(history: History, day: date, values: Mapping[str, Any]) -> None:
    """Let the fields hold these values from a day on that has a stretch."""
    stretch = stretches.covering(history, day)
    assert stretch is not None
    if any(getattr(stretch, field) != value for field, value in values.items()):
        _set(history, _from(history, stretch, day), values)


def _from(history: History, stretch: Assignment, day: date) -> Assignment:
    """Return the part of a stretch from a day on: the stretch itself, or a new one that says the same."""
    if stretch.valid_from >= day:
        return stretch
    held = {field: getattr(stretch, field) for field in HELD}
    return stretches.split(history, stretch, Assignment(employee_id=stretch.employee_id, valid_from=day, **held))


def _set(history: History, stretch: Assignment, values: Mapping[str, Any]) -> None:
    """Set fields of a stretch, and of those after it as long as they only carried the old value on."""
    for field, value in values.items():
        was = getattr(stretch, field)
        for carrier in (stretch, *stretches.following(history, stretch)):
            if getattr(carrier, field) != was or (carrier is not stretch and carrier.status is Status.LEFT):
                break
            setattr(carrier, field, value)


def _settle(person: Employee, history: History, fields: Iterable[str]) -> None:
    """Let these fields of the row follow the present stretch; that of somebody who left doesn't say so."""
    now = present(history)
    for field in fields:
        if not (field == "status" and person.status is Status.LEFT) and getattr(person, field) != getattr(now, field):
            setattr(person, field, getattr(now, field))
