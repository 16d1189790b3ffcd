"""`flask cache …`: what the query cache did, and clearing it after rows were changed past Rollcall."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import with_appcontext

from app.access.actor import operator
from app.actions import Source, run
from app.commands.words import failing_in_words
from app.reading import cache as reading
from app.reading.amounts import duration, size, spent
from app.reading.cache import Query, Report
from app.ui import labels

HEADINGS = (
    "Query",
    "Hits",
    "Misses",
    "Hit rate",
    "Bypassed",
    "Compared",
    "Differed",
    "A miss takes",
    "Saved",
    "Filled",
)


@click.group("cache")
def cache() -> None:
    """Look into the query cache, and clear it."""


@cache.command("stats")
@click.option("--json", "is_json", is_flag=True, help="One JSON object, for programs.")
@with_appcontext
@failing_in_words()
def stats(is_json: bool) -> None:
    """Tell the state of the store and what each query gained, added up over all processes each ten seconds."""
    found = reading.report(operator())
    if is_json:
        click.echo(json.dumps(_plain(found), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join([*_heading(found), "", *_table(found)]))


@cache.command("clear")
@click.argument("name", required=False)
@with_appcontext
@failing_in_words()
def clear(name: str | None) -> None:
    """Have each query, or the one called NAME, ask the database again, in all processes at once.

    Run it after rows were changed past Rollcall: by SQL written by hand, or by a data migration.
    """
    run("clear_cache", actor=operator(), source=Source.CLI, query=name)
    whose = f"“{name}” asks" if name else "Each query asks"
    click.echo(f"Cleared. {whose} the database when it is needed next.")


def _heading(found: Report) -> list[str]:
    lines = [f"{labels.STORES[found.place]}{_memory(found)}"]
    for process in found.processes:
        words, remedy = reading.in_words(process.reason) if process.reason else ("in use", "")
        if process.is_seen:
            lines.append(f"{process.name}: {words} since {process.since:%Y-%m-%d %H:%M} UTC. {remedy}".rstrip())
    told = found.summary
    if told.asked:
        lines.append(f"{told.hit_rate:.0%} of {told.asked} were there; that saved {spent(told.saved_seconds)} in all.")
    if found.alarming:
        names = ", ".join(query.name for query in found.alarming)
        lines.append(f"Answers differed from the database: {names}. {reading.LIKELY_CAUSE}")
    return lines


def _memory(found: Report) -> str:
    """Return what the store uses; what another process keeps in its own memory can't be told from here."""
    if found.memory is None or found.place is reading.Place.MEMORY:
        return ""
    used, allowed = found.memory
    return f", {size(used)} of {size(allowed)} used" if allowed else f", {size(used)} used, without a limit"


def _table(found: Report) -> list[str]:
    if not found.queries:
        return ["Nothing was asked yet."]
    rows = [HEADINGS, *(_row(query, found) for query in found.queries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(text.rjust(width) if column else text.ljust(width) for column, (text, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]


def _row(query: Query, found: Report) -> tuple[str, ...]:
    return (
        query.name,
        str(query.hits),
        str(query.misses),
        f"{query.hit_rate:.0%}" if query.asked else "-",
        str(query.passed),
        str(query.verified),
        str(query.differing),
        spent(query.seconds_a_miss) if query.misses else "-",
        spent(query.saved_seconds),
        f"{duration(found.at - query.filled_at)} ago" if query.filled_at else "-",
    )


def _plain(found: Report) -> dict[str, Any]:
    return {
        "at": found.at.isoformat(),
        "store": str(found.place),
        "used_bytes": found.memory[0] if found.memory else None,
        "allowed_bytes": found.memory[1] or None if found.memory else None,
        "processes": [
            {
                "name": process.name,
                "is_in_use": process.reason is None,
                "reason": process.reason,
                "since": process.since.isoformat(),
                "seen_at": process.at.isoformat(),
            }
            for process in found.processes
        ],
        "queries": [_of(query) for query in found.queries],
    }


def _of(query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "tables": list(query.tables),
        "hits": query.hits,
        "misses": query.misses,
        "bypasses": {str(why): count for why, count in query.bypasses.items()},
        "verified": query.verified,
        "differing": query.differing,
        "differed_at": query.differed_at.isoformat() if query.differed_at else None,
        "filled_at": query.filled_at.isoformat() if query.filled_at else None,
        "miss_seconds": query.miss_seconds,
        "saved_seconds": query.saved_seconds,
        "change_set_id": query.stale.change_set_id if query.stale else None,
        "refusal": query.refusal,
        "sql": query.sql,
    }
