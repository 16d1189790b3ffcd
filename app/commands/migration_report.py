"""`flask migration-report`: what `flask migrate` would do, whom that keeps waiting, and whether it needs downtime."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from app.commands.words import failing_in_words
from app.core.database.locks import Effect, Holds
from app.core.database.report import Report, Step, TooNew, Verdict, as_json, report

NEEDS_DOWNTIME = 3
"""The exit code that says so; others than 0 and this one mean that the report itself failed."""
WAITING = {
    Holds.NOBODY: "nobody waits",
    Holds.WRITERS: "who writes waits",
    Holds.EVERYBODY: "everybody waits",
    Holds.UNKNOWN: "not known to this report",
}
UNITS = ("B", "kB", "MB", "GB")


@click.command("migration-report")
@click.option("--json", "is_json", is_flag=True, help="Print it as JSON.")
@with_appcontext
def migration_report(is_json: bool) -> None:
    """Print each pending migration: its statements, whom they keep waiting, and whether what runs may go on.

    Nothing is changed. The exit code is 3 where it needs downtime.
    """
    with failing_in_words():
        try:
            told = report()
        except TooNew as error:
            raise click.ClickException(str(error)) from error
    click.echo(json.dumps(as_json(told), indent=2, ensure_ascii=False) if is_json else "\n".join(_lines(told)))
    if told.verdict is Verdict.DOWNTIME:
        raise SystemExit(NEEDS_DOWNTIME)


def _lines(told: Report) -> Iterator[str]:
    if told.steps:
        yield f"{told.engine}: from {told.before or 'an empty database'} to {told.after}."
        if told.running:
            hosts = ", ".join(told.running.hosts) or "no server was seen, so the newest that could run is assumed"
            yield f"The oldest code that runs knows migration {told.running.number} ({hosts})."
    for step in told.steps:
        yield ""
        yield from _about(told, step)
    if told.steps:
        yield ""
    yield from told.reasons
    yield f"Verdict: {told.verdict}."


def _about(told: Report, step: Step) -> Iterator[str]:
    one = step.pending
    yield f"{one.revision} {one.title}"
    oldest = "it does not say which code may run after it"
    yield f"  {oldest if one.oldest_code is None else f'code from {one.oldest_code} on may run after it'}"
    if one.is_read_only:
        yield "  while it runs everything can be looked at and nothing changed"
    for statement in step.statements:
        yield ""
        yield from (f"    {line.rstrip()}" for line in statement.sql.splitlines())
        yield from (f"      → {_effect(told, effect)}" for effect in statement.effects)


def _effect(told: Report, effect: Effect) -> str:
    """Return one effect in one line, such as “add index on employees: SHARE; who writes waits, longer with rows …”."""
    where = f" on {effect.table}" if effect.table else ""
    waiting = WAITING[effect.rule.holds]
    if effect.rule.holds in (Holds.WRITERS, Holds.EVERYBODY):
        waiting += ", the longer the more rows" if effect.rule.grows else ", for a moment"
    size = told.size_of(effect)
    rows = f" (about {size.rows:,} rows{_bytes(size.size)})" if size.rows and effect.table in told.sizes else ""
    return f"{effect.what}{where}: {effect.rule.lock}; {waiting}{rows}"


def _bytes(number: int | None) -> str:
    if number is None:
        return ""
    amount = float(number)
    for unit in UNITS[:-1]:
        if amount < 1000:
            return f", {amount:.0f} {unit}"
        amount /= 1000
    return f", {amount:.1f} {UNITS[-1]}"
