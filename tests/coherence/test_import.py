"""A staff list comes in by the command line, in a process of its own, while others read the same file of SQLite."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.access.actor import by_session_token
from app.core.clock import now
from app.extensions import db
from app.people.employee import Employee, Status
from tests import sample
from tests.applications import migrate
from tests.coherence.questions import ask, asked
from tests.coherence.town import SECRET, Town, compare, sign_in, town

ROOT = Path(__file__).parents[2]
SLICE = 1000
PAUSE_SECONDS = 0.01
WAIT_SECONDS = 120
COUNTED = (Employee.status != Status.LEFT) & (Employee.hired_on > date(2012, 1, 1))
NAMES = ("total", "headcount", "branch", "titles", "journal")


def staff_list(path: Path, people: int) -> Path:
    """Write a list of new people in new departments."""
    lines = [f"N{n},Name {n},Last,2020-01-01,Place {n % 40},Job {n % 30}" for n in range(people)]
    path.write_text("\n".join(["number,first name,last name,hired,department,job title", *lines]))
    return path


def look(found: Town, process: str) -> int:
    """Ask in a new snapshot, and compare; return how many people there are, no fewer than anybody could see before."""
    with found.processes[process].app.app_context():
        before = found.outside_rows(select(func.count()).select_from(Employee).where(COUNTED))[0][0]
        actor = by_session_token(found.tokens["administrator"], now())
        assert actor
        rows = {}
        for name in NAMES:
            rows[name] = ask(name, actor)
            fresh = [tuple(row) for row in db.session.execute(asked(name, actor)[0])]
            compare(name, rows[name], fresh, "its snapshot")
            found.reads += 1
        people: int = rows["total"][0][0]
        assert people >= before
        return people


@pytest.mark.parametrize("people", [60, pytest.param(2 * SLICE + 60, marks=pytest.mark.slow)])
def test_readers_follow_an_import_step_by_step(tmp_path: Path, people: int) -> None:
    url = f"sqlite:///{tmp_path / 'rollcall.sqlite3'}"
    with town(url, first="", second="") as found:
        found.processes["second"].cache.store = found.processes["first"].cache.store
        with found.processes["first"].app.app_context():
            migrate(found.processes["first"].app)
            sample.build()
            found.tokens = sign_in("administrator@sample.example")
        command = [sys.executable, "-m", "flask", "--app", "run", "people", "import", "--apply", "--create-missing"]
        environment = {"PATH": os.environ["PATH"], "FLASK_CONFIG": "testing", "SECRET_KEY": SECRET, "DATABASE_URL": url}
        said = tmp_path / "said"
        with (
            said.open("w") as output,
            subprocess.Popen(
                [*command, str(staff_list(tmp_path / "staff.csv", people))],
                cwd=ROOT,
                env=environment | {"INSTANCE_PATH": str(tmp_path)},
                stdout=output,
                stderr=output,
            ) as importing,
        ):
            seen = {look(found, "first")}
            until = time.monotonic() + WAIT_SECONDS
            while importing.poll() is None:
                assert time.monotonic() < until, "the import does not end"
                seen |= {look(found, process) for process in found.processes}
                time.sleep(PAUSE_SECONDS)
        assert importing.returncode == 0, said.read_text()[-2000:]
        assert look(found, "second") == min(seen) + people
        assert len(seen) >= people // SLICE  # readers saw it in the middle as well
        found.check()
        assert found.uses("hits") > found.reads // 10
        sys.stdout.write(f"{sorted(seen)} {found.reads} reads, {found.uses('hits')} hits\n")
