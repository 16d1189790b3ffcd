"""The page of a conflict in a real browser: accessible, wide and narrow, and the sides are easy to choose from."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, follow, visiting
from tests.browser.test_pages import LOOKS, is_too_wide, violations

pytestmark = pytest.mark.browser


def meet(page: Page, record: int, theirs: dict[str, str], mine: dict[str, str]) -> None:
    """Let somebody else save a record while it is open here, then save it here."""
    url = f"/admin/employees/edit/?id={record}"
    page.goto(url)
    other = page.context.new_page()
    other.goto(url)
    for tab, typed in ((other, theirs), (page, mine)):
        for label, value in typed.items():
            tab.get_by_label(label).first.fill(value)
        follow(tab.get_by_role("button", name="Save"))
    other.close()


@pytest.mark.parametrize(("width", "scheme"), [pytest.param(*LOOKS[0], marks=pytest.mark.slow), LOOKS[-1]])
def test_conflict_is_accessible_fits_and_takes_the_focus(
    chromium: Browser, site: Site, signed_in: Any, width: int, scheme: str
) -> None:
    options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    look = f"{width} {scheme}"
    with visiting(chromium, site, storage_state=signed_in, **options) as page:
        theirs = {"Phone": f"+1 {look}", "Notes": f"Theirs {look}\nof two lines", "Location": look}
        meet(page, 6, theirs, {"Phone": "+1 mine", "Notes": "Mine"})
        expect(page.get_by_role("group", name="Phone").get_by_role("radio")).to_have_count(2)
        assert page.evaluate("document.activeElement.id") == "conflict"
        assert violations(page) == []
        assert not is_too_wide(page)
    site.complaints[:] = [told for told in site.complaints if "status of 409" not in told]


def test_who_corrects_their_own_side_means_it(page: Page, site: Site) -> None:
    meet(page, 7, {"Phone": "+1 theirs"}, {"Phone": "+1 mine"})
    sides = page.get_by_role("group", name="Phone")
    theirs, mine = sides.get_by_role("radio", name="Theirs"), sides.get_by_role("radio", name="Yours")
    theirs.check()
    sides.get_by_role("textbox").fill("+1 agreed")
    expect(mine).to_be_checked()
    follow(page.get_by_role("button", name="Save"))
    expect(page).to_have_url(re.compile("/details/"))
    expect(page.get_by_text("+1 agreed")).to_be_visible()
    site.complaints[:] = [told for told in site.complaints if "status of 409" not in told]
