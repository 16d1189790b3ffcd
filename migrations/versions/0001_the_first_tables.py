"""The first tables: people, accounts, access, and which schema this is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.core.database.migration import TABLE, key_string, moment, note_revision

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# In the order in which they can be removed.
TABLES = [
    "sessions", "credentials", "api_tokens", "users", "search_words", "pay", "assignments", "grants", "employees",
    "sign_in_throttles", "schema_state", "roles", "departments", "access_roles",
]  # fmt: skip

LEAD: dict[str, Any] = {"name": "fk_departments_lead_id", "ondelete": "RESTRICT"}


def choice(name: str, *options: str, length: int = 20) -> Any:
    """Return a text type that holds only these options."""
    return sa.Enum(*options, name=name, native_enum=False, create_constraint=True, length=length)


def clear_leftovers() -> None:
    """Remove what an earlier try left behind that died halfway: MySQL commits each table by itself.

    Only empty tables in a database that holds nothing else; any other table by one of our names is somebody's.
    """
    context = op.get_context()
    if context.as_sql:
        return
    connection = op.get_bind()
    found = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    taken = sorted(found & set(TABLES))
    if not taken:
        return
    is_ours = context.dialect.name == "mysql" and len(taken) == len(found)
    if is_ours and not any(
        connection.execute(sa.select(1).select_from(sa.table(name)).limit(1)).first() for name in taken
    ):
        drop_tables()
        return
    raise SystemExit(
        f"Nothing was changed, because the database has tables with our names ({', '.join(taken)}) that no "
        "migration of ours made: name another database in DATABASE_URL."
    )


def drop_tables() -> None:
    """Remove what is there of the tables; run again, it goes on where it ended."""
    is_mysql = op.get_context().dialect.name == "mysql"
    if is_mysql:  # where a foreign key keeps a table, also one between the two that refer to each other
        op.execute("SET foreign_key_checks = 0")
    elif op.get_context().dialect.name == "postgresql":
        op.drop_constraint(LEAD["name"], "departments", type_="foreignkey")
    for table in TABLES:
        op.drop_table(table, if_exists=is_mysql)
    if is_mysql:
        op.execute("SET foreign_key_checks = 1")


def upgrade() -> None:
    clear_leftovers()
    # Departments and employees refer to each other: SQLite can't add a reference later, the others can't name a table
    # that is not there yet.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    lead = [sa.ForeignKeyConstraint(["lead_id"], ["employees.id"], **LEAD)] if is_sqlite else []
    op.create_table(
        "access_roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", key_string(40), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("is_builtin", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_roles"),
        sa.UniqueConstraint("name", name="uq_access_roles_name"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_table(
        "departments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=True),
        sa.Column("code_key", key_string(255), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", key_string(255), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("cost_centre", sa.String(length=40), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_departments_has_a_name")),
        *lead,
        sa.ForeignKeyConstraint(
            ["parent_id"], ["departments.id"], name="fk_departments_parent_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_departments"),
        sa.UniqueConstraint("code_key", name="uq_departments_code_key"),
        sa.UniqueConstraint("name_key", name="uq_departments_name_key"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_departments_lead_id", "departments", ["lead_id"])
    op.create_index("ix_departments_parent_id", "departments", ["parent_id"])

    op.create_table(
        "roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("title_key", key_string(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("family", sa.String(length=60), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("title <> ''", name=op.f("ck_roles_has_a_title")),
        sa.CheckConstraint("level BETWEEN 1 AND 20", name=op.f("ck_roles_level")),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("title_key", name="uq_roles_title_key"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_table(
        "schema_state",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("oldest_code", sa.Integer(), nullable=False),
        sa.Column("applied_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_schema_state"),
        **TABLE,
    )
    op.create_table(
        "sign_in_throttles",
        sa.Column("key", key_string(80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", moment(), nullable=False),
        sa.Column("blocked_until", moment(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_throttles"),
        **TABLE,
    )
    op.create_index("ix_sign_in_throttles_last_failed_at", "sign_in_throttles", ["last_failed_at"])

    op.create_table(
        "employees",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("number_key", key_string(255), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("name_key", key_string(255), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("email_key", key_string(255), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("location", sa.String(length=100), nullable=True),
        sa.Column("photo", sa.String(length=200), nullable=True),
        sa.Column("status", choice("status", "active", "on_leave", "left"), nullable=False),
        sa.Column(
            "employment_type",
            choice("employment_type", "permanent", "fixed_term", "intern", "contractor"),
            nullable=False,
        ),
        sa.Column("fte", sa.Numeric(precision=4, scale=3), nullable=False),
        sa.Column("hired_on", sa.Date(), nullable=False),
        sa.Column("probation_until", sa.Date(), nullable=True),
        sa.Column("contract_until", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("leaving_reason", sa.String(length=200), nullable=True),
        sa.Column("legal_entity", sa.String(length=100), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.Column("manager_id", sa.Integer(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("home_address", sa.String(length=500), nullable=True),
        sa.Column("personal_email", sa.String(length=254), nullable=True),
        sa.Column("personal_phone", sa.String(length=40), nullable=True),
        sa.Column("emergency_name", sa.String(length=100), nullable=True),
        sa.Column("emergency_phone", sa.String(length=40), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("custom", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status = 'left') = (left_on IS NOT NULL)", name=op.f("ck_employees_left_on")),
        sa.CheckConstraint("first_name <> ''", name=op.f("ck_employees_has_a_name")),
        sa.CheckConstraint("number <> ''", name=op.f("ck_employees_has_a_number")),
        sa.CheckConstraint("contract_until >= hired_on", name=op.f("ck_employees_contract_after_hired")),
        sa.CheckConstraint("fte > 0 AND fte <= 1.5", name=op.f("ck_employees_fte")),
        sa.CheckConstraint("left_on >= hired_on", name=op.f("ck_employees_left_after_hired")),
        sa.CheckConstraint("probation_until >= hired_on", name=op.f("ck_employees_probation_after_hired")),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="fk_employees_department_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["manager_id"], ["employees.id"], name="fk_employees_manager_id", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="fk_employees_role_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_employees"),
        sa.UniqueConstraint("email_key", name="uq_employees_email_key"),
        sa.UniqueConstraint("number_key", name="uq_employees_number_key"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_employees_department_id_name_key_id", "employees", ["department_id", "name_key", "id"])
    op.create_index("ix_employees_hired_on_id", "employees", ["hired_on", "id"])
    op.create_index("ix_employees_left_on", "employees", ["left_on"])
    op.create_index("ix_employees_manager_id_name_key_id", "employees", ["manager_id", "name_key", "id"])
    op.create_index("ix_employees_name_key_id", "employees", ["name_key", "id"])
    op.create_index("ix_employees_role_id_name_key_id", "employees", ["role_id", "name_key", "id"])
    op.create_index("ix_employees_status_id", "employees", ["status", "id"])
    op.create_index("ix_employees_status_name_key_id", "employees", ["status", "name_key", "id"])

    op.create_table(
        "grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("access_role_id", sa.Integer(), nullable=False),
        sa.Column("action", key_string(20), nullable=False),
        sa.Column("subject", key_string(20), nullable=False),
        sa.Column("scope", key_string(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("scope IN ('self', 'reports', 'department', 'all')", name=op.f("ck_grants_scope")),
        sa.ForeignKeyConstraint(
            ["access_role_id"], ["access_roles.id"], name="fk_grants_access_role_id", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index(
        "ix_grants_access_role_id_action_subject", "grants", ["access_role_id", "action", "subject"], unique=True
    )

    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("status", choice("status", "active", "on_leave", "left"), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.Column("manager_id", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_assignments_order")),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="fk_assignments_department_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employees.id"], name="fk_assignments_employee_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["manager_id"], ["employees.id"], name="fk_assignments_manager_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="fk_assignments_role_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
        sa.UniqueConstraint("employee_id", "valid_from", name="uq_assignments_employee_id_valid_from"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_assignments_department_id", "assignments", ["department_id"])
    op.create_index("ix_assignments_manager_id", "assignments", ["manager_id"])
    op.create_index("ix_assignments_role_id", "assignments", ["role_id"])
    op.create_index("ix_assignments_valid_from", "assignments", ["valid_from"])

    op.create_table(
        "pay",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("period", choice("period", "year", "month", "hour"), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_pay_amount")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_pay_order")),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name="fk_pay_employee_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_pay"),
        sa.UniqueConstraint("employee_id", "valid_from", name="uq_pay_employee_id_valid_from"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_table(
        "search_words",
        sa.Column("word", key_string(64), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("field_group", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employees.id"], name="fk_search_words_employee_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("word", "employee_id", "field_group", name="pk_search_words"),
        **TABLE,
    )
    op.create_index("ix_search_words_employee_id", "search_words", ["employee_id"])

    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", key_string(255), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("access_role_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("last_signed_in_at", moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["access_role_id"], ["access_roles.id"], name="fk_users_access_role_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name="fk_users_employee_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
        sa.UniqueConstraint("employee_id", name="uq_users_employee_id"),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index("ix_users_access_role_id", "users", ["access_role_id"])

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", key_string(64), nullable=False),
        sa.Column("limits", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=True),
        sa.Column("last_used_at", moment(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
        **TABLE,
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])

    op.create_table(
        "credentials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", choice("kind", "sign_in_link", length=30), nullable=False),
        sa.Column("token_hash", key_string(64), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=True),
        sa.Column("used_at", moment(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_credentials_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_credentials"),
        sa.UniqueConstraint("token_hash", name="uq_credentials_token_hash"),
        **TABLE,
    )
    op.create_index("ix_credentials_user_id", "credentials", ["user_id"])

    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", key_string(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("last_seen_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("agent", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        **TABLE,
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    if not is_sqlite:
        op.create_foreign_key(LEAD["name"], "departments", "employees", ["lead_id"], ["id"], ondelete="RESTRICT")
    note_revision(1, oldest_code=1)


def downgrade() -> None:
    drop_tables()
