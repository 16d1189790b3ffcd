"""How changes of departments and roles are undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.undo.inverses import Inverse, Need, inverse
from app.actions.undo.parts import Kind, Step
from app.actions.undo.work import Row, Work
from app.core.problems import Sentence
from app.extensions import db
from app.people import places, rules
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.places import Kind as PlaceKind
from app.people.role import Role

PLACES: dict[str, PlaceKind] = {"departments": Department, "roles": Role}
RIGHTS = {Kind.REMOVE: Action.DELETE, Kind.BRING_BACK: Action.CREATE, Kind.SET_BACK: Action.EDIT}


def _needs(_actor: Actor, step: Step) -> Iterator[Need]:
    yield RIGHTS[step.kind], Subject.ORGANISATION, None


def _closed(work: Work) -> list[Row]:
    """Return the places that are there and would be closed again."""
    rows = [row for entity in PLACES for row in work.of(entity, Kind.SET_BACK)]
    return [row for row in rows if row.values.get("closed_on") is not None]


def _before(work: Work) -> None:
    """Let nobody come into a place that is about to be closed."""
    for row in _closed(work):
        kind: Any = PLACES[row.entity]
        places.closing(kind, row.id)
        places.refuse_unseen(kind, row.id)


def _after(work: Work) -> None:
    """Refuse what breaks a rule: about who is inside, the tree, and the lead."""
    for row in _closed(work):
        kind = PLACES[row.entity]
        if places.who_is_inside(kind, row.id, most=1):
            work.refuse(row, _l("Somebody is in it, or will be. Move them first."), "closed_on")
        elif kind is Department and places.below(row.id):
            work.refuse(row, _l("There are departments below it. Move them first."), "closed_on")
    for row in work.of("departments"):
        if row.kind is not Kind.REMOVE:
            work.refuse_fields(row, _faults_of(row))


def _faults_of(row: Row) -> dict[str, Sentence]:
    errors: dict[str, Sentence] = {}
    department: Any = row.row
    if row.values.get("parent_id") is not None:
        rules.check_parent(row.id, row.values["parent_id"], errors)
    elif row.becomes("closed_on") and department.closed_on is None and department.parent_id is not None:
        parent = places.entered(Department, department.parent_id)
        if parent is not None and parent.closed_on:
            words = _l("It is part of %(name)s, which is closed. Reopen that first.", name=parent.name)
            errors["closed_on"] = words
    if row.values.get("lead_id") is not None:
        lead = db.session.get(Employee, row.values["lead_id"])
        if lead is None or lead.status is Status.LEFT:
            errors["lead_id"] = _l("Who led it doesn’t work here any more.")
    return errors


inverse(
    "departments",
    Inverse(Department, _needs, lambda values: str(values.get("name") or ""), before=_before, after=_after),
)
inverse("roles", Inverse(Role, _needs, lambda values: str(values.get("title") or ""), before=_before, after=_after))
