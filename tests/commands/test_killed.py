"""The server is killed without warning, in the middle of edits and of large work; nothing answered is lost."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.commands.serving import ROOT, START, Started

PASSWORD = "walking in the rain"
SIGNED_IN = {"ADMIN_EMAIL": "admin@killed.example", "ADMIN_PASSWORD": PASSWORD}


class Visitor:
    """Somebody signed in to a running server, who edits."""

    def __init__(self, server: Started) -> None:
        self.address = f"http://127.0.0.1:{server.port}"
        self.opener = build_opener(HTTPCookieProcessor())
        self.post("/login", email=SIGNED_IN["ADMIN_EMAIL"], password=PASSWORD)

    def get(self, path: str) -> str:
        with self.opener.open(self.address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: object) -> str:
        """Post to a page with the token that it shows; return the page one lands on."""
        return self.send(path, self.get(path), **fields)

    def send(self, path: str, page: str, **fields: object) -> str:
        """Post with the token of a page; return the page one lands on."""
        token = re.findall(r'name="csrf_token" (?:type="hidden" )?value="([^"]+)"', page)
        data = urlencode({"csrf_token": token[-1], **fields}).encode()
        with self.opener.open(Request(self.address + path, data), timeout=30) as answer:
            return str(answer.read().decode())


def edit_until_killed(visitor: Visitor, place: int, answered: list[str], most: int) -> None:
    """Add departments one after the other, each answered one to the list, until the server is gone."""
    for number in range(most):
        name = f"Department {place} {number}"
        try:
            page = visitor.post("/admin/departments/new/", name=name, code=f"{place}-{number}")
        except (OSError, URLError, HTTPException):
            return
        if name in page:
            answered.append(name)


def query(database: Path, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(database) as connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("most", [pytest.param(30, id="few"), pytest.param(250, id="1000", marks=pytest.mark.slow)])
def test_every_edit_that_was_answered_is_there_and_none_is_half_done(start: START, most: int, tmp_path: Path) -> None:
    answered: list[str] = []
    server = start(**SIGNED_IN)
    server.welcome()
    visitors = [Visitor(server) for _ in range(4)]
    threads = [
        threading.Thread(target=edit_until_killed, args=(one, place, answered, most))
        for place, one in enumerate(visitors)
    ]
    for thread in threads:
        thread.start()
    while len(answered) < 4 * most * 2 // 3:
        time.sleep(0.01)
    server.close()  # kill -9, of all its processes
    for thread in threads:
        thread.join()
    database = tmp_path / "instance" / "rollcall.sqlite3"
    stored = {name for (name,) in query(database, "SELECT name FROM departments")}
    told = {
        name
        for (name,) in query(
            database,
            "SELECT json_extract(c.after, '$.name') FROM changes c JOIN segments s ON s.id = c.segment_id "
            "JOIN change_sets t ON t.id = s.change_set_id WHERE c.entity = 'departments' AND c.operation = 'create'",
        )
    }
    assert set(answered) <= stored
    assert stored == told
    assert query(database, "PRAGMA integrity_check") == [("ok",)]
    counts = "SELECT s.count, COUNT(c.id) FROM segments s LEFT JOIN changes c ON c.segment_id = s.id GROUP BY s.id"
    assert all(count == found for count, found in query(database, counts))
    again = start(**SIGNED_IN)
    again.welcome()
    assert all(
        name in Visitor(again).get(f"/admin/departments/?search={name.replace(' ', '+')}") for name in answered[-3:]
    )


LARGE = """
import sys
from app import create_app
from app.access.actor import operator
from app.actions import work
from app.actions.registry import Source
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.role import Role
from config import load_config
from sqlalchemy import select

with create_app(load_config()).app_context():
    ids = list(db.session.scalars(select(Employee.id).where(Employee.status != Status.LEFT)))
    role = db.session.scalars(select(Role.id).order_by(Role.id)).first()
    asked = {"employee_ids": ids, "role_id": role}
    print(work.start("assign_role", actor=operator(), source=Source.CLI, **asked), len(ids), role)
"""


def flask(server: Started, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "run", *command],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
    )


def wait_for(found: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("people", [pytest.param(2600, id="few"), pytest.param(27_000, id="20000")])
def test_large_work_that_was_killed_is_found_open_and_resumed_and_can_be_undone(
    start: START, people: int, tmp_path: Path
) -> None:
    server = start(**SIGNED_IN, DEMO=people)
    server.welcome()
    database = tmp_path / "instance" / "rollcall.sqlite3"
    before = query(database, "SELECT id, role_id, status FROM employees ORDER BY id")
    asked = subprocess.run(
        [sys.executable, "-c", LARGE], cwd=ROOT, env=server.environment, capture_output=True, text=True
    )
    assert asked.returncode == 0, asked.stderr
    job, count, role = map(int, asked.stdout.split())
    state = f"SELECT state, done, total, change_set_id FROM jobs WHERE id = {job}"
    wait_for(lambda: query(database, state)[0][1] >= 1000)
    server.close()
    left = query(database, state)[0]
    assert left[0] == "running"
    assert 1000 <= left[1] < count == left[2]
    held = {row[0]: row[1] for row in query(database, "SELECT id, role_id FROM employees")}
    segments = query(database, f"SELECT number, count FROM segments WHERE change_set_id = {left[3]}")
    assert len(segments) == left[1] // 1000
    changed = sum(1 for row_id, was, status in before if held[row_id] != was)
    wanted = sum(1 for _, was, status in before if status != "left" and was != role)
    assert 0 < changed < wanted

    again = start(**SIGNED_IN)
    again.welcome()
    visitor = Visitor(again)
    assert "in progress" in visitor.get(f"/admin/journal/details/?id={left[3]}")
    assert f"{left[1]:,} of {count:,}" in visitor.get(f"/admin/jobs/details/?id={job}")
    with sqlite3.connect(database) as connection:  # nobody wants to wait for the dead worker's lease
        connection.execute("UPDATE job_leases SET leased_until = '2000-01-01'")
    connection.close()
    wait_for(lambda: query(database, state)[0][0] == "done")
    held = {row[0]: row[1] for row in query(database, "SELECT id, role_id FROM employees")}
    assert all(held[row_id] == (was if status == "left" else role) for row_id, was, status in before)
    numbers = query(database, f"SELECT number FROM segments WHERE change_set_id = {left[3]} ORDER BY number")
    assert [number for (number,) in numbers] == list(range(1, -(-count // 1000) + 1))

    undone = flask(again, "journal", "undo", str(left[3]))
    assert undone.returncode == 0, undone.stderr
    assert query(database, "SELECT id, role_id, status FROM employees ORDER BY id") == before
