"""`flask restore`: a backup in the place of what the database holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.changes.opening import open_journal
from app.changes.read_only import state
from app.changes.sealing import seal_next
from app.commands.backup import Progress
from app.commands.migrator import as_migrator, is_own_account
from app.commands.read_only import with_its_end
from app.commands.restored import restored
from app.commands.verify import verify
from app.core.backup import files, keys, restoring
from app.core.backup.container import Backup, opened
from app.core.backup.restoring import HalfDone, NotMigrated, Restored
from app.core.clock import now
from app.core.database import migration, schema
from app.core.database.diagnosis import Fault, diagnose, fault
from app.core.problems import Problem
from app.core.storage import storage
from app.extensions import db

log = logging.getLogger(__name__)
UNCHANGED = "Nothing was changed."


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", "is_replaced", is_flag=True, help="Also where the database holds something, which goes.")
@click.option("--without-files", "is_without_files", is_flag=True, help="Leave the store of STORAGE_URL as it is.")
@click.option(
    "--as-it-was", "is_as_it_was", is_flag=True, help="Leave it at the backup’s migration, for the version of then."
)
@click.option("--verify", "is_verified", is_flag=True, help="Then run `journal restored` and `journal verify`.")
@click.pass_context
@with_appcontext
def restore(
    context: click.Context,
    file: Path,
    is_replaced: bool,
    is_without_files: bool,
    is_as_it_was: bool,
    is_verified: bool,
) -> None:
    """Put the backup FILE in the place of what the database holds, with the account of MIGRATION_DATABASE_URL.

    The file is checked first. A database that holds something is left alone without --replace. Stop what serves and
    works before, or start it anew afterwards.
    """
    if is_as_it_was and is_verified:
        raise click.UsageError(
            "--verify looks with this version, and --as-it-was is for another one: give one of them."
        )
    progress = Progress()
    with _failing_in_words(), opened(file) as backup:
        parts = restoring.check(backup, lambda name: progress(f"checking {name}"))
        click.echo(_about(backup), err=True)
        if strangers := ", ".join(restoring.strangers(backup, parts)):
            click.echo(
                f"Its migration does not make these tables and columns, so they are left out: {strangers}.", err=True
            )
        try:
            with as_migrator():
                done = restoring.restore(
                    db.engine, backup, parts, is_replaced=is_replaced, progress=progress, is_as_it_was=is_as_it_was
                )
        except NotMigrated:
            with _failing_after():
                _put_back_the_rest(backup, is_without_files, progress)
            raise
        click.echo(_told(done, backup))
        is_ours = done.head == migration.head()
        with _failing_after():
            if is_ours:
                _look()
                _tell_read_only()
            _put_back_the_rest(backup, is_without_files, progress)
    if is_verified:
        context.invoke(restored)
        while seal_next():  # what a worker would do in a second: the proof counts what is sealed
            pass
        context.invoke(verify)
    else:
        click.echo(_what_now(done, is_ours))


@contextmanager
def _failing_in_words() -> Iterator[None]:
    """End with a sentence that says what went wrong, and what the database is like now."""
    try:
        yield
    except click.ClickException:
        raise
    except (HalfDone, NotMigrated) as error:
        raise click.ClickException(f"{_why(error.__cause__)} {error}") from error
    except (Problem, SQLAlchemyError) as error:
        if isinstance(error, SQLAlchemyError) and fault(error) is Fault.OTHER:
            log.exception("the restore failed")
        raise click.ClickException(f"{_why(error)} {UNCHANGED}") from error


@contextmanager
def _failing_after() -> Iterator[None]:
    """End with a sentence where the database is put back, and something else is not."""
    try:
        yield
    except (Problem, SQLAlchemyError, OSError) as error:
        raise click.ClickException(f"The database is restored, but not everything else: {_why(error)}") from error


def _why(error: BaseException | None) -> str:
    """Return what went wrong, naming the setting that the account came from."""
    if isinstance(error, SQLAlchemyError):
        words = diagnose(error)
        return words.replace("DATABASE_URL", "MIGRATION_DATABASE_URL") if is_own_account() else words
    if isinstance(error, OSError):
        return f"{error.filename} can’t be read or written ({error.strerror})."
    if isinstance(error, KeyboardInterrupt):
        return "It was interrupted."
    return str(error)


def _about(backup: Backup) -> str:
    told = backup.told
    rows = sum(one["rows"] for one in told["tables"].values())
    files = f", files: {told['files']['count']:,}" if told["files"] else ""
    return f"{backup.path} is whole: {rows:,} rows{files}, of {told['made_at'][:19]} UTC, from {told['engine']}."


def _told(done: Restored, backup: Backup) -> str:
    of = f"{len(done.rows)} tables, as of {backup.told['made_at'][:19]} UTC"
    rows = f"Restored {sum(done.rows.values()):,} rows of {of}."
    later = f" The database was migrated from {done.revision} to {done.head}." if done.revision != done.head else ""
    return rows + later


def _what_now(done: Restored, is_ours: bool) -> str:
    steps = "run `flask --app run journal restored`, start everything, and run `flask --app run journal verify`."
    if is_ours:
        return f"Now {steps}"
    # The version that made the backup may be a newer one, which was about to migrate.
    return f"The database is at migration {done.head}, as it was. Now, with the version that goes with that: {steps}"


def _look() -> None:
    """Let the application look at what it was given, with its own account."""
    db.session.remove()
    db.engine.dispose()
    if not schema.is_usable():
        raise Problem("The application can’t work on it; `flask --app run check` may tell why.")
    open_journal()  # of a database that was backed up before its journal was opened to the end


def _tell_read_only() -> None:
    """Say so where nobody can change anything, which a backup made in that state brings with it."""
    if found := state():
        click.echo(with_its_end(found))


def _put_back_the_rest(backup: Backup, is_without_files: bool, progress: Progress) -> None:
    instance = Path(current_app.instance_path)
    for path in keys.load(instance, backup, now()):
        click.echo(f"Wrote {path}.", err=True)
    if backup.told["files"] is None:
        click.echo("The backup holds no files of the store.", err=True)
    elif not is_without_files:
        put, kept = files.load(storage(), backup, progress)
        click.echo(f"Files put back: {put:,}; {kept:,} were there and stay as they are.", err=True)
