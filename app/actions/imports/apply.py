"""Importing a staff list for real: segments of rows, people first, then who manages them, then who leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.access.actor import Actor
from app.actions.imports.compare import Kind, Outcome
from app.actions.imports.managers import Link, Unresolved
from app.actions.imports.plan import Plan, is_leaving
from app.actions.imports.writing import plain
from app.actions.registry import Source, run
from app.changes.read_only import ReadOnly
from app.core.chunks import chunks
from app.core.problems import Invalid, Problem
from app.people.rules import DEEPEST

SEGMENT = 1000
Row = dict[str, Any]


@dataclass(slots=True)
class Whole:
    """An import as one change set: each of its actions is a segment of the set that the first one began."""

    actor: Actor
    source: Source
    change_set_id: int | None = None

    def run(self, name: str, **arguments: Any) -> Any:
        """Do an action of the import and return what it gave back."""
        outcome = run(
            name, actor=self.actor, source=self.source, part_of="import", within=self.change_set_id, **arguments
        )
        self.change_set_id = outcome.change_set_id
        return outcome.value


def apply_plan(actor: Actor, source: Source, plan: Plan) -> str | None:
    """Do what `plan` says, each segment in one transaction; its outcomes then say what became of each row.

    Returns None, or why the database stopped it on the way: what is done stays, and the same import goes on from there.
    """
    pending = [outcome for outcome in plan.outcomes if _is_pending(outcome)]
    leaving = [outcome for outcome in pending if is_leaving(outcome)]
    staying = [outcome for outcome in pending if not is_leaving(outcome)]
    # Who leaves may have had a manager who is gone by now: that is history only once they have left themselves.
    last_links = [link for link in plan.links if is_leaving(link.outcome)]
    links = [link for link in plan.links if not is_leaving(link.outcome)]
    waiting = {outcome.row for outcome in pending}
    whole = Whole(actor, source)
    try:
        _make_organisation(whole, plan)
        _import_people(whole, staying, waiting)
        _link_managers(whole, plan, links)
        _import_people(whole, _from_below(leaving), waiting)
        _link_managers(whole, plan, last_links)
    except Problem as problem:
        for outcome in pending:
            if outcome.row in waiting:
                _refuse(outcome, [_("The import stopped before this row.")])
        return str(problem)
    return None


def _is_pending(outcome: Outcome) -> bool:
    """Tell whether there is more to write than a manager."""
    changes = outcome.values or outcome.department or outcome.role or outcome.pay
    return outcome.kind is Kind.NEW or (outcome.kind is Kind.CHANGED and bool(changes))


def _make_organisation(whole: Whole, plan: Plan) -> None:
    for names in chunks(plan.new_departments, SEGMENT):
        whole.run("import_organisation", departments=names, roles=[])
    for names in chunks(plan.new_roles, SEGMENT):
        whole.run("import_organisation", departments=[], roles=names)


def _import_people(whole: Whole, outcomes: Iterable[Outcome], waiting: set[int]) -> None:
    for segment in chunks(outcomes, SEGMENT):
        by_row = {outcome.row: outcome for outcome in segment}
        done, errors = _write(whole, "import_people", [_row(outcome) for outcome in segment])
        for row, (person_id, version, number) in done.items():
            outcome = by_row[row]
            outcome.person_id, outcome.version, outcome.number = person_id, version, number
        for row, reasons in errors.items():
            _refuse(by_row[row], reasons)
        waiting.difference_update(by_row)


def _row(outcome: Outcome) -> Row:
    return {
        "row": outcome.row,
        "employee_id": outcome.person_id,
        "version": outcome.version,
        "values": {field: plain(value) for field, value in outcome.values.items()},
        "department": outcome.department,
        "role": outcome.role,
        "pay": outcome.pay,
    }


def _from_below(leaving: list[Outcome]) -> list[Outcome]:
    """Return who leaves so that nobody goes before the people who report to them."""
    managers = {outcome.person_id: outcome.manager_id for outcome in leaving}

    def height(outcome: Outcome) -> int:
        steps, manager_id = 0, outcome.manager_id
        while manager_id in managers and steps < DEEPEST:
            steps, manager_id = steps + 1, managers[manager_id]
        return steps

    return sorted(leaving, key=lambda outcome: (-height(outcome), outcome.row))


def _link_managers(whole: Whole, plan: Plan, links: list[Link]) -> None:
    """Link in the plan's order, above before below, so that a step on the way never makes a circle."""
    ids = {outcome.row: outcome.person_id for outcome in plan.outcomes}
    for segment in chunks(links, SEGMENT):
        by_row = {link.outcome.row: link for link in segment}
        rows: list[Row] = []
        for link in segment:
            kind, number = link.manager
            manager_id = number if kind == "id" else ids[number]
            if link.outcome.kind is Kind.REFUSED:
                continue
            if manager_id is None:
                _give_up(plan, link, [_("The manager could not be imported.")])
            else:
                rows.append({"row": link.outcome.row, "employee_id": link.outcome.person_id, "manager_id": manager_id})
        done, errors = _write(whole, "import_managers", rows)
        for row, (_person_id, version, _number) in done.items():
            by_row[row].outcome.version = version
        for row, reasons in errors.items():
            _give_up(plan, by_row[row], reasons)


def _give_up(plan: Plan, link: Link, reasons: list[str]) -> None:
    outcome = link.outcome
    plan.unresolved.append(Unresolved(outcome.row, outcome.name.whole, link.manager_name, " ".join(reasons)))
    outcome.changes.pop("manager", None)
    if outcome.kind is Kind.CHANGED and not outcome.changes:
        outcome.kind = Kind.UNCHANGED


def _refuse(outcome: Outcome, reasons: list[str]) -> None:
    outcome.kind = Kind.REFUSED
    outcome.reasons += reasons
    outcome.changes.clear()


def _write(whole: Whole, name: str, rows: list[Row]) -> tuple[Mapping[int, tuple[int, int, str]], dict[int, list[str]]]:
    """Run the action on `rows`, again without those that break a rule; return what was written, and those by reason.

    A broken constraint of the database doesn't say whose row it was: then each row goes by itself.
    """
    errors: dict[int, list[str]] = {}
    written: dict[int, tuple[int, int, str]] = {}
    attempts = [rows] if rows else []
    while attempts:
        some = attempts.pop()
        try:
            written |= whole.run(name, rows=some)
        except ReadOnly:  # no fault of any row
            raise
        except Invalid as invalid:
            broken = {
                int(row): [str(words) for words in found] for row, found in invalid.errors.items() if row.isdigit()
            }
            if broken:
                errors |= broken
                rest = [row for row in some if row["row"] not in broken]
                attempts += [rest] if rest else []
            elif len(some) == 1:
                errors[some[0]["row"]] = [str(invalid)]
            else:
                attempts += [[row] for row in reversed(some)]
    return written, errors
