"""`flask read-only`: the operator's switch by which nobody changes anything any more."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.access.actor import operator
from app.actions import Source, run
from app.actions.read_only import SWITCHING
from app.changes.read_only import Cause, ReadOnlyState, ended, state
from app.commands.words import failing_in_words


@click.command("read-only")
@click.argument("what", type=click.Choice(["on", "off", "status"]))
@click.option("--reason", help="Why, for everybody who looks, and for the journal.")
@with_appcontext
@failing_in_words()
def read_only(what: str, reason: str | None) -> None:
    """Let everybody look and nobody change anything, or end that, or say how it stands.

    Once “on” has returned, no change is under way any more, on any server. Signing in and out goes on.
    """
    if what != "status":
        why = reason if what == "on" else None
        run(SWITCHING, actor=operator(), source=Source.CLI, reason=reason, is_on=what == "on", why=why)
    click.echo(_sentence(state()))


def with_its_end(found: ReadOnlyState) -> str:
    """Return how it stands and what ends it, for whoever did not ask for it just now."""
    ending = " `flask --app run read-only off` ends it." if found.cause is Cause.SWITCH else ""
    return f"{ended(_sentence(found))}{ending}"


def _sentence(found: ReadOnlyState | None) -> str:
    if found is None:
        return "Read-only is off: everything can be changed."
    if found.cause is Cause.SETTING:
        return "Read-only is on by the setting READ_ONLY: take that away and start the servers again to end it."
    if found.cause is Cause.MIGRATION:
        return "Read-only is on because of a migration; it ends with that, or two minutes after its process died."
    return f"Read-only is on: {found.reason}" if found.reason else "Read-only is on."
