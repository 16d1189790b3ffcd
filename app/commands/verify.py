"""`flask journal verify`: the journal proved against its own hashes and today's tables."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from app.changes.replay import compare
from app.changes.replay import verify as faults
from app.commands.words import failing_in_words

MOST = 100
"""So many findings are told one by one."""


@click.command("verify")
@with_appcontext
@failing_in_words()
def verify() -> None:
    """Check that the journal is as it was written, and that it gives today's tables.

    Names what doesn't fit, without values, and ends with 1 then. It reads every change, which takes a while.
    """
    findings = 0
    for fault in faults():
        findings += 1
        change = f", change {fault.change_id}" if fault.change_id is not None else ""
        _tell(findings, f"Segment {fault.segment_id}{change}: it {fault.what}.")
    for gap in compare():
        findings += 1
        what = f"{gap.entity} {gap.id}"
        if gap.field:
            _tell(findings, f"{what}: the journal and the table differ in {gap.field}.")
        else:
            _tell(findings, f"{what}: only the {'table' if gap.journal is None else 'journal'} has it.")
    if findings:
        click.echo(f"{findings:,} findings.", err=True)
        sys.exit(1)
    click.echo("The journal is whole, and gives today's tables.")


def _tell(number: int, words: str) -> None:
    if number <= MOST:
        click.echo(words, err=True)
