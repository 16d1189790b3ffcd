"""`flask people …`: staff lists in and out, and people erased."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_babel import gettext as _

from app.access.actor import operator
from app.access.grants import Subject
from app.actions import run
from app.actions.erasure import erase
from app.actions.imports import money, table
from app.actions.imports.columns import read_mapping
from app.actions.imports.plan import Options
from app.actions.imports.report import Report, import_people
from app.actions.imports.values import Refused
from app.actions.registry import Source
from app.commands.words import failing_in_words
from app.reading import named
from app.reading import people as lists
from app.reading.holdings import HEADINGS, Fate, holdings
from app.ui.spreadsheet import csv_lines

MAPPING_BYTES = 1024 * 1024
GROUPS = (Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE, Subject.NOTES)


@click.group("people")
def people() -> None:
    """Bring staff lists in and out, and erase people."""


@people.command("import")
@click.argument("file")
@click.option("--apply", "is_applied", is_flag=True, help="Write it; without this it is only tried and reported.")
@click.option("--create-missing", is_flag=True, help="Make departments and roles that are not here yet.")
@click.option("--map", "map_file", metavar="FILE", help="Which column is what: JSON, or lines “header,field”.")
@click.option("--currency", metavar="CODE", help="Currency of amounts that name none, like USD or EUR.")
@click.option("--json", "is_json", is_flag=True, help="Report as JSON.")
@with_appcontext
@failing_in_words()
def import_(
    file: str, is_applied: bool, create_missing: bool, map_file: str | None, currency: str | None, is_json: bool
) -> None:
    """Import the staff list FILE (CSV; - is standard input). A dry run unless --apply.

    Exit code 0 when every row was taken, 1 when some were refused, 2 when nothing could be read.
    """
    try:
        options = Options(
            mapping=_mapping(map_file) if map_file else {},
            create_missing=create_missing,
            currency=money.currency(currency) if currency else None,
            default_currency=money.currency(current_app.config["DEFAULT_CURRENCY"]) or "USD",
        )
        found = table.read_stream(sys.stdin.buffer) if file == "-" else table.read_file(file)
        report = import_people(operator(), Source.CLI, found, options, is_dry_run=not is_applied)
    except (table.Unreadable, Refused) as problem:
        _fail(str(problem))
    if is_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for line in _lines(report):
            click.echo(line)
    if report["stopped"] or report["counts"]["refused"]:
        sys.exit(1)


@people.command("export")
@click.argument("file")
@with_appcontext
@failing_in_words()
def export(file: str) -> None:
    """Write everybody to FILE (- is standard output) as CSV that spreadsheets open safely and the import takes."""
    wanted = lists.Wanted(sort="number", subject=Subject.EMPLOYMENT)
    rows = lists.export(operator(), wanted, GROUPS)
    try:
        with _written(file) as target:
            count = _write(rows, target)
    except OSError as error:
        _fail(_("%(file)s can't be written: %(reason)s.", file=file, reason=error.strerror or str(error)))
    click.echo(_("%(count)d people exported.", count=count), err=True)


@people.command("erase")
@click.argument("number")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only say what holds the person, and what becomes of it.")
@click.option("--delete-copies", "is_deleting_copies", is_flag=True, help="Delete the copies that migrations made.")
@with_appcontext
@failing_in_words()
def erase_(number: str, is_dry_run: bool, is_deleting_copies: bool) -> None:
    """Erase who has this NUMBER: what says who it was goes for good. It asks nothing.

    Exit code 0 when that is done, 1 when it is refused, 2 when nobody has the number.
    """
    actor = operator()
    employee_id = named.employee_id(actor, number)
    if employee_id is None:
        _fail(_("There is no employee with the number %(number)s.", number=number))
    if is_dry_run:
        found = holdings(actor, employee_id)
        for fate in Fate:
            for line in _section(str(HEADINGS[fate]), [str(words) for words in found.of(fate)]):
                click.echo(line)
        run("erase_person", actor=actor, source=Source.CLI, preview=True, employee_id=employee_id)
        click.echo("\n" + _("This was a dry run: nothing was erased."))
        return
    done = erase(actor, Source.CLI, employee_id, is_deleting_copies=is_deleting_copies)
    if done.was_needed:
        click.echo(_("Erased. What is left has the number %(number)s.", number=done.number))
    else:
        click.echo(_("This person was erased already."))
    for copy in done.copies:
        click.echo(_("This copy still holds them, delete it (--delete-copies does): %(path)s", path=copy))
    if not done.is_log_emptied:
        number = done.number
        click.echo(
            _("The log of the database still holds them: run this for %(number)s once nobody reads.", number=number)
        )


def _write(everybody: Iterable[dict[str, Any]], target: TextIO) -> int:
    fields = [name for name in lists.exported(GROUPS) if name != "photo"]
    count = 0

    def rows() -> Iterator[list[Any]]:
        nonlocal count
        for person in everybody:
            count += 1
            yield [person[name] for name in fields]

    target.writelines(csv_lines(fields, rows()))
    return count


@contextmanager
def _written(file: str) -> Iterator[TextIO]:
    """Open `file` for writing; it appears whole and readable by its owner only, or not at all."""
    if file == "-":
        target = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
        try:
            yield target
        finally:
            target.detach()  # flushes it, and leaves standard output open
        return
    path = Path(file)
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as target:
            yield target
        return
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as target:
            yield target
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _mapping(file: str) -> dict[str, str]:
    try:
        with open(file, "rb") as source:
            return read_mapping(source.read(MAPPING_BYTES))
    except OSError as error:
        reason = error.strerror or str(error)
        raise table.Unreadable(_("%(path)s can't be opened: %(reason)s.", path=file, reason=reason)) from error


def _fail(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(2)


def _lines(report: Report) -> Iterator[str]:
    """Yield the report as lines for people."""
    for row in report["rows"]:
        who = " ".join(part for part in (row["number"], row["name"]) if part)
        if row["outcome"] == "new":
            yield _("Row %(row)d: new, %(who)s", row=row["row"], who=who)
        elif row["outcome"] == "changed":
            changes = "; ".join(
                f"{name}: {before or '–'} → {after}" for name, (before, after) in row["changes"].items()
            )
            yield _("Row %(row)d: changed, %(who)s: %(changes)s", row=row["row"], who=who, changes=changes)
        elif row["outcome"] == "refused":
            reasons = " ".join(row["reasons"])
            yield _("Row %(row)d: refused, %(who)s: %(reasons)s", row=row["row"], who=who or "–", reasons=reasons)
    yield from _section(
        _("Columns left out"), [f"{column['header']}: {column['sentence']}" for column in report["left_out"]]
    )
    is_done = report["applied"]
    yield from _section(_("Departments created") if is_done else _("Departments to create"), report["departments"])
    yield from _section(_("Roles created") if is_done else _("Roles to create"), report["roles"])
    yield from _section(
        _("Managers not linked"),
        [_("Row %(row)d, %(person)s: “%(manager)s”. %(reason)s", **unresolved) for unresolved in report["unresolved"]],
    )
    yield from _section(_("Notes"), report["notes"])
    yield ""
    yield _(
        "%(rows)d rows: %(new)d new, %(changed)d changed, %(unchanged)d unchanged, %(refused)d refused.",
        rows=len(report["rows"]),
        **report["counts"],
    )
    if report["stopped"]:
        yield _("Stopped on the way: %(reason)s What was imported stays; run it again.", reason=report["stopped"])
    elif not is_done:
        yield _("This was a dry run: nothing was written. Add --apply to import.")


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield ""
        yield f"{title} ({len(lines)}):"
        yield from (f"  {line}" for line in lines)
