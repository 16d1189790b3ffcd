"""`flask four-eyes`: the operator's switch for what waits for a second administrator."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.access.actor import operator
from app.actions import Source, run, switching
from app.commands.words import failing_in_words


@click.command("four-eyes")
@click.argument("what", type=click.Choice(["on", "off", "status"]))
@click.option("--reason", help="Why, for the journal; needed to switch it off.")
@with_appcontext
@failing_in_words()
def four_eyes(what: str, reason: str | None) -> None:
    """Switch four eyes on or off, or say whether it is in force.

    While it is, handing out the right to administer accounts, erasing people, deleting many and changing very many
    records wait until a second administrator agrees. At the command line nothing waits.
    """
    if what == "off" and not (reason or "").strip():
        raise click.UsageError("Say why with --reason: it stands in the journal.")
    if what != "status":
        run("switch_four_eyes", actor=operator(), source=Source.CLI, reason=reason, is_on=what == "on")
    click.echo(_sentence(switching.state()))


def _sentence(state: switching.State) -> str:
    if not state.is_on:
        return f"Four eyes is switched off{f' since {state.since:%Y-%m-%d %H:%M} UTC' if state.since else ''}."
    if not state.is_in_force:
        return "Four eyes is switched on, but not in force: that takes two administrators who may sign in."
    return f"Four eyes is switched on and in force: there are {state.administrators} administrators."
