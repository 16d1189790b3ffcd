"""The page of a running job keeps itself up to date, and stays where it is while it does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import AXE

pytestmark = pytest.mark.browser


@pytest.fixture
def job_id(instance: Path, served: str) -> Iterator[int]:
    """Give a running job that a worker elsewhere holds."""
    values = {"action": "move_people", "source": "panel", "state": "running", "lease": "x", "done": 10, "total": 40}
    values |= {"attempts": 1, "resume": 1, "is_cancel_asked": 0}
    values |= dict.fromkeys(("not_before", "created_at", "started_at"), "2026-01-01 00:00:00.000000")
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    with closing(sqlite3.connect(instance / "rollcall.sqlite3")) as connection, connection:
        made = connection.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", list(values.values())).lastrowid
        connection.execute("INSERT INTO job_leases VALUES (?, 'x', '2099-01-01 00:00:00.000000')", [made])
    assert made is not None
    yield made
    change(instance, made, state="cancelled")
    with closing(sqlite3.connect(instance / "rollcall.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM job_leases WHERE job_id = ?", [made])


def change(instance: Path, job_id: int, **values: Any) -> None:
    """Do what the worker would."""
    what = ", ".join(f"{name} = ?" for name in values)
    with closing(sqlite3.connect(instance / "rollcall.sqlite3")) as connection, connection:
        connection.execute(f"UPDATE jobs SET {what} WHERE id = ?", [*values.values(), job_id])


def test_progress_moves_by_itself_and_the_end_brings_its_own_page(page: Page, instance: Path, job_id: int) -> None:
    page.goto(f"/admin/jobs/details/?id={job_id}")
    progress = page.get_by_role("progressbar", name="Progress")
    expect(progress).to_have_attribute("value", "10")
    page.evaluate(AXE)
    assert page.evaluate("async () => (await axe.run(document)).violations.map((v) => v.id)") == []
    page.evaluate("window.isStillHere = true")
    change(instance, job_id, done=25)
    expect(progress).to_have_attribute("value", "25")
    expect(page.get_by_text("25 of 40")).to_be_visible()
    assert page.evaluate("window.isStillHere")
    change(instance, job_id, state="failed", error="This role is closed.")
    expect(page.get_by_text("This role is closed.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert not page.evaluate("window.isStillHere === true")
