"""`flask journal …`: what was changed, by whom and why; undone, and proved."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import with_appcontext

from app.access.actor import operator
from app.commands.restored import restored
from app.commands.undo import undo
from app.commands.verify import verify
from app.commands.words import failing_in_words
from app.reading.journal import Entry, latest
from app.ui.labels import action

MOST = 100_000


@click.group("journal")
def journal() -> None:
    """Look at what was changed, and undo it."""


journal.add_command(restored)
journal.add_command(undo)
journal.add_command(verify)


@journal.command("list")
@click.option("--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many change sets.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line, for programs.")
@with_appcontext
@failing_in_words()
def list_(limit: int, is_json: bool) -> None:
    """List the latest change sets, the newest first, one a line."""
    for entry in latest(operator(), limit):
        click.echo(json.dumps(_plain(entry), ensure_ascii=False) if is_json else _line(entry))


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": _actor(entry),
        "action": entry.action,
        "source": entry.source,
        "reason": entry.reason,
        "records": entry.records,
        "undone": entry.undone_by_id is not None,
    }


def _line(entry: Entry) -> str:
    parts = [
        f"{entry.id:>8}",
        entry.at.isoformat(sep=" ", timespec="seconds"),
        f"{action(entry.action)} ({entry.records})",
        f"{_actor(entry)}, {entry.source}",
    ]
    if entry.reason:
        parts.append(" ".join(entry.reason.split()))
    if entry.undone_by_id is not None:
        parts.append(f"undone by {entry.undone_by_id}")
    return "  ".join(parts)


def _actor(entry: Entry) -> str:
    """Return who it was: a name or an address, or what stands in for a person."""
    if entry.actor_id is None:
        return "operator" if entry.source == "cli" else "system"
    return entry.actor or f"account {entry.actor_id}"
