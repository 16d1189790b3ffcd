"""`flask migrate`: bring the database up to date, once for all servers, before they get the new version."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.commands.migrator import as_migrator, is_own_account, refuse_unfinished
from app.core.clock import now
from app.core.database import migration
from app.core.database.diagnosis import Fault, diagnose, fault
from app.core.database.report import Report, TooNew, report, shuts_out
from app.core.problems import Problem
from app.extensions import db

log = logging.getLogger(__name__)
AGAIN = "run `flask --app run migrate` again"


@click.command("migrate")
@click.option("--with-downtime", is_flag=True, help="Also when the version that runs now can't go on afterwards.")
@with_appcontext
def migrate(with_downtime: bool) -> None:
    """Bring the database to this version, with the account of MIGRATION_DATABASE_URL.

    Several may start it at once: one migrates, the others wait and find nothing to do.
    """
    with as_migrator(), _failing_in_words():
        _look_whether_it_answers()
        with migration.alone(db.engine):
            refuse_unfinished(migration.current())
            told = report()
            if not told.steps:
                click.echo(f"Nothing to do: the database is at {told.before}.")
                return
            if not with_downtime:
                _refuse_to_shut_out(told)
            _migrate(told)


def _look_whether_it_answers() -> None:
    with db.engine.connect():
        pass


def _refuse_to_shut_out(told: Report) -> None:
    if reasons := list(shuts_out(told)):
        raise click.ClickException(
            f"{' '.join(reasons)} Nothing was changed: end what runs and use --with-downtime, or bring the versions "
            "between them to all servers first."
        )


def _migrate(told: Report) -> None:
    begun = time.monotonic()
    with _saying_where_it_stands(told):
        copy = migration.bring_up_to_date(now())
    if copy:
        click.echo(f"A copy from before is kept at {copy}.")
    seconds = time.monotonic() - begun
    click.echo(f"Migrated from {told.before or 'an empty database'} to {told.after} in {seconds:.1f} seconds.")
    for step in told.steps:
        click.echo(f"{step.pending.revision} {step.pending.title}")


@contextmanager
def _failing_in_words() -> Iterator[None]:
    """End with a sentence where the database can't be asked, or is not ours to change."""
    try:
        yield
    except TooNew as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        raise click.ClickException(_diagnosed(error)) from error


@contextmanager
def _saying_where_it_stands(told: Report) -> Iterator[None]:
    """End with a sentence that says what went wrong, what the database is like now, and what to do."""
    try:
        yield
    except click.ClickException:
        raise
    except SystemExit as error:
        if isinstance(error.code, str):  # it says all that is to be said
            raise
        raise click.ClickException(f"The migration failed; the log says why. {_where_it_stands(told)}") from error
    except Problem as problem:  # nothing was begun
        raise click.ClickException(f"{problem} {_where_it_stands(told)}") from problem
    except Exception as error:
        if not isinstance(error, SQLAlchemyError) or fault(error) is Fault.OTHER:
            log.exception("the migration failed")
        why = _diagnosed(error) if isinstance(error, SQLAlchemyError) else f"{type(error).__name__}: {error}."
        raise click.ClickException(f"{why} {_where_it_stands(told)}") from error


def _diagnosed(error: SQLAlchemyError) -> str:
    """Return what is wrong, naming the setting that the account came from."""
    if fault(error) is Fault.NOT_ALLOWED:
        return (
            f"The database account “{db.engine.url.username}” may not change tables: set MIGRATION_DATABASE_URL to the "
            "migrator account (scripts/bootstrap-*.sql make it)."
        )
    words = diagnose(error)
    return words.replace("DATABASE_URL", "MIGRATION_DATABASE_URL") if is_own_account() else words


def _where_it_stands(told: Report) -> str:
    """Say what the database is like after a migration broke off."""
    try:
        current = migration.current()
    except SQLAlchemyError:
        return f"How far it came can’t be asked at the moment; when the database answers, {AGAIN}."
    where = f"is at {current or 'no migration'}{'' if current != told.before else ', as before'}"
    if db.engine.dialect.name == "mysql":
        return (
            f"The database {where}; what the migration after that had changed stays, and does no harm to what runs. "
            f"Put right what is wrong, and {AGAIN}: it goes on from there."
        )
    return (
        f"The database {where}, and holds nothing of the migration that failed. Put right what is wrong, and {AGAIN}."
    )
