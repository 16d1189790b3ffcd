"""A change found in the journal, and undone although something of it changed again since."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, follow, visiting
from tests.browser.test_pages import EACH_LOOK, is_too_wide, violations

pytestmark = pytest.mark.browser
PERSON = 7


def edit(page: Page, **values: str) -> None:
    """Change somebody's record by the form."""
    page.goto(f"/admin/employees/edit/?id={PERSON}")
    for label, value in values.items():
        page.get_by_label(label, exact=False).first.fill(value)
    follow(page.get_by_role("button", name="Save"))
    expect(page.get_by_text("The record was saved.")).to_be_visible()


@pytest.fixture
def change(page: Page) -> str:
    """Give the page that undoes a change of which half changed again since."""
    edit(page, Phone="+999 1", Location="Rome")
    edit(page, Phone="+999 2")
    page.goto("/admin/journal/")
    follow(page.locator(".set h3 a").nth(1))
    follow(page.get_by_role("link", name="Undo …"))
    return page.url


def test_what_changed_since_is_undone_only_when_it_is_ticked(page: Page, change: str) -> None:
    phone, location = page.get_by_role("checkbox", name="Phone"), page.get_by_role("checkbox", name="Location")
    expect(phone).not_to_be_checked()
    expect(location).to_be_checked()
    expect(page.get_by_text("+999 2", exact=True)).to_be_visible()
    page.get_by_label("Why").fill("A slip")
    follow(page.get_by_role("button", name="Undo what is ticked"))
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    expect(page.get_by_text("A slip")).to_be_visible()
    page.goto(change)
    page.get_by_role("checkbox", name="Phone").check()
    follow(page.get_by_role("button", name="Undo what is ticked"))
    expect(page.get_by_text("1 record is as it was before.")).to_be_visible()
    page.goto(change)
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), EACH_LOOK)
def test_page_is_accessible_and_fits(
    chromium: Browser, site: Site, signed_in: Any, change: str, width: int, scheme: str
) -> None:
    look: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with visiting(chromium, site, storage_state=signed_in, **look) as page:
        page.goto(change)
        assert violations(page) == []
        assert not is_too_wide(page)
