"""`flask backup`: database, files and keys in one file."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import with_appcontext

from app.commands.words import failing_in_words
from app.core.backup import keys, making
from app.core.backup.dumping import engine_for
from app.core.backup.making import Made, Wanted
from app.core.build import build
from app.core.clock import now
from app.core.database.schema import HEAD
from app.core.storage import Storage, storage
from app.extensions import db

TOLD_EVERY_SECONDS = 2.0


class Progress:
    """Tells every few seconds, on standard error, how far something is."""

    def __init__(self) -> None:
        self._due = time.monotonic() + TOLD_EVERY_SECONDS

    def __call__(self, what: str, count: int | None = None) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + TOLD_EVERY_SECONDS
            click.echo(what if count is None else f"{what}: {count:,}", err=True)


@click.command("backup")
@click.argument("to", required=False, type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), help="Then remove all but so many of the newest in that folder.")
@click.option(
    "--files/--without-files",
    "is_with_files",
    default=None,
    help="Whether the files of STORAGE_URL go in; unset: where that is a folder.",
)
@click.option("--with-keys", "is_with_key", is_flag=True, help="Write SECRET_KEY also where it comes from a setting.")
@with_appcontext
@failing_in_words()
def backup(to: Path | None, keep: int | None, is_with_files: bool | None, is_with_key: bool) -> None:
    """Write everything into one file, from one moment, while people work on.

    TO is a folder, or the name of a file; without it the folder backups/ in the instance folder. Prints what the file
    is called.
    """
    at, instance = now(), Path(current_app.instance_path)
    path = making.path_for(to, instance, at)
    key = current_app.config["SECRET_KEY"] if is_with_key else None
    engine = engine_for(current_app.config["DATABASE_URL"])
    wanted = Wanted(engine, _store(path, is_with_files), instance, key, _facts())
    made = making.make(wanted, path, at, Progress())
    click.echo(_told(made), err=True)
    for note in _notes(made, is_with_key or keys.has(instance, current_app.config["SECRET_KEY"])):
        click.echo(note, err=True)
    if keep:
        for gone in making.prune(path.parent, keep):
            click.echo(f"Removed {gone}.", err=True)
    click.echo(path)


def _store(path: Path, is_with_files: bool | None) -> Storage | None:
    """Return the store whose files go in; None for none."""
    is_folder = urlsplit(current_app.config["STORAGE_URL"]).scheme == "file"
    if not (is_folder if is_with_files is None else is_with_files):
        return None
    if is_folder:
        making.refuse_inside(Path(storage().where), path)
    return storage()


def _facts() -> dict[str, str]:
    return {**build(current_app.config), "store": urlsplit(current_app.config["STORAGE_URL"]).scheme}


def _told(made: Made) -> str:
    tables = made.told["tables"].values()
    files, size = made.told["files"], made.path.stat().st_size
    with_files = f", files: {files['count']:,}" if files else ""
    return f"{sum(one['rows'] for one in tables):,} rows of {len(tables)} tables{with_files}, {size / 1e6:,.1f} MB."


def _notes(made: Made, is_key_in_it: bool) -> list[str]:
    """Return what whoever relies on this backup has to know."""
    notes, told = [], made.told
    if told["files"] is None:
        what = "S3 keeps versions of its own, or is backed up by itself" if told["store"] == "s3" else "as asked for"
        notes.append(f"The files of STORAGE_URL are not in it ({what}); --files puts them in.")
    if not is_key_in_it:
        other = " (the secret_key of the instance folder is another one)" if "secret_key" in told["keys"] else ""
        notes.append(
            f"SECRET_KEY is not in it, as it comes from a setting{other}: keep it, or everybody has to sign in again."
        )
    if made.strangers:
        names = ", ".join(sorted(made.strangers))
        notes.append(f"These tables and columns are not Rollcall’s, and not in it: {names}.")
    if told["schema"] > HEAD:
        notes.append(f"The database is at migration {told['revision']}: restore it with the version that made that.")
        if unknown := ", ".join(sorted({*told["tables"]} - {*db.metadata.tables})):
            notes.append(f"This version can’t tell whose these tables are, so they are in it: {unknown}.")
    return notes
