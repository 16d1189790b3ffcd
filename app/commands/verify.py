"""`flask journal verify`: the journal proved against its own seals and hashes, today's tables, and the archive."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from app.actions.archive import comparing
from app.changes.replay import compare
from app.changes.verification import verify as faults
from app.commands.words import failing_in_words

MOST = 100
"""So many findings are told one by one."""


@click.command("verify")
@click.option("--archive/--no-archive", "is_archive", default=True, help="Whether to read the whole archive, too.")
@with_appcontext
@failing_in_words()
def verify(is_archive: bool) -> None:
    """Check that the journal is as it was written, that it gives today's tables, and that the archive holds it.

    Names what doesn't fit, without values, and ends with 1 then. It reads every change, which takes a while.
    """
    findings = 0
    for findings, words in enumerate(_found(is_archive), start=1):
        if findings <= MOST:
            click.echo(words, err=True)
    if findings:
        click.echo(f"{findings:,} findings.", err=True)
        sys.exit(1)
    archived = ", and the archive holds it" if is_archive else ""
    click.echo(f"The journal is whole, and gives today's tables{archived}.")


def _found(is_archive: bool) -> Iterator[str]:
    """Yield sentences; what can't be read by its types is neither replayed nor compared."""
    is_readable = True
    for fault in faults():
        is_readable &= fault.is_readable
        where = fault.where
        yield f"{where[0].upper()}{where[1:]}: it {fault.what}."
    if not is_readable:
        yield "Because of what nobody wrote, today's tables and the archive were not compared with the journal."
        return
    for gap in compare():
        what = f"{gap.entity} {gap.id}"
        if gap.field:
            yield f"{what}: the journal and the table differ in {gap.field}."
        else:
            yield f"{what}: only the {'table' if gap.journal is None else 'journal'} has it."
    if is_archive:
        yield from (finding.sentence for finding in comparing.compare())
