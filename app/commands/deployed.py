"""`flask deployed`: the pipeline's last word on a deployment, for the journal and the page “System”."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.access.actor import operator
from app.actions import Source, deployments
from app.changes.deployments import Result
from app.commands.words import failing_in_words


@click.command("deployed")
@click.option("--tag", required=True, help="Tag of the image.")
@click.option("--commit", default="", help="Commit that the image was made from.")
@click.option("--digest", default="", help="Digest of the image.")
@click.option("--run", "run_address", default="", help="Address or name of the pipeline run.")
@click.option("--outcome", required=True, type=click.Choice([str(one) for one in Result]), help="How it ended.")
@click.option("--servers", default="", help="Names of the servers, with commas between them.")
@click.option("--summary", default="", help="What else there is to say, in a sentence.")
@with_appcontext
@failing_in_words()
def deployed(outcome: str, **told: str) -> None:
    """Note a deployment in the journal; print the number of the change.

    It changes nothing else, and also works while everything is read-only.
    """
    click.echo(deployments.note(operator(), Source.CLI, Result(outcome), **told))
