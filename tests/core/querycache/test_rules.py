"""What the query cache counts on elsewhere: private columns, tokens from the first day, writes that are seen."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from app.access.grants import FIELDS, Subject
from app.core.columns import UNCACHED
from app.core.querycache import versions
from app.extensions import db
from app.people.employee import Employee

ROOT = Path(__file__).parents[3]


def test_private_fields_and_notes_never_enter_the_cache() -> None:
    private = [*FIELDS[Subject.PRIVATE], *FIELDS[Subject.NOTES], "custom"]
    open_ones = [name for name in private if not UNCACHED.items() <= Employee.__table__.c[name].info.items()]
    assert not open_ones, f"give these columns info=UNCACHED: {open_ones}"


def test_each_group_has_a_token_from_the_first_day(context: Flask) -> None:
    seeded = set(versions.tokens()) - {"query x"}
    assert set(versions.groups().values()) <= seeded, "a migration has to give a new group its first token"
    assert len(set(versions.groups().values())) == 7


def test_no_write_stands_in_text() -> None:
    """Tokens move for statements of SQLAlchemy's only: what is text passes them by."""
    write = re.compile(r"""["'](INSERT\s+INTO|REPLACE\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET|TRUNCATE)\b""", re.I)
    spared = {
        *("app/core/database/keeping.py", "app/core/database/migration.py"),  # triggers, and what migrations do
        "app/core/database/statements.py",  # only reads what migrations do
        "app/core/backup/ground.py",  # puts all tables back, and draws new tokens
    }
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        if str(path.relative_to(ROOT)) not in spared
        for match in write.finditer(path.read_text())
    ]
    assert not found, f"write this with insert(), update() or delete(), or move the tokens after it: {found}"


def test_no_write_hides_in_a_cte_or_behind_a_foreign_key() -> None:
    hidden = re.compile(r"\b(insert|update|delete)\([^\n]*\.cte\(")
    assert not [path for path in (ROOT / "app").rglob("*.py") if hidden.search(path.read_text())]
    changing = [key for one in db.metadata.tables.values() for key in one.foreign_keys if key.onupdate]
    assert not changing
