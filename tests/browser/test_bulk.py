"""People ticked in a list and changed together, in a real browser: with a mouse, on a phone, without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, follow, visiting
from tests.browser.test_pages import is_too_wide, violations

pytestmark = pytest.mark.browser
LIST = "/admin/employees/?sort=1&flt0_status=active"


def test_the_box_in_the_head_ticks_the_whole_page(page: Page) -> None:
    page.goto(f"{LIST}&page_size=20")
    boxes = page.locator("tbody input[name=ids]")
    head = page.get_by_role("checkbox", name="Tick all on this page")
    head.check()
    expect(page.get_by_role("combobox", name="With which")).to_contain_text("20 ticked")
    boxes.first.uncheck()
    expect(head).not_to_be_checked()
    expect(page.get_by_role("combobox", name="With which")).to_contain_text("19 ticked")
    follow(page.get_by_role("button", name="Raise"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Raise: 19 people")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), pytest.param(390, "dark", marks=pytest.mark.slow)])
def test_each_step_of_an_action_is_accessible_and_fits(
    chromium: Browser, site: Site, signed_in: Any, width: int, scheme: str
) -> None:
    options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with visiting(chromium, site, storage_state=signed_in, **options) as page:
        page.goto(LIST)
        for row in (2, 3):
            page.locator("tbody input[name=ids]").nth(row).check()
        assert violations(page) == []
        follow(page.get_by_role("button", name="New role"))
        follow(page.get_by_role("button", name="See what would change"))
        expect(page.get_by_role("alert")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("combobox", name="Role").fill("a")
        page.get_by_role("option").first.click()
        expect(page.get_by_role("option").first).to_be_hidden()
        follow(page.get_by_role("button", name="See what would change"))
        expect(page.get_by_role("heading", name="What would change")).to_be_visible()
        assert violations(page) == []
        assert not is_too_wide(page)
        follow(page.get_by_role("button", name="Change something"))
        expect(page.get_by_role("button", name="See what would change")).to_be_visible()
    site.complaints[:] = [told for told in site.complaints if "status of 422" not in told]


def test_people_are_changed_together_without_scripts(chromium: Browser, site: Site, signed_in: Any) -> None:
    with visiting(chromium, site, storage_state=signed_in, java_script_enabled=False) as page:
        page.goto(LIST)
        for row in (4, 5):
            page.locator("tbody input[name=ids]").nth(row).check()
        follow(page.get_by_role("button", name="New manager"))
        follow(page.get_by_role("button", name="See what would change"))
        follow(page.get_by_role("button", name="New manager"))
        expect(page.get_by_role("status")).to_contain_text("New manager: 2 people changed.")
