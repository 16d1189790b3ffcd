"""What waits for a second administrator, in a real browser: asked for by one, looked at and decided by another."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, ROOT, Site, follow, type_password, visiting
from tests.browser.test_pages import is_too_wide, violations

pytestmark = pytest.mark.browser
SECOND = "second@rollcall.example"


def choose_administrator(page: Page, email: str) -> None:
    page.goto("/admin/users/new/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Access role").select_option(label="Administrator")
    follow(page.get_by_role("button", name="Save"))


def check(page: Page) -> None:
    """Hold what is shown to what every page is held to."""
    assert violations(page) == []
    assert not is_too_wide(page)


@pytest.fixture(scope="module")
def second(chromium: Browser, instance: Path, served: str) -> Iterator[Any]:
    """Give the cookies of a second administrator, who is there for these tests only: alone, nobody waits."""
    environment = {"PATH": os.environ["PATH"], "INSTANCE_PATH": str(instance)}
    command = [Path(sys.executable).parent / "flask", "--app", "run", "create-admin", SECOND, "--password-stdin"]
    subprocess.run(command, cwd=ROOT, env=environment, input=PASSWORD, text=True, check=True, capture_output=True)
    with visiting(chromium, Site(served)) as page:
        page.goto("/login")
        type_password(page, SECOND)
        expect(page).to_have_url(re.compile("/admin/$"))
        state = page.context.storage_state()
    yield state
    with closing(sqlite3.connect(instance / "rollcall.sqlite3")) as connection, connection:
        connection.execute("UPDATE users SET is_active = 0 WHERE email = ?", [SECOND])


@pytest.mark.parametrize(
    ("width", "scheme", "way"),
    [
        pytest.param(1280, "light", "Refuse", marks=pytest.mark.slow),
        (390, "dark", "Refuse"),
        pytest.param(1280, "dark", "Withdraw", marks=pytest.mark.slow),
    ],
)
def test_what_one_asks_for_another_decides(
    chromium: Browser, site: Site, signed_in: Any, second: Any, width: int, scheme: str, way: str
) -> None:
    look: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with (
        visiting(chromium, site, storage_state=signed_in, **look) as mine,
        visiting(chromium, site, storage_state=second, **look) as theirs,
    ):
        choose_administrator(mine, "third@rollcall.example")
        expect(mine.get_by_text("Nothing was changed yet: this waits for a second administrator.")).to_be_visible()
        expect(mine.get_by_role("button", name="Approve")).to_have_count(0)
        check(mine)
        if way == "Withdraw":
            follow(mine.get_by_role("button", name="Withdraw"))
            expect(mine.get_by_text("Taken back. Nothing was changed.")).to_be_visible()
            check(mine)
            return
        theirs.goto("/admin/")
        check(theirs)
        follow(theirs.get_by_role("link", name="1 approval waits for you"))
        check(theirs)
        follow(theirs.get_by_role("link", name="User added"))
        expect(theirs.get_by_text("third@rollcall.example")).to_have_count(2)
        check(theirs)
        theirs.get_by_label("Comment").fill("Two are enough.")
        follow(theirs.get_by_role("button", name="Refuse"))
        expect(theirs.get_by_text("Refused. Nothing was changed.")).to_be_visible()
        expect(theirs.get_by_text("Two are enough.")).to_be_visible()
        check(theirs)
