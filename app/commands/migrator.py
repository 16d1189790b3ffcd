"""Signing in as the migrator: the account that may change tables, where the application's own may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click
from flask import Flask, current_app
from sqlalchemy import URL

from app.core.backup.tables import UNFINISHED
from app.core.database.engine import database_url
from app.extensions import db


@contextmanager
def as_migrator() -> Iterator[None]:
    """Let the database be asked with the account of MIGRATION_DATABASE_URL inside, by an application of its own."""
    url = database_url(current_app.config["MIGRATION_DATABASE_URL"])
    if url == db.engine.url:
        yield
        return
    if not _is_same_database(url, db.engine.url):
        raise click.ClickException(
            "MIGRATION_DATABASE_URL names another database than DATABASE_URL: the two may differ in account, host and "
            "port, but not in the kind of server and the name of the database."
        )
    # A second application, because what listens to the database belongs to one. Its factory imports this room, so it
    # is asked of the package by name.
    create_app = import_module(current_app.import_name).create_app
    migrator: Flask = create_app({**current_app.config, "DATABASE_URL": current_app.config["MIGRATION_DATABASE_URL"]})
    with migrator.app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def is_own_account() -> bool:
    """Say whether migrations are run with another account than everything else."""
    return bool(current_app.config["MIGRATION_DATABASE_URL"] != current_app.config["DATABASE_URL"])


def _is_same_database(one: URL, other: URL) -> bool:
    return (one.get_backend_name(), one.database) == (other.get_backend_name(), other.database)


def refuse_unfinished(revision: str | None) -> None:
    """Stop where the database is not whole, because a restore did not come to its end."""
    if revision == UNFINISHED:
        raise click.ClickException(
            "A restore of this database did not come to its end: run `flask --app run restore` again."
        )
