"""What others changed since a reader looked last, told in a line each: who did what, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import shared_by
from app.accounts.models import User
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.core import querycache
from app.people.employee import Employee
from app.reading.differences import NAMED, OF_PEOPLE, Difference, last_names
from app.reading.journal import ORDER, SHOWN, Wanted, visible_sets
from app.reading.journal_rights import seen
from app.reading.paging import COUNTED_UP_TO, up_to_cap

# Spelled so that no index of it is used: the changes of some sets are few, those of everybody are not.
Person = func.coalesce(ChangeRow.person_id, 0)
ALONG = {"employees": {"manager_id"}, "departments": {"lead_id"}}
"""What changes of other records when somebody leaves: the set is not about them."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A change set without what it says: who did what, and the first records of it that the reader may know of.

    `actor` is a name, None for an account that is gone; `actor_id` None is the operator, or the system itself.
    """

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    action: str
    source: str
    records: list[Difference]
    has_more: bool


@dataclass(frozen=True, slots=True)
class News:
    """What others changed since the reader looked last: how many sets, how many people, and the latest."""

    since: datetime
    latest: list[Headline] = field(default_factory=list)
    count: int = 0
    people: int = 0

    @property
    def is_count_capped(self) -> bool:
        """Whether there are more sets than are counted."""
        return self.count > COUNTED_UP_TO

    @property
    def is_people_capped(self) -> bool:
        """Whether there are more people than are counted."""
        return self.people > COUNTED_UP_TO


@dataclass(frozen=True, slots=True)
class _Told:
    """A change, without its values: those may not be kept by the cache."""

    entity: str
    fields: str
    said: Difference


def news(actor: Actor, at_first: datetime, size: int = 5) -> News:
    """Return what others changed since the actor looked last, or since `at_first` where they never did."""
    actor.require(Action.VIEW, Subject.JOURNAL)
    scope = shared_by(actor)
    looked = querycache.rows("home.looked", select(User.looked_at).where(User.id == actor.user_id), scope)
    since = looked[0][0] if looked and looked[0][0] else at_first
    found = querycache.rows("home.news", _latest(actor, since, size), scope)
    if not found:
        return News(since)
    told = _told_of(actor, [row[0] for row in found], scope)
    latest = [_headline(row, told.get(row[0], [])) for row in found]
    return News(since, latest, *found[0][-2:])


def _latest(actor: Actor, since: datetime, size: int) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of the latest sets, each with how many there are, and how many people are in them."""
    theirs = or_(ChangeSet.actor_id.is_(None), ChangeSet.actor_id != actor.user_id)
    ids = visible_sets(actor, Wanted(), ChangeSet.at > since, theirs)
    found = ids.subquery()
    segments = select(Segment.id).join(found, found.c.id == Segment.change_set_id)
    affected = select(Person).where(ChangeRow.segment_id.in_(segments), Person > 0, seen(actor)).distinct()
    chosen = ids.order_by(*ORDER.clauses(False)).limit(size).subquery()
    records = select(func.sum(Segment.count)).where(Segment.change_set_id == ChangeSet.id).correlate(ChangeSet)
    heads = (ChangeSet.id, ChangeSet.at, ChangeSet.actor_id, ChangeSet.action, ChangeSet.source)
    names = (User.email, Employee.first_name, Employee.last_name)
    return (
        select(*heads, *names, *(part.scalar_subquery() for part in (records, up_to_cap(ids), up_to_cap(affected))))
        .join(chosen, chosen.c.id == ChangeSet.id)
        .outerjoin(User, User.id == ChangeSet.actor_id)
        .outerjoin(Employee, Employee.id == User.employee_id)
        .order_by(*ORDER.clauses(False))
    )


def _headline(row: tuple[Any, ...], told: Sequence[_Told]) -> Headline:
    set_id, at, actor_id, action, source, email, first, last, records = row[:-2]
    return Headline(
        id=set_id,
        at=at,
        actor_id=actor_id,
        actor=f"{first} {last}".strip() if first else email,
        action=action,
        source=source,
        records=_by_importance(told),
        has_more=int(records or 0) > len(told),
    )


def _by_importance(told: Sequence[_Told]) -> list[Difference]:
    """Return a set's records once each: first whom or what it is about, then what only came along."""
    records: dict[tuple[str, int], Difference] = {}
    fields: dict[tuple[str, int], set[str]] = {}
    for one in told:
        key = _key(one.said)
        records.setdefault(key, one.said)
        if one.entity == key[0]:  # a job history follows from its person's record
            fields.setdefault(key, set()).update(one.fields.split())
    with_people = any(entity == "employees" for entity, _id in records)

    def comes_along(key: tuple[str, int]) -> bool:
        return (key[0] == "users" and with_people) or (key in fields and fields[key] == ALONG.get(key[0]))

    return [records[key] for key in sorted(records, key=comes_along)]


def _key(said: Difference) -> tuple[str, int]:
    """Return the record that is spoken of: a person for all that is part of their record."""
    return ("employees", said.person_id or 0) if said.entity in OF_PEOPLE else (said.entity, said.id)


def _told_of(actor: Actor, set_ids: list[int], scope: str) -> dict[int, list[_Told]]:
    """Return the first changes of each set that the actor may see, with the names of their records.

    A record that is gone has its name in the journal only, among the values that the cache keeps nothing of: for one
    of those, and only then, the database is asked.
    """
    found = querycache.rows("home.news_records", _records(actor, set_ids), scope)
    gone: dict[str, set[int]] = {}
    told: dict[int, list[_Told]] = {}
    for set_id, entity, row_id, person_id, operation, fields, number, first, last, *names in found:
        name = f"{first} {last}".strip() if first is not None else next((n for n in names if n is not None), None)
        said = Difference(entity=entity, id=row_id, person_id=person_id, operation=operation, name=name, number=number)
        told.setdefault(set_id, []).append(_Told(entity, fields, said))
        kind, record_id = _key(said)
        if name is None and (kind == "employees" or kind in NAMED):
            gone.setdefault(kind, set()).add(record_id)
    if gone:
        last_ones = last_names(gone)
        for one in (one for ones in told.values() for one in ones if one.said.name is None):
            one.said.name = last_ones.get(_key(one.said))
    return told


def _records(actor: Actor, set_ids: list[int]) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of what some sets changed: which records, and what those are called today."""
    place = func.row_number().over(partition_by=Segment.change_set_id, order_by=ChangeRow.id)
    # Of large sets the first thousand: they would be read whole only to name three.
    numbered = (
        select(
            Segment.change_set_id,
            ChangeRow.id,
            ChangeRow.entity,
            ChangeRow.row_id,
            ChangeRow.person_id,
            ChangeRow.operation,
            ChangeRow.fields,
            place.label("place"),
        )
        .join(Segment, Segment.id == ChangeRow.segment_id)
        .where(Segment.change_set_id.in_(set_ids), Segment.number == 1, seen(actor))
        .subquery()
    )
    one = numbered.c
    heads = (one.change_set_id, one.entity, one.row_id, one.person_id, one.operation, one.fields)
    people = (Employee.number, Employee.first_name, Employee.last_name)
    query = (
        select(*heads, *people, *NAMED.values())
        .select_from(numbered)
        .outerjoin(Employee, and_(one.entity.in_(OF_PEOPLE), Employee.id == one.person_id))
    )
    for kind, name in NAMED.items():
        query = query.outerjoin(name.class_, and_(one.entity == kind, name.class_.id == one.row_id))
    return query.where(one.place <= SHOWN).order_by(one.id)
