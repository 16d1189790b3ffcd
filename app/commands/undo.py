"""`flask journal undo`: a change set taken back, as far as nothing changed since and no rule says no."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from app import actions
from app.access.actor import operator
from app.actions.undo import AlreadyUndone, Refused, Undone, is_large, steps
from app.commands.words import failing_in_words
from app.core.problems import NotFound
from app.ui.undo import line

NO_SUCH_SET = 2


@click.command("undo")
@click.argument("change_set_id", type=click.IntRange(1, 2**31 - 1), metavar="ID")
@click.option("--despite", is_flag=True, help="Also what was changed again since: newer values are overwritten.")
@click.option("--reason", help="Why, for the journal.")
@with_appcontext
@failing_in_words()
def undo(change_set_id: int, despite: bool, reason: str | None) -> None:
    """Undo a change set, whose number `journal list` tells.

    What was changed again since, or breaks a rule by now, is left as it is and listed. Ends with 0 only when all of it
    is undone, with 1 when something was left, with 2 when there is no such change set.
    """
    try:
        parts = list(
            _large(change_set_id, despite, reason)
            if is_large(change_set_id)
            else _whole(change_set_id, despite, reason)
        )
    except NotFound:
        click.echo(f"There is no change set {change_set_id}.", err=True)
        sys.exit(NO_SUCH_SET)
    records = {unit.record for part in parts for unit in part.done}
    left = [(unit, why) for part in parts for unit, why in part.left_out]
    click.echo(f"Records as they were before: {len(records):,}.")
    for unit, why in left:
        click.echo(f"Left as it is: {line(unit, why)}", err=True)
    if left:
        sys.exit(1)


def _whole(change_set_id: int, despite: bool, reason: str | None) -> Iterator[Undone]:
    try:
        outcome = actions.run(
            "undo",
            actor=operator(),
            source=actions.Source.CLI,
            reason=reason,
            undoes=change_set_id,
            change_set_id=change_set_id,
            despite=despite,
            leave_out=True,
        )
        yield outcome.value
    except AlreadyUndone:
        return
    except Refused as refused:
        yield Undone(left_out=refused.left_out)


def _large(change_set_id: int, despite: bool, reason: str | None) -> Iterator[Undone]:
    """Undo a large set segment by segment, all in one new change set; run again, it goes on where it was cut short."""
    todo = steps(operator(), change_set_id, despite)
    within = None
    for number, (name, arguments) in enumerate(todo, start=1):
        outcome = actions.run(
            name,
            actor=operator(),
            source=actions.Source.CLI,
            reason=reason,
            undoes=change_set_id,
            within=within,
            **arguments,
        )
        within = outcome.change_set_id
        click.echo(f"Part {number:,} of {len(todo):,}.", err=True)
        yield outcome.value
