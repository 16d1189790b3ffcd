"""Which build runs on which server, what was deployed, and whether anything may be changed at the moment.

Only adds tables: code from before does not know them, and goes on beside this one.
"""

import sqlalchemy as sa
from alembic import op

from app.core.database.migration import TABLE, forget_revision, key_string, moment, note_revision

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "mysql":  # which commits each table by itself: a try may have died halfway
        drop_tables()
    op.create_table(
        "servers",
        sa.Column("host", key_string(100), nullable=False),
        sa.Column("part", one_of("part", "serve", "worker"), nullable=False),
        sa.Column("version", key_string(100), nullable=False),
        sa.Column("commit_hash", key_string(100), nullable=False),
        sa.Column("tag", key_string(200), nullable=False),
        sa.Column("digest", key_string(200), nullable=False),
        sa.Column("run", sa.String(length=500), nullable=False),
        sa.Column("knows", sa.Integer(), nullable=False),
        sa.Column("is_draining", sa.Boolean(), nullable=False),
        sa.Column("since", moment(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("process", key_string(32), nullable=False),
        sa.PrimaryKeyConstraint("host", "part", name="pk_servers"),
        **TABLE,
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("result", one_of("result", "done", "failed", "back"), nullable=False),
        sa.Column("tag", key_string(200), nullable=False),
        sa.Column("commit_hash", key_string(100), nullable=False),
        sa.Column("digest", key_string(200), nullable=False),
        sa.Column("run", sa.String(length=500), nullable=False),
        sa.Column("servers", sa.String(length=500), nullable=False),
        sa.Column("summary", sa.String(length=500), nullable=True),
        sa.Column("change_set_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_deployments_at_id", "deployments", ["at", "id"])
    op.create_index("ix_deployments_change_set_id", "deployments", ["change_set_id"])
    op.create_table(
        "read_only",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("on_until", moment(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("at", moment(), nullable=True),
        sa.Column("holder", key_string(32), nullable=True),
        sa.Column("held_for", sa.String(length=500), nullable=True),
        sa.Column("held_until", moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_read_only"),
        **TABLE,
    )
    op.execute("INSERT INTO read_only (id) VALUES (1)")
    note_revision(7, oldest_code=6)


def one_of(name: str, *values: str) -> sa.Enum:
    """Return a text type that holds only these values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def downgrade() -> None:
    drop_tables()
    forget_revision(7)


def drop_tables() -> None:
    """Remove what is there of the tables; run again, it goes on where it ended."""
    for table in ("servers", "deployments", "read_only"):
        op.drop_table(table, if_exists=op.get_context().dialect.name == "mysql")
