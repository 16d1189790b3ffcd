"""How migrations run: one at a time per database, whoever starts them, or printed as SQL."""

from contextlib import AbstractContextManager, nullcontext

from alembic import context
from flask import current_app

from app.actions.read_only import read_only_while
from app.changes import opening
from app.core.database.migration import configuration, current, head, only_one_at_a_time
from app.core.database.pending import asking_for_read_only
from app.extensions import db


def kept_as_it_is() -> AbstractContextManager[None]:
    """Let nobody change anything while migrations run that ask for it."""
    is_moving = "destination_rev" in context.get_context().opts  # not where a command only looks
    asking = asking_for_read_only(current()) if is_moving else []
    return read_only_while(", ".join(asking)) if asking else nullcontext()


options = configuration(current_app.extensions["migrate"].configure_args)

if context.is_offline_mode():
    context.configure(url=db.engine.url, literal_binds=True, dialect_opts={"paramstyle": "named"}, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    with only_one_at_a_time(db.engine) as connection:
        context.configure(connection=connection, **options)
        with kept_as_it_is(), context.begin_transaction():
            context.run_migrations()
        connection.rollback()  # a transaction that found nothing to do still holds its lock
        if current() == head():  # else the tables are not those that this code knows
            opening.open_journal()
