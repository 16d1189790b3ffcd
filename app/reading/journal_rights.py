"""Which of the journal's changes a reader may see, as conditions that every query on them starts from."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, true

from app.access.actor import Actor
from app.access.grants import FIELDS, GROUP_OF, Action, Subject
from app.access.visible import visible
from app.changes.journal import ChangeRow
from app.changes.tracking import TRACKED, told_fields
from app.people.employee import Employee
from app.reading.differences import OF_ALL, OF_PEOPLE, sees_everybody

WITHIN = (Subject.JOURNAL,)
"""The right it takes to see anything here, beside those on what is told."""
# Spelled so that no index of it is used: the changes of some sets are few, those of a whole table are not.
Entity = func.coalesce(ChangeRow.entity, "")


def seen(actor: Actor, name: str | None = None) -> ColumnElement[bool]:
    """Return the condition on `ChangeRow` for the changes of which the actor may see something, or this field."""
    if name is None and sees_everything(actor):
        return true()
    tables = [e for e, subject in OF_ALL.items() if sees_all(actor, subject) and has_field(e, name)]
    conditions: list[ColumnElement[bool]] = [Entity.in_(tables)] if tables else []
    for entity in ("assignments", "pay"):
        if has_field(entity, name):
            conditions.append(and_(Entity == entity, _of_person(actor, OF_PEOPLE[entity])))
    if name is None:
        conditions.append(and_(Entity == "employees", _any_field(actor)))
    elif name in GROUP_OF:
        conditions.append(and_(Entity == "employees", _of_person(actor, GROUP_OF[name])))
    return or_(false(), *conditions)


def _any_field(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for an employee's changes that hold a field of a group the actor may see."""
    open_to_all = [group for group in FIELDS if sees_everybody(actor, group, *WITHIN)]
    if len(open_to_all) == len(FIELDS):
        return true()
    narrowed = [(_of_person(actor, group), FIELDS[group]) for group in FIELDS if group not in open_to_all]
    whole = (true(), tuple(name for group in open_to_all for name in FIELDS[group]))
    return or_(
        false(),
        *(
            and_(of_person, or_(*(ChangeRow.fields.contains(f" {name} ", autoescape=True) for name in names)))
            for of_person, names in [whole, *narrowed]
            if names and of_person is not None
        ),
    )


def _of_person(actor: Actor, group: Subject) -> ColumnElement[bool]:
    """Return the condition for changes of people of whom the actor may see this field group, in the journal."""
    if sees_everybody(actor, group, *WITHIN):
        return true()
    if not actor.can(Action.VIEW, group):
        return false()
    people = select(Employee.id).where(Employee.id == ChangeRow.person_id, visible(actor, group, *WITHIN))
    return exists(people.correlate(ChangeRow))


def sees_all(actor: Actor, subject: Subject) -> bool:
    """Say whether what is nobody's record, of this kind, is open to the actor in the journal."""
    return actor.can(Action.VIEW, subject) and actor.can_everywhere(Action.VIEW, Subject.JOURNAL)


def sees_everything(actor: Actor) -> bool:
    of_people = {*FIELDS, *OF_PEOPLE.values()}
    return sees_everybody(actor, *of_people, *WITHIN) and all(sees_all(actor, s) for s in OF_ALL.values())


def has_field(entity: str, name: str | None) -> bool:
    """Say whether a table has this field, where one is asked for."""
    return name is None or (entity in TRACKED and name in told_fields(TRACKED[entity]))
