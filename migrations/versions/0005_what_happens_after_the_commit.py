"""Seals, what the archive lacks, approvals, switches, and signs of life.

Segments from before are sealed like new ones, by whoever runs the background work.
"""

import sqlalchemy as sa
from alembic import op

from app.core.database.keeping import Kept, forget, keep
from app.core.database.migration import TABLE, forget_revision, key_string, moment, note_revision

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEALS = Kept(
    "seals",
    same=("position", "segment_id", "at", "key", "told_digest", "address_digest", "hash"),
    emptied=("told_salt", "address_salt"),
    keys=(("position",), ("segment_id",), ("key",)),
)


def upgrade() -> None:
    if op.get_context().dialect.name == "mysql":  # which commits each table by itself: a try may have died halfway
        drop_tables()
    op.create_table(
        "unsealed",
        sa.Column("segment_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name="fk_unsealed_segment_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("segment_id", name="pk_unsealed"),
        **TABLE,
    )
    op.create_table(
        "seals",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("key", key_string(20), nullable=False),
        sa.Column("told_salt", key_string(32), nullable=True),
        sa.Column("told_digest", key_string(64), nullable=False),
        sa.Column("address_salt", key_string(32), nullable=True),
        sa.Column("address_digest", key_string(64), nullable=False),
        sa.Column("hash", key_string(64), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name="fk_seals_segment_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("position", name="pk_seals"),
        sa.UniqueConstraint("segment_id", name="uq_seals_segment_id"),
        sa.UniqueConstraint("key", name="uq_seals_key"),
        **TABLE,
    )
    keep(SEALS)
    op.create_table(
        "unarchived",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", key_string(32), nullable=False),
        sa.Column("not_before", moment(), nullable=False),
        sa.ForeignKeyConstraint(["position"], ["seals.position"], name="fk_unarchived_position", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("position", name="pk_unarchived"),
        **TABLE,
    )
    op.create_index("ix_unarchived_not_before", "unarchived", ["not_before"])
    _create_approvals()
    op.create_table(
        "switches",
        sa.Column("name", key_string(40), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
        **TABLE,
    )
    kinds = ("worker", "storage", "mail")
    op.create_table(
        "signs",
        sa.Column(
            "kind", sa.Enum(*kinds, name="kind", native_enum=False, create_constraint=True, length=20), nullable=False
        ),
        sa.Column("name", key_string(100), nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("since", moment(), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_signs"),
        **TABLE,
    )
    op.execute("INSERT INTO unsealed (segment_id) SELECT id FROM segments")
    note_revision(5, oldest_code=4)


def _create_approvals() -> None:
    verdicts = ("waiting", "approved", "refused", "withdrawn", "expired", "outdated")
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", key_string(60), nullable=False),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("source", key_string(20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("rules", key_string(100), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("digest", key_string(64), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum(*verdicts, name="verdict", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("asked_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("decided_at", moment(), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=True),
        sa.Column("change_set_id", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_approvals_verdict_expires_at", "approvals", ["verdict", "expires_at"])
    op.create_index("ix_approvals_asked_at_id", "approvals", ["asked_at", "id"])
    op.create_index("ix_approvals_change_set_id", "approvals", ["change_set_id"])
    op.create_index("ix_approvals_job_id", "approvals", ["job_id"])


def downgrade() -> None:
    drop_tables()
    forget("seals")
    forget_revision(5)


def drop_tables() -> None:
    """Remove what is there of the tables; run again, it goes on where it ended."""
    for table in ("unarchived", "seals", "unsealed", "approvals", "switches", "signs"):
        op.drop_table(table, if_exists=op.get_context().dialect.name == "mysql")
