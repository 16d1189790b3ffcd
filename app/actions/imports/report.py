"""What became of an import, or would, as plain values that a page, a job or the command line can show."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypedDict

from app.access.actor import Actor
from app.actions.imports.apply import apply_plan
from app.actions.imports.compare import Kind, Outcome
from app.actions.imports.plan import Options, Plan, make_plan
from app.actions.imports.table import Table
from app.actions.registry import Source
from app.extensions import db


class Report(TypedDict):
    """An import from the file's first row to its last.

    `counts` has new, changed, unchanged and refused; `rows` one entry per row with number, name, outcome, changes
    (field → before, after) and reasons; `stopped` the sentence with which the database ended it, or None.
    """

    applied: bool
    counts: dict[str, int]
    rows: list[dict[str, Any]]
    columns: dict[str, str]
    left_out: list[dict[str, str]]
    departments: list[str]
    roles: list[str]
    unresolved: list[dict[str, Any]]
    notes: list[str]
    stopped: str | None


def import_people(actor: Actor, source: Source, table: Table, options: Options, *, is_dry_run: bool) -> Report:
    """Import a staff list, or with `is_dry_run` only say what that would do.

    Raises `Unreadable` for a file that can't be used, `Forbidden` for an actor without the rights.
    """
    plan = make_plan(actor, table, options)
    db.session.rollback()
    stopped = None if is_dry_run else apply_plan(actor, source, plan)
    return _report(plan, not is_dry_run, stopped)


def _report(plan: Plan, applied: bool, stopped: str | None) -> Report:
    counts = Counter(outcome.kind.value for outcome in plan.outcomes)
    return {
        "applied": applied,
        "counts": {kind.value: counts[kind.value] for kind in Kind},
        "rows": [_row(outcome) for outcome in plan.outcomes],
        "columns": plan.columns.headers,
        "left_out": [
            {"header": column.header, "reason": column.reason.value, "sentence": column.sentence}
            for column in plan.columns.left_out
        ],
        "departments": plan.new_departments,
        "roles": plan.new_roles,
        "unresolved": [
            {"row": one.row, "person": one.person, "manager": one.manager, "reason": one.reason}
            for one in sorted(plan.unresolved, key=lambda one: one.row)
        ],
        "notes": plan.notes,
        "stopped": stopped,
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "row": outcome.row,
        "outcome": outcome.kind.value,
        "number": outcome.number,
        "name": outcome.name.whole,
        "changes": {field: list(values) for field, values in outcome.changes.items()},
        "reasons": outcome.reasons,
    }
