"""${message}

Number ${up_revision}, after ${down_revision | comma,n}.
"""

import sqlalchemy as sa
from alembic import op

from app.core.database.migration import forget_revision, note_revision
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

# Also: put this file's name without .py into migrations/HEAD and the number into app/core/database/schema.py. MySQL
# commits each DDL statement by itself, so one of them to a migration, written so that it can be run again.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
    # The oldest code that may run on the new schema: the one before, unless something it uses went away.
    note_revision(${int(up_revision)}, oldest_code=${int(up_revision) - 1})


def downgrade() -> None:
    forget_revision(${int(up_revision)})
    ${downgrades if downgrades else "pass"}
