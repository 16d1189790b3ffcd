"""The journal as its readers see it: change sets, newest first, each with what it changed.

Whoever may see the journal sees a set if they may see at least one of its changes: a change of a person's field takes
the right on that field group of that person, any other the right on its table. What a list is narrowed by is looked
for in those changes only, so that neither hits nor counts tell what is hidden.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, exists, false, func, or_, select
from sqlalchemy.orm import aliased

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts.models import User
from app.changes.journal import ChangeRow, ChangeSet, Segment, change_of
from app.changes.tracking import Change
from app.core.jobs.job import UNFINISHED, Job
from app.core.problems import NotFound
from app.core.text import UNSTORABLE
from app.extensions import db
from app.people.employee import Employee
from app.reading.differences import OF_ALL, OF_PEOPLE
from app.reading.journal_filters import OF_CHANGES, OF_RECORDS, OF_SETS, Condition
from app.reading.journal_rights import has_field, seen, sees_all, sees_everything
from app.reading.paging import Order, Page, Place, listed, placed, write_cursor

ORDER = Order(ChangeSet.at, ChangeSet.id, is_descending=True)
SHOWN = 10
"""So many changes of each set stand in a list."""
CHUNK = 500
RARE = 5_000
"""So many changes are few enough to be looked up all."""
PART = 100
"""So many changes of a set stand on one of its pages."""
Undoing = aliased(ChangeSet)


@dataclass(frozen=True, slots=True)
class Entry:
    """A change set: who did what, through which door and why, and `changes` of it that its reader may see.

    `actor` is a name, None for an account that is gone; `actor_id` None is the operator, or the system itself.
    `about` are the people whom the action named; `job_id` is the work that still adds to the set.
    """

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    action: str
    source: str
    reason: str | None
    records: int
    undoes_id: int | None
    undone_by_id: int | None
    job_id: int | None
    about: frozenset[int]
    request_id: str | None
    address: str | None
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Part:
    """A change set with one page of all its changes, those that its reader may not see included."""

    entry: Entry
    number: int
    parts: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of change sets is asked for."""

    filters: Mapping[str, str] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    size: int = 50


def sets(actor: Actor, wanted: Wanted) -> Page[Entry]:
    """Return one page of change sets, the newest first."""
    actor.require(Action.VIEW, Subject.JOURNAL)
    is_rare = _is_rare(wanted)
    ids = visible_sets(actor, wanted, is_rare=is_rare)
    page = listed(ids, ORDER, wanted.place, wanted.size, _entries, lambda e: (e.at, e.id))
    page.rows = _with_changes(actor, wanted, page.rows, is_rare=is_rare)
    return page


def latest(actor: Actor, limit: int) -> Iterator[Entry]:
    """Yield the latest change sets without what they changed, read in chunks by key so that nothing piles up."""
    actor.require(Action.VIEW, Subject.JOURNAL)
    place = Place()
    while limit > 0:
        size = min(limit, CHUNK)
        chosen = placed(visible_sets(actor, Wanted()), ORDER, place, size).subquery()
        entries = _entries(chosen, False)
        yield from entries[:size]
        if len(entries) <= size:
            return
        limit -= size
        place = Place(after=write_cursor(entries[size - 1].at, entries[size - 1].id))


def told(actor: Actor, set_ids: Collection[int]) -> dict[int, tuple[str, datetime]]:
    """Return action and moment of those of these change sets that the actor may see."""
    if not set_ids or not actor.can(Action.VIEW, Subject.JOURNAL):
        return {}
    query = visible_sets(actor, Wanted(), ChangeSet.id.in_(set_ids)).add_columns(ChangeSet.action)
    return {set_id: (action, at) for set_id, at, action in db.session.execute(query)}


def one(actor: Actor, set_id: int, number: int = 1) -> Part:
    """Return a change set with one page of its changes, of those pages the nearest; raise `NotFound`."""
    actor.require(Action.VIEW, Subject.JOURNAL)
    chosen = visible_sets(actor, Wanted()).where(ChangeSet.id == set_id).subquery()
    entry = next(iter(_entries(chosen, False)), None)
    if entry is None:
        raise NotFound()
    pages = _pages(set_id)
    number = min(max(number, 1), max(len(pages), 1))
    changes = _page_of_segment(*pages[number - 1]) if pages else []
    return Part(replace(entry, changes=changes), number, max(len(pages), 1))


