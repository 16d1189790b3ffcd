"""Read-only on a phone: switched on, a form that keeps what was typed, switched off."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, follow, visiting
from tests.browser.test_pages import is_too_wide, violations

pytestmark = pytest.mark.browser


def test_read_only_is_switched_on_refuses_kindly_and_is_switched_off(
    chromium: Browser, site: Site, signed_in: Any
) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 900}, "color_scheme": "dark"}
    with visiting(chromium, site, storage_state=signed_in, **phone) as page:
        page.goto("/admin/roles/new/")
        page.get_by_label("Title").fill("Kept as typed")
        with visiting(chromium, site, storage_state=signed_in) as other:
            other.goto("/admin/system/")
            other.get_by_label("Reason").fill("We move to the new server")
            other.get_by_label("Reason").press("Enter")
            expect(other.get_by_text("Nothing can be changed any more.")).to_be_visible()
            assert violations(other) == []
        try:
            follow(page.get_by_role("button", name="Save"))
            expect(page.get_by_label("Title")).to_have_value("Kept as typed")
            expect(page.get_by_role("heading", name="Nothing can be changed at the moment")).to_be_visible()
            expect(page.get_by_text("you can look at everything and change nothing")).to_be_visible()
            assert violations(page) == []
            assert not is_too_wide(page)
        finally:
            page.goto("/admin/system/")
            assert violations(page) == []
            assert not is_too_wide(page)
            follow(page.get_by_role("button", name="Switch read-only off"))
        expect(page.get_by_text("Everything can be changed again.")).to_be_visible()
    site.complaints[:] = [told for told in site.complaints if "status of 503" not in told]
