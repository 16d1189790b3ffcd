"""Migrations are numbered without gaps, and two branches that each add one conflict in git."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from flask_migrate import downgrade, revision, upgrade

from app.core.database import migration, schema
from app.extensions import db
from tests.applications import application

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
FILES = sorted(path.stem for path in (FOLDER / "versions").glob("*.py"))


def test_file_names_are_numbered_without_gaps() -> None:
    for number, name in enumerate(FILES, start=1):
        assert re.fullmatch(rf"{number:04d}_[a-z0-9_]+", name), (
            f"migrations/versions/{name}.py: the next free number is {number:04d}; rename it, also in `revision`"
        )
        text = (FOLDER / "versions" / f"{name}.py").read_text(encoding="utf-8")
        before = f'"{number - 1:04d}"' if number > 1 else "None"
        assert f'revision = "{number:04d}"\ndown_revision = {before}\n' in text, (
            f"migrations/versions/{name}.py: `revision` is its number, `down_revision` the one before"
        )


def test_head_file_names_the_newest_migration() -> None:
    assert (FOLDER / "HEAD").read_text(encoding="utf-8") == f"{FILES[-1]}\n", (
        f"write {FILES[-1]} into migrations/HEAD: two branches that each add a migration then conflict in git"
    )


def test_code_knows_the_number_of_the_newest_migration() -> None:
    assert int(FILES[-1][:4]) == schema.HEAD, f"set HEAD in app/core/database/schema.py to {int(FILES[-1][:4])}"


def test_new_migration_gets_the_next_number_and_notes_it(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    with application(f"sqlite:///{tmp_path}/staff.sqlite3") as app, app.app_context():
        upgrade()
        revision(message="add a phone", directory=str(folder))
        path = folder / "versions" / f"{schema.HEAD + 1:04d}_add_a_phone.py"
        text = path.read_text(encoding="utf-8").replace("'", '"')
        assert f'down_revision = "{schema.HEAD:04d}"' in text
        upgrade(directory=str(folder))
        assert migration.current() == f"{schema.HEAD + 1:04d}"
        assert db.session.get_one(schema.SchemaState, schema.HEAD + 1).oldest_code == schema.HEAD
        assert schema.is_usable(), "code from before goes on running while servers are updated one by one"
        db.session.rollback()
        downgrade(directory=str(folder))
        assert migration.current() == f"{schema.HEAD:04d}"