# Which sets there are for a reader


def visible_sets(
    actor: Actor, wanted: Wanted, *more: ColumnElement[bool], is_rare: bool = False
) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of id and moment of the change sets in a list, rights and all.

    What is rare is looked up by its index; for the rest the sets are walked, which ends as soon as a page is full.
    """
    query = select(ChangeSet.id, ChangeSet.at).where(*_asked(actor, wanted, OF_SETS), *more)
    rows = select(Segment.change_set_id).join(ChangeRow, ChangeRow.segment_id == Segment.id)
    conditions = _row_conditions(actor, wanted)
    if is_rare:
        rare = rows.where(*conditions, *_of_tables(wanted)).distinct().subquery()
        return query.join(rare, rare.c.change_set_id == ChangeSet.id)
    # A LIMIT keeps MariaDB from reading all changes there are first, as it would for EXISTS or IN.
    one_of = rows.where(Segment.change_set_id == ChangeSet.id, *conditions).limit(1)
    found = one_of.correlate(ChangeSet).scalar_subquery().is_not(None)
    if any(name in OF_CHANGES for name in wanted.filters):
        return query.where(found)
    if sees_everything(actor):
        return query
    if sees_all(actor, Subject.ACCOUNTS):  # what left no change behind is about access: links, exports, refusals
        filled = exists(select(Segment.id).where(Segment.change_set_id == ChangeSet.id, Segment.count > 0))
        return query.where(or_(found, ~filled))
    return query.where(found)


def _row_conditions(actor: Actor, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what a change has to meet, all at once, for its set to be in the list."""
    asked = [*_asked(actor, wanted, OF_RECORDS), *_asked(actor, wanted, OF_CHANGES)]
    return [*asked, seen(actor, wanted.filters.get("field"))]


def _asked(actor: Actor, wanted: Wanted, filters: Mapping[str, Condition]) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters in use; a value that means nothing finds nothing."""
    conditions = []
    for name, value in wanted.filters.items():
        if name in filters:
            try:
                conditions.append(false() if UNSTORABLE.search(value) else filters[name](actor, value))
            except (ValueError, OverflowError):
                conditions.append(false())
    return conditions


def _is_rare(wanted: Wanted) -> bool:
    """Say whether the filters leave few changes: those of one record, or of tables that hardly ever change."""
    if _is_of_record(wanted) or not any(name in OF_CHANGES for name in wanted.filters):
        return _is_of_record(wanted)
    found = select(ChangeRow.id).where(*_of_tables(wanted)).limit(RARE + 1).subquery()
    return db.session.execute(select(func.count()).select_from(found)).scalar_one() <= RARE


def _is_of_record(wanted: Wanted) -> bool:
    return any(name in OF_RECORDS for name in wanted.filters)


def _of_tables(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the condition for the tables that the filters leave; of one record's changes no table has to be asked."""
    table, name = wanted.filters.get("entity"), wanted.filters.get("field")
    if _is_of_record(wanted) or (table is None and name is None):
        return []
    tables = [one for one in (*OF_PEOPLE, *OF_ALL) if table in (None, one) and has_field(one, name)]
    return [ChangeRow.entity.in_(tables)]


# Reading them


def _entries(chosen: Subquery, is_backwards: bool) -> list[Entry]:
    return [_entry(*row) for row in db.session.execute(_entries_of(chosen, is_backwards))]


