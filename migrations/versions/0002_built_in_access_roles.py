"""The five access roles that come with the product, and what each may do."""

from alembic import op

from app.core.database.migration import forget_revision, note_revision

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The built-in access roles as they were first shipped: for each subject the scope of each action.
PEOPLE = ("directory", "employment", "private", "compensation", "notes")
EVERYTHING_ON_PEOPLE = {
    **{(action, group): "all" for action in ("view", "edit", "export") for group in PEOPLE},
    ("create", "employment"): "all",
    ("delete", "employment"): "all",
    ("edit", "contact"): "self",
}
ORGANISATION = {(action, "organisation"): "all" for action in ("view", "edit", "create", "delete", "export")}
OWN = {
    ("view", "directory"): "all",
    ("view", "organisation"): "all",
    ("view", "employment"): "self",
    ("view", "private"): "self",
    ("view", "compensation"): "self",
    ("edit", "contact"): "self",
}
BUILT_IN = {
    "administrator": (
        "May see and do everything",
        {
            **EVERYTHING_ON_PEOPLE,
            **ORGANISATION,
            **{(action, "accounts"): "all" for action in ("view", "edit", "create", "delete", "administer")},
            ("view", "system"): "all",
            ("administer", "system"): "all",
        },
    ),
    "hr": ("Keeps people, departments and roles", {**EVERYTHING_ON_PEOPLE, **ORGANISATION}),
    "manager": ("Sees the employment of everyone below them", {**OWN, ("view", "employment"): "reports"}),
    "staff": ("Sees the directory and their own record", OWN),
    "auditor": (
        "Sees employment, accounts and the system, changes nothing",
        {
            **OWN,
            ("view", "employment"): "all",
            ("view", "accounts"): "all",
            ("view", "system"): "all",
        },
    ),
}


def upgrade() -> None:
    for name, (description, rights) in BUILT_IN.items():
        # Nothing where the role is there already: a downgrade keeps roles that accounts hold.
        op.execute(
            "INSERT INTO access_roles (name, description, is_builtin, version) "  # noqa: S608 constants from above
            f"SELECT '{name}', '{description}', TRUE, 1 FROM (SELECT 1 AS here) AS one "
            f"WHERE NOT EXISTS (SELECT 1 FROM access_roles WHERE name = '{name}')"
        )
        for (action, subject), scope in rights.items():
            op.execute(
                "INSERT INTO grants (access_role_id, action, subject, scope, version) "  # noqa: S608
                f"SELECT id, '{action}', '{subject}', '{scope}', 1 FROM access_roles WHERE name = '{name}'"
            )
    note_revision(2, oldest_code=2)


def downgrade() -> None:
    # Roles that accounts hold stay, and those that somebody made, with what they may do.
    names = ", ".join(f"'{name}'" for name in BUILT_IN)
    op.execute(
        f"DELETE FROM grants WHERE access_role_id IN (SELECT id FROM access_roles WHERE name IN ({names}))"  # noqa: S608
    )
    op.execute(
        f"DELETE FROM access_roles WHERE name IN ({names}) "  # noqa: S608
        "AND id NOT IN (SELECT access_role_id FROM users)"
    )
    forget_revision(2)
