"""Every page in a real browser: no violation of accessibility, nothing refused, nothing wider than the screen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, follow, visiting

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
# Each width and each scheme once; the full matrix has its time with the slow tests.
EACH_LOOK = [pytest.param(*look, marks=[pytest.mark.slow] if look in LOOKS[1:-1] else []) for look in LOOKS]

PAGES = (
    "/",
    "/dashboard",
    "/directory",
    "/directory?search=zzzz",
    "/people/D-00001",
    "/account",
    "/account/password",
    "/admin/",
    "/admin/employees/",
    "/admin/employees/?search=zzzz",
    "/admin/employees/?flt0_status=active&flt1_hired_from=2015-01-01&sort=5&desc=1&page_size=20",
    "/admin/employees/new/",
    "/admin/employees/details/?id=5",
    "/admin/employees/edit/?id=5",
    "/admin/employees/delete/?id=5",
    "/admin/employees/erase/?id=5",
    "/admin/employees/correct-pay/?id=5&row=27",
    "/admin/employees/remove-pay/?id=5&row=27",
    "/admin/employees/do/transfer/?ids=5",
    "/admin/employees/do/raise_pay/?all=1",
    "/admin/employees/do/leave/?ids=5,6,7",
    "/admin/departments/",
    "/admin/departments/new/",
    "/admin/departments/details/?id=2",
    "/admin/departments/edit/?id=2",
    "/admin/departments/delete/?id=2",
    "/admin/departments/merge/?id=2",
    "/admin/departments/do/move_departments/?ids=2,3",
    "/admin/departments/reopen/?id=2",
    "/admin/roles/",
    "/admin/roles/new/",
    "/admin/roles/details/?id=2",
    "/admin/roles/edit/?id=2",
    "/admin/roles/delete/?id=2",
    "/admin/journal/",
    "/admin/journal/?flt0_field=phone&flt1_from=2026-01-01",
    "/admin/journal/details/?id=1",
    "/admin/employees/details/?id=5&tab=history",
    "/admin/departments/details/?id=2&tab=history",
    "/admin/users/",
    "/admin/users/new/",
    "/admin/users/details/?id=1",
    "/admin/users/edit/?id=1",
    "/admin/approvals/",
    "/admin/approvals/?tab=mine",
    "/admin/jobs/",
    "/admin/jobs/?state=failed",
    "/admin/jobs/details/?id=1",
    "/admin/system/",
    "/admin/cache/",
)


def violations(page: Page) -> list[str]:
    """Return what axe finds: the rule, and where."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run(document)).violations")
    return [f"{v['id']}: {[node['target'] for node in v['nodes'][:3]]}" for v in found]


def is_too_wide(page: Page) -> bool:
    """Say whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


ALL = slice(None)
# Each page in one of two looks, the neighbours in the other one; all pages in all looks take minutes.
IN_TURN = [
    pytest.param(*LOOKS[0], slice(0, None, 2), id="1280-light"),
    pytest.param(*LOOKS[-1], slice(1, None, 2), id="390-dark"),
]
IN_ALL = [pytest.param(*look, ALL, id=f"{look[0]}-{look[1]}-all", marks=pytest.mark.slow) for look in LOOKS]


@pytest.mark.parametrize(("width", "scheme", "pages"), IN_TURN + IN_ALL)
def test_every_page_is_accessible_and_fits(
    chromium: Browser, site: Site, signed_in: Any, width: int, scheme: str, pages: slice
) -> None:
    options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    faults: list[str] = []
    with visiting(chromium, site, storage_state=signed_in, **options) as page:
        for url in PAGES[pages]:
            answer = page.goto(url)
            assert answer is not None
            assert answer.status == 200, url
            faults += [f"{url}: {fault}" for fault in violations(page)]
            if is_too_wide(page):
                faults.append(f"{url}: wider than {width} pixels")
    assert not faults


@pytest.mark.parametrize(("width", "scheme"), EACH_LOOK)
def test_pages_for_strangers_and_errors_are_accessible(chromium: Browser, site: Site, width: int, scheme: str) -> None:
    faults: list[str] = []
    with visiting(chromium, site, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        for url in ("/", "/login", "/sign-in/nothing", "/nothing"):
            page.goto(url)
            faults += [f"{url}: {fault}" for fault in violations(page)]
            if is_too_wide(page):
                faults.append(f"{url}: wider than {width} pixels")
    assert not faults
    # The browser notes refused statuses as errors; those two pages are meant to be refused.
    site.complaints[:] = [told for told in site.complaints if not re.search(r"status of (404|410)", told)]


def test_a_form_with_errors_is_accessible_and_keeps_what_was_typed(page: Page, site: Site) -> None:
    page.goto("/admin/employees/edit/?id=5")
    page.get_by_label("First name").fill("")
    page.get_by_label("Last name").fill("Kept as typed")
    page.get_by_label("Location").fill("x" * 150)
    follow(page.get_by_role("button", name="Save"))
    expect(page.get_by_label("Last name")).to_have_value("Kept as typed")
    expect(page.get_by_text("Enter something here.").first).to_be_visible()
    expect(page.get_by_text("Use at most 100 characters").first).to_be_visible()
    assert violations(page) == []
    site.complaints[:] = [told for told in site.complaints if "status of 422" not in told]


def test_a_plan_is_cancelled_on_a_phone(chromium: Browser, site: Site, signed_in: Any) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 900}, "color_scheme": "dark"}
    with visiting(chromium, site, storage_state=signed_in, **phone) as page:
        page.goto("/admin/employees/do/change_manager/?ids=8")
        page.get_by_label("From").fill("2190-01-31")
        follow(page.get_by_role("button", name="See what would change"))
        follow(page.get_by_role("button", name="New manager"))
        assert violations(page) == []
        follow(page.get_by_role("link", name="Cancel…"))
        assert violations(page) == []
        assert not is_too_wide(page)
        follow(page.get_by_role("button", name="Cancel the plan"))
        expect(page.get_by_text("The plan was cancelled.")).to_be_visible()
        expect(page.get_by_role("link", name="Cancel…")).to_have_count(0)


def test_the_skip_link_leads_past_the_menu(page: Page) -> None:
    page.goto("/directory")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_theme_follows_the_choice_and_stays(page: Page) -> None:
    page.goto("/dashboard")
    page.get_by_role("radio", name="Dark").check()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
