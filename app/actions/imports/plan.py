"""The whole of an import before anything is written: what each row would do, and who would manage whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_babel import ngettext
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import GROUP_OF, Action, Scope, Subject
from app.actions.imports import live
from app.actions.imports.columns import Columns, match_columns
from app.actions.imports.compare import Comparison, Kind, Outcome, compare
from app.actions.imports.managers import Link, Unresolved, Wanted, resolve
from app.actions.imports.records import Record, reading_of, records
from app.actions.imports.table import Table
from app.core import text
from app.core.chunks import chunks
from app.core.clock import today
from app.core.problems import Forbidden
from app.extensions import db
from app.people.employee import Employee, Status

_PLACES = {"department": "department_id", "role": "role_id", "manager": "manager_id", "manager_number": "manager_id"}


@dataclass(frozen=True, slots=True)
class Options:
    """How to import: header → field where synonyms don't do, whether missing departments and roles are made.

    `currency` is what amounts without one are in; without it, it is what the person is paid in already, else
    `default_currency`.
    """

    mapping: dict[str, str] = field(default_factory=dict)
    create_missing: bool = False
    currency: str | None = None
    default_currency: str = "USD"


@dataclass(slots=True)
class Plan:
    """What an import would do, row by row, and what it would leave undone."""

    columns: Columns
    outcomes: list[Outcome]
    links: list[Link]
    unresolved: list[Unresolved]
    new_departments: list[str]
    new_roles: list[str]
    notes: list[str]


def make_plan(actor: Actor, table: Table, options: Options) -> Plan:
    """Compare `table` with what is here now; writes nothing.

    Raises `Unreadable` for a header or mapping that can't be used, `Forbidden` for an actor without the rights.
    """
    columns = match_columns(table.header, options.mapping)
    _require_rights(actor, columns, options)
    reading = reading_of(table, columns, today())
    terms = Comparison(
        live.departments(), live.roles(), options.create_missing, options.currency, options.default_currency
    )
    outcomes: list[Outcome] = []
    wanted: list[Wanted] = []
    for some in chunks(records(table, reading), live.CHUNK):
        people = _people_of(some)
        for record in some:
            outcome = compare(record, people, terms)
            outcomes.append(outcome)
            if outcome.kind is not Kind.REFUSED and (record.manager or record.manager_number):
                wanted.append(Wanted(outcome, record.manager, record.manager_number))
    links, unresolved = resolve(wanted, outcomes)
    refused = _refuse_leaving_managers(outcomes, links)
    links = [link for link in links if link.outcome.row not in refused]
    _note_links(links)
    notes = [*reading.notes, *_currency_note(terms, options)]
    return Plan(
        columns,
        outcomes,
        links,
        unresolved,
        list(terms.new_departments.values()),
        list(terms.new_roles.values()),
        notes,
    )


def _require_rights(actor: Actor, columns: Columns, options: Options) -> None:
    """Raise `Forbidden` unless the actor may make people and change everything that the file fills, for everybody."""
    needed = {(Action.CREATE, Subject.EMPLOYMENT), (Action.EDIT, Subject.DIRECTORY)}
    for name in columns.places:
        group = Subject.COMPENSATION if name.startswith("pay_") else GROUP_OF.get(_PLACES.get(name, name))
        if group:
            needed |= {(Action.VIEW, group), (Action.EDIT, group)}
    if options.create_missing:
        needed.add((Action.CREATE, Subject.ORGANISATION))
    if any(actor.scope(*right) is not Scope.ALL for right in needed):
        raise Forbidden()


def _people_of(some: Iterable[Record]) -> live.People:
    found = list(some)
    numbers = {text.key(record.values["number"]) for record in found if "number" in record.values}
    emails = {text.key(record.values["email"]) for record in found if "email" in record.values}
    return live.people(numbers, emails)


def _refuse_leaving_managers(outcomes: list[Outcome], links: list[Link]) -> set[int]:
    """Refuse rows by which somebody leaves whose reports would stay behind; return those rows.

    A report that stays behind only because their own leaving is refused counts too, hence the repetition.
    """
    leaving = {o.person_id: o for o in outcomes if o.person_id and is_leaving(o)}
    relinked = {link.outcome.person_id for link in links}
    reports: list[tuple[int, int]] = []
    for ids in chunks(leaving, live.CHUNK):
        query = select(Employee.id, Employee.manager_id).where(
            Employee.manager_id.in_(ids), Employee.status != Status.LEFT
        )
        for report, manager in db.session.execute(query):
            if manager is not None and report not in relinked:
                reports.append((report, manager))
    refused: set[int] = set()
    while True:
        left_behind: dict[int, int] = {}
        for report, manager in reports:
            if report not in leaving and manager in leaving:
                left_behind[manager] = left_behind.get(manager, 0) + 1
        for manager, count in left_behind.items():
            outcome = leaving.pop(manager)
            refused.add(outcome.row)
            outcome.kind = Kind.REFUSED
            outcome.reasons.append(
                ngettext(
                    "%(num)d person still reports to them: name another manager for that person.",
                    "%(num)d people still report to them: name another manager for those people.",
                    count,
                )
            )
        if not left_behind:
            return refused


def is_leaving(outcome: Outcome) -> bool:
    """Tell whether by this row somebody leaves who works here now."""
    return outcome.kind is Kind.CHANGED and outcome.values.get("status") is Status.LEFT


def _note_links(links: list[Link]) -> None:
    """Put the new managers of people who are here among their changes."""
    known = [link for link in links if link.outcome.person_id is not None]
    before: dict[int, str] = {}
    for ids in chunks({link.outcome.manager_id for link in known if link.outcome.manager_id}, live.CHUNK):
        query = select(Employee.id, Employee.first_name, Employee.last_name).where(Employee.id.in_(ids))
        before |= {person_id: f"{first} {last}".strip() for person_id, first, last in db.session.execute(query)}
    for link in known:
        link.outcome.kind = Kind.CHANGED
        link.outcome.changes["manager"] = (before.get(link.outcome.manager_id or 0, ""), link.manager_name)


def _currency_note(terms: Comparison, options: Options) -> list[str]:
    if not terms.currency_assumed:
        return []
    return [
        ngettext(
            "%(num)d amount of pay names no currency: it is taken as %(currency)s. Choose another by --currency.",
            "%(num)d amounts of pay name no currency: they are taken as %(currency)s. Choose another by --currency.",
            terms.currency_assumed,
            currency=options.default_currency,
        )
    ]
