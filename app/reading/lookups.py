"""Choices found by typing, so that no form ever holds everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Select, literal, select, union_all

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import shared_by, visible
from app.core import querycache, text
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role
from app.reading.search import found_by

MOST = 20
Choice = tuple[int, str]


def departments(actor: Actor, typed: str) -> list[Choice]:
    """Return open departments whose name holds every typed word."""
    query = _organisation(actor, typed, Department, Department.name_key, Department.name)
    return [(row[0], row[1]) for row in querycache.rows("lookups.departments", query, querycache.EVERYBODY)]


def roles(actor: Actor, typed: str) -> list[Choice]:
    """Return open roles whose title holds every typed word."""
    query = _organisation(actor, typed, Role, Role.title_key, Role.title)
    return [(row[0], row[1]) for row in querycache.rows("lookups.roles", query, querycache.EVERYBODY)]


def employees(actor: Actor, typed: str) -> list[Choice]:
    """Return people who work here and are found by what was typed."""
    query = (
        select(Employee.id, Employee.first_name, Employee.last_name, Employee.number)
        .where(visible(actor), Employee.status != Status.LEFT, *found_by(typed))
        .order_by(Employee.name_key, Employee.id)
        .limit(MOST)
    )
    return [(row[0], _person(*row[1:])) for row in querycache.rows("lookups.employees", query, shared_by(actor))]


def labels(actor: Actor, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the names of choices (kind, id) that a form or filter shows as present; unknown ones are left out."""
    ids: dict[str, set[int]] = {}
    for kind, row_id in wanted:
        ids.setdefault(kind, set()).add(row_id)
    queries = [NAMED[kind](actor).where(MODELS[kind].id.in_(some)) for kind, some in ids.items()]
    if not queries:
        return {}
    query = union_all(*queries) if len(queries) > 1 else queries[0]
    rows = querycache.rows("lookups.labels", query, shared_by(actor))
    return {(row[0], row[1]): _person(*row[2:]) if row[0] == "employee" else row[2] for row in rows}


def _named_in_organisation(actor: Actor, kind: str, label: Any) -> Select[*tuple[Any, ...]]:
    may = literal(actor.can(Action.VIEW, Subject.ORGANISATION))
    return select(literal(kind), MODELS[kind].id, label, literal(""), literal("")).where(may)


def _named_employee(actor: Actor) -> Select[*tuple[Any, ...]]:
    names = (Employee.first_name, Employee.last_name, Employee.number)
    return select(literal("employee"), Employee.id, *names).where(visible(actor))


def _organisation(actor: Actor, typed: str, model: Any, key: Any, label: Any) -> Select[*tuple[Any, ...]]:
    """Return the SELECT of open ones found by what was typed: the same for all who may see the organisation."""
    actor.require(Action.VIEW, Subject.ORGANISATION)
    words = [key.contains(word, autoescape=True) for word in text.key(typed).split(" ") if word]
    return select(model.id, label).where(model.closed_on.is_(None), *words).order_by(key, model.id).limit(MOST)


def _person(first_name: str, last_name: str, number: str) -> str:
    return f"{first_name} {last_name}".strip() + f" · {number}"


MODELS: dict[str, Any] = {"department": Department, "role": Role, "employee": Employee}
NAMED: dict[str, Callable[[Actor], Select[*tuple[Any, ...]]]] = {
    "department": lambda actor: _named_in_organisation(actor, "department", Department.name),
    "role": lambda actor: _named_in_organisation(actor, "role", Role.title),
    "employee": _named_employee,
}
KINDS: dict[str, Callable[[Actor, str], list[Choice]]] = {
    "department": departments,
    "role": roles,
    "employee": employees,
}
