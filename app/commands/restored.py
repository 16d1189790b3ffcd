"""`flask journal restored`: what there is to do after an older backup was put back."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.actions.archive import replaying, restoring
from app.commands.words import failing_in_words


@click.command("restored")
@with_appcontext
@failing_in_words()
def restored() -> None:
    """Reconcile a database that was put back to an older state with the archive.

    Erases again whom it had erased since, and notes in the journal which change sets it lost. A second run does no
    harm.
    """
    erased = replaying.replay()
    click.echo(f"People erased again: {len(erased):,}.")
    lost = restoring.note_what_was_lost()
    if lost.lost:
        click.echo(
            f"Lost: {lost.lost:,} parts of change sets, positions {lost.first:,} to {lost.last:,}, the first of"
            f" {lost.at[:10]}. The archive keeps them, and the journal says so from now on."
        )
    else:
        click.echo("Nothing is lost that the journal does not say already.")
