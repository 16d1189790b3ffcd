"""The build agent's workspace: a clone of this checkout, where versions are made, built and shipped by `make`.

It is seen at the checkout's own path while a command runs, so that the `.venv` that is there can be used, as an agent
keeps its workspace between builds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.deploy.lab.ground import ROOT, outcome, run

AS_THE_CHECKOUT = """
set -e
mount --make-rprivate /
mount --bind "$CHECKOUT/.venv" "$WORKSPACE/.venv"
mount -o remount,bind,ro "$WORKSPACE/.venv"
mount --rbind "$WORKSPACE" "$CHECKOUT"
cd "$CHECKOUT"
exec "$@"
"""
AUTHOR = ("-c", "user.name=Lab", "-c", "user.email=lab@example.com", "-c", "commit.gpgsign=false")
MIGRATION = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

from app.core.database.migration import forget_revision, note_revision

revision = "{number:04d}"
down_revision = "{before:04d}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {step}
    note_revision({number}, oldest_code={oldest})


def downgrade() -> None:
    op.drop_column("departments", "floor")
    forget_revision({number})
'''


class Workspace:
    """A clone of HEAD on the branch `main`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder / "workspace"
        self.environment = {**os.environ, **environment, "CI": "true"}
        run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, self.folder])
        self.git("checkout", "--quiet", "-B", "main")
        (self.folder / ".venv").mkdir()
        for kept in (".mypy_cache", "deploy/lint/node_modules"):  # as on an agent that built it before
            if (ROOT / kept).is_dir():
                shutil.copytree(ROOT / kept, self.folder / kept, symlinks=True)

    def git(self, *words: str) -> str:
        """Run git there."""
        return run(["git", *AUTHOR, *words], cwd=self.folder).strip()

    @property
    def commit(self) -> str:
        """Return the commit that is checked out, in full."""
        return self.git("rev-parse", "HEAD")

    @property
    def tag(self) -> str:
        """Return what the image of this commit is tagged with."""
        return self.git("rev-parse", "--short=12", "HEAD")

    def change(self, title: str, *edits: Callable[[Workspace], None]) -> str:
        """Commit some edits, and return the tag of the image they make."""
        for edit in edits:
            edit(self)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", title)
        return self.tag

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file once."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def run(self, *words: str, seconds: float = 900, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the workspace, seen at the checkout's path."""
        places = {"CHECKOUT": str(ROOT), "WORKSPACE": str(self.folder)}
        return outcome(
            ["unshare", "--mount", "sh", "-c", AS_THE_CHECKOUT, "sh", *words],
            cwd=self.folder,
            environment={**self.environment, **environment, **places},
            seconds=seconds,
        )

    def make(self, target: str, seconds: float = 900, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the Makefile's targets."""
        return self.run("make", "--no-print-directory", target, seconds=seconds, **environment)


def expands(workspace: Workspace) -> None:
    """Let the next version bring a migration that only adds, with which the code before goes on."""
    _migrate(workspace, "A place for the floor of each department.", _ADDS)


def fails_to_migrate(workspace: Workspace) -> None:
    """Let the next version bring a migration that the database refuses."""
    _migrate(workspace, "A migration that can't work.", 'op.execute("SELECT no_such_column FROM employees")')


def never_is_ready(workspace: Workspace) -> None:
    """Let the next version start, and never say that it is ready."""
    workspace.replace("app/web/health.py", '@blueprint.get("/readyz")', '@blueprint.get("/readyz-not-any-more")')


def has_a_red_test(workspace: Workspace) -> None:
    """Let the next version have a test that fails."""
    test = '"""A test that fails."""\n\n\ndef test_that_fails() -> None:\n    assert sum([1, 1]) == 3\n'
    (workspace.folder / "tests/test_red.py").write_text(test)


_ADDS = 'op.add_column("departments", sa.Column("floor", sa.String(20), nullable=True))'


def _migrate(workspace: Workspace, title: str, step: str) -> None:
    schema = workspace.folder / "app/core/database/schema.py"
    before = int(re.findall(r"^HEAD = (\d+)$", schema.read_text(), flags=re.M)[0])
    workspace.replace("app/core/database/schema.py", f"HEAD = {before}", f"HEAD = {before + 1}")
    versions = workspace.folder / "migrations/versions"
    oldest = re.findall(r"oldest_code=(\d+)", next(versions.glob(f"{before:04d}_*.py")).read_text())[0]
    words = {"title": title, "number": before + 1, "before": before, "oldest": oldest, "step": step}
    name = f"{before + 1:04d}_of_the_lab"
    (versions / f"{name}.py").write_text(MIGRATION.format(**words))
    (workspace.folder / "migrations/HEAD").write_text(f"{name}\n")
