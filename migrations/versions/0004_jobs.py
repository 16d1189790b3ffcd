"""Background work: the queue of jobs, and who is at which."""

import sqlalchemy as sa
from alembic import op

from app.core.database.migration import TABLE, forget_revision, key_string, moment, note_revision

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("jobs", "job_leases")


def upgrade() -> None:
    if op.get_context().dialect.name == "mysql":  # which commits each table by itself: a try may have died halfway
        drop_tables()
    states = ("waiting", "running", "done", "failed", "cancelled")
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", key_string(60), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("source", key_string(20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("key", key_string(100), nullable=True),
        sa.Column(
            "state",
            sa.Enum(*states, name="state", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("not_before", moment(), nullable=False),
        sa.Column("lease", key_string(32), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("resume", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("change_set_id", sa.Integer(), nullable=True),
        sa.Column("is_cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("started_at", moment(), nullable=True),
        sa.Column("finished_at", moment(), nullable=True),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("steps", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("key", name="uq_jobs_key"),
        **TABLE,
    )
    op.create_index("ix_jobs_state_not_before_id", "jobs", ["state", "not_before", "id"])
    op.create_index("ix_jobs_created_at_id", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_change_set_id", "jobs", ["change_set_id"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.create_table(
        "job_leases",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("lease", key_string(32), nullable=False),
        sa.Column("leased_until", moment(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_leases_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_leases"),
        **TABLE,
    )
    op.create_index("ix_job_leases_leased_until", "job_leases", ["leased_until"])
    note_revision(4, oldest_code=3)


def downgrade() -> None:
    drop_tables()
    forget_revision(4)


def drop_tables() -> None:
    """Remove what is there of the tables; run again, it goes on where it ended."""
    for table in reversed(TABLES):
        op.drop_table(table, if_exists=op.get_context().dialect.name == "mysql")
