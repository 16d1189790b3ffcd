"""How migrations run: one at a time per database, whoever starts them, or printed as SQL."""

from alembic import context
from flask import current_app

from app.changes import opening
from app.core.database.migration import configuration, current, head, only_one_at_a_time
from app.extensions import db

options = configuration(current_app.extensions["migrate"].configure_args)

if context.is_offline_mode():
    context.configure(url=db.engine.url, literal_binds=True, dialect_opts={"paramstyle": "named"}, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    with only_one_at_a_time(db.engine) as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
        connection.rollback()  # a transaction that found nothing to do still holds its lock
        if current() == head():  # else the tables are not those that this code knows
            opening.open_journal()