def _entries_of(chosen: Subquery, is_backwards: bool) -> Select[*tuple[Any, ...]]:
    records = select(func.sum(Segment.count)).where(Segment.change_set_id == ChangeSet.id)
    undone_by = select(func.max(Undoing.id)).where(Undoing.undoes_id == ChangeSet.id)
    job = select(func.max(Job.id)).where(Job.change_set_id == ChangeSet.id, Job.state.in_(UNFINISHED))
    return (
        select(
            ChangeSet,
            User.email,
            Employee.first_name,
            Employee.last_name,
            records.correlate(ChangeSet).scalar_subquery(),
            undone_by.correlate(ChangeSet).scalar_subquery(),
            job.correlate(ChangeSet).scalar_subquery(),
        )
        .join(chosen, chosen.c.id == ChangeSet.id)
        .outerjoin(User, User.id == ChangeSet.actor_id)
        .outerjoin(Employee, Employee.id == User.employee_id)
        .order_by(*ORDER.clauses(is_backwards))
    )


def _entry(
    row: ChangeSet,
    email: str | None,
    first: str | None,
    last: str | None,
    records: Any,
    undone_by_id: int | None,
    job_id: int | None,
) -> Entry:
    named = [(row.arguments or {}).get(name) for name in ("employee_id", "employee_ids")]
    return Entry(
        id=row.id,
        at=row.at,
        actor_id=row.actor_id,
        actor=f"{first} {last}".strip() if first else email,
        action=row.action,
        source=row.source,
        reason=row.reason,
        records=int(records or 0),
        undoes_id=row.undoes_id,
        undone_by_id=undone_by_id,
        job_id=job_id,
        about=frozenset(i for ids in named for i in (ids if isinstance(ids, list) else [ids]) if isinstance(i, int)),
        request_id=row.request_id,
        address=row.address,
    )


def _with_changes(actor: Actor, wanted: Wanted, entries: Sequence[Entry], *, is_rare: bool = False) -> list[Entry]:
    """Return the entries with the first changes of each that put it into the list."""
    ids = [entry.id for entry in entries if entry.records]
    if not ids:
        return list(entries)
    place = func.row_number().over(partition_by=Segment.change_set_id, order_by=ChangeRow.id)
    of_page = select(ChangeRow.id, Segment.change_set_id, place.label("place")).join(
        Segment, Segment.id == ChangeRow.segment_id
    )
    if is_rare:
        of_page = of_page.where(Segment.change_set_id.in_(ids))
    else:  # of large sets the first thousand: they would be read whole only to show ten
        of_page = of_page.where(Segment.change_set_id.in_(ids), Segment.number == 1)
    numbered = of_page.where(*_row_conditions(actor, wanted)).subquery()
    query = (
        select(numbered.c.change_set_id, ChangeRow)
        .join(numbered, numbered.c.id == ChangeRow.id)
        .where(numbered.c.place <= SHOWN)
        .order_by(ChangeRow.id)
    )
    found: dict[int, list[Change]] = {}
    for set_id, row in db.session.execute(query):
        found.setdefault(set_id, []).append(change_of(row))
    return [replace(entry, changes=found.get(entry.id, [])) for entry in entries]


def _pages(set_id: int) -> list[tuple[int, int]]:
    """Return the pages of a set: each of one segment, from one of its changes on."""
    query = select(Segment.id, Segment.count).where(Segment.change_set_id == set_id).order_by(Segment.number)
    return [(row[0], start) for row in db.session.execute(query) for start in range(0, row[1], PART)]


def _page_of_segment(segment_id: int, start: int) -> list[Change]:
    """Return a page of a segment's changes, those of one person together; a person begun here is told whole."""
    light = select(ChangeRow.id, ChangeRow.person_id, ChangeRow.entity, ChangeRow.row_id)
    blocks: dict[Any, list[int]] = {}
    for change_id, person_id, *record in db.session.execute(
        light.where(ChangeRow.segment_id == segment_id).order_by(ChangeRow.id)
    ):
        blocks.setdefault(person_id or tuple(record), []).append(change_id)
    ids = list(_from(blocks.values(), start))
    rows = {row.id: row for row in db.session.scalars(select(ChangeRow).where(ChangeRow.id.in_(ids)))}
    return [change_of(rows[change_id]) for change_id in ids]


def _from(blocks: Iterable[list[int]], start: int) -> Iterable[int]:
    """Yield the ids of the blocks that begin on the page that starts there."""
    position = 0
    for block in blocks:
        if start <= position < start + PART:
            yield from block
        position += len(block)
