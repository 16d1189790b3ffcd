"""`flask journal restored`: what there is to do after an older backup was put back."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.actions.archive import replaying, restoring
from app.changes.read_only import ReadOnly
from app.commands.read_only import with_its_end
from app.commands.words import failing_in_words
from app.core.problems import Problem


@click.command("restored")
@with_appcontext
@failing_in_words()
def restored() -> None:
    """Reconcile a database that was put back to an older state with the archive.

    Erases again whom it had erased since, and notes in the journal which change sets it lost. A second run does no
    harm.
    """
    refused = _erase_again()
    lost = restoring.note_what_was_lost()
    if lost.lost:
        click.echo(
            f"Lost: {lost.lost:,} parts of change sets, positions {lost.first:,} to {lost.last:,}, the first of"
            f" {lost.at[:10]}. The archive keeps them, and the journal says so from now on."
        )
    else:
        click.echo("Nothing is lost that the journal does not say already.")
    if refused:
        raise Problem(
            f"Somebody who was erased since could not be erased again. {with_its_end(refused.state)} Then run"
            " `flask --app run journal restored` again, or leave it to a worker."
        )


def _erase_again() -> ReadOnly | None:
    """Erase again who is due, and return what forbids it where everything is read-only, as when it was backed up."""
    try:
        erased = replaying.replay()
    except ReadOnly as problem:
        return problem
    click.echo(f"People erased again: {len(erased):,}.")
    return None
