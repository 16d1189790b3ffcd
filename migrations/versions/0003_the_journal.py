"""The journal, which nothing but an erasure changes, and who may read it.

Number 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

from app.core.database.keeping import Kept, forget, keep
from app.core.database.migration import TABLE, forget_revision, key_string, moment, note_revision

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

READERS = ("administrator", "hr", "auditor")
# What an erasure empties; every other column has to stay as it is.
KEPT = (
    Kept(
        "change_sets",
        same=("id", "at", "actor_id", "session_id", "action", "source", "request_id", "undoes_id"),
        emptied=("arguments", "reason", "address"),
    ),
    Kept(
        "segments",
        same=("id", "change_set_id", "number", "at", "count", "content_hash"),
        keys=(("id",), ("change_set_id", "number")),
    ),
    Kept(
        "changes",
        same=("id", "segment_id", "entity", "row_id", "person_id", "operation", "fields", "digest"),
        emptied=("before", "after", "salt"),
    ),
)


def upgrade() -> None:
    forget_half_done()
    op.create_table(
        "change_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("action", key_string(60), nullable=False),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("source", key_string(20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", key_string(64), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["change_sets.id"], name="fk_change_sets_undoes_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_change_sets"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_change_sets_at", "change_sets", ["at"])
    op.create_index("ix_change_sets_actor_id", "change_sets", ["actor_id"])
    op.create_index("ix_change_sets_undoes_id", "change_sets", ["undoes_id"])

    op.create_table(
        "segments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_set_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("content_hash", key_string(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_set_id"], ["change_sets.id"], name="fk_segments_change_set_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("change_set_id", "number", name="uq_segments_change_set_id_number"),
        sqlite_autoincrement=True,
        **TABLE,
    )

    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("entity", key_string(40), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column(
            "operation",
            sa.Enum(
                "create", "update", "delete", "erase",
                name="operation", native_enum=False, create_constraint=True, length=20,
            ),
            nullable=False,
        ),
        sa.Column("fields", sa.String(length=1000), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("salt", key_string(32), nullable=True),
        sa.Column("digest", key_string(64), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name="fk_changes_segment_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sqlite_autoincrement=True,
        **TABLE,
    )  # fmt: skip
    op.create_index("ix_changes_segment_id", "changes", ["segment_id"])
    op.create_index("ix_changes_entity_row_id", "changes", ["entity", "row_id"])
    op.create_index("ix_changes_person_id", "changes", ["person_id"])

    op.add_column("users", sa.Column("looked_at", moment(), nullable=True))
    for table in KEPT:
        keep(table)
    for name in READERS:
        op.execute(
            "INSERT INTO grants (access_role_id, action, subject, scope, version) "  # noqa: S608 constants from above
            f"SELECT id, 'view', 'journal', 'all', 1 FROM access_roles WHERE name = '{name}'"
        )
    note_revision(3, oldest_code=3)


def downgrade() -> None:
    for name in READERS:
        op.execute(
            "DELETE FROM grants WHERE subject = 'journal' AND access_role_id IN "  # noqa: S608
            f"(SELECT id FROM access_roles WHERE name = '{name}')"
        )
    is_mysql = op.get_context().dialect.name == "mysql"
    for kept in reversed(KEPT):
        op.drop_table(kept.table, if_exists=is_mysql)  # and its triggers with it
        forget(kept.table)
    with op.batch_alter_table("users") as users:
        users.drop_column("looked_at")
    forget_revision(3)


def forget_half_done() -> None:
    """Remove what an earlier try left behind that died halfway: MySQL commits each statement by itself."""
    if op.get_context().dialect.name != "mysql" or op.get_context().as_sql:
        return
    for kept in reversed(KEPT):
        op.drop_table(kept.table, if_exists=True)
    columns = sa.inspect(op.get_bind()).get_columns("users")
    if any(column["name"] == "looked_at" for column in columns):
        op.drop_column("users", "looked_at")
    op.execute("DELETE FROM grants WHERE subject = 'journal'")
