"""The main job, done in a browser: sign in, find somebody, change their record, see it in the directory."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, follow, type_password, visiting

pytestmark = pytest.mark.browser


def found_in_directory(page: Page, search: str) -> Any:
    """Return the directory's content for a search."""
    page.goto("/directory")
    page.get_by_role("main").get_by_role("searchbox").fill(search)
    follow(page.get_by_role("main").get_by_role("button", name="Search"))
    return page.get_by_role("main")


def test_hr_signs_in_edits_a_person_and_sees_the_change_in_the_directory(chromium: Browser, site: Site) -> None:
    with visiting(chromium, site) as page:
        page.goto("/admin/employees/")
        type_password(page)
        expect(page).to_have_url(f"{site.url}/admin/employees/")

        page.get_by_role("searchbox").fill("D-00012")
        follow(page.get_by_role("main").get_by_role("button", name="Search"))
        follow(page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first)
        follow(page.get_by_role("link", name="Edit"))
        page.get_by_label("First name").fill("Žofie")
        page.get_by_label("Last name").fill("Nováková-Smith")
        follow(page.get_by_role("button", name="Save"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Žofie Nováková-Smith")

        expect(found_in_directory(page, "novakova zof")).to_contain_text("Žofie Nováková-Smith")


def test_a_department_is_found_by_typing_and_the_change_begins_on_a_date(page: Page) -> None:
    page.goto("/admin/departments/new/")
    page.get_by_label("Name").fill("Cartography")
    follow(page.get_by_role("button", name="Save"))

    page.goto("/admin/employees/?search=D-00020")
    follow(page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first)
    follow(page.get_by_role("link", name="Edit"))
    page.get_by_role("combobox", name="Department").fill("cartog")
    page.get_by_role("option", name="Cartography").click()
    # The list closes first: what lies below it would otherwise be clicked where it no longer is.
    expect(page.get_by_role("option", name="Cartography")).to_be_hidden()
    page.get_by_label("Change from a date").check()
    page.locator("[name=valid_from]").fill("2026-11-02")
    follow(page.get_by_role("button", name="Save"))

    job_history = page.get_by_role("region", name="Job history")
    expect(job_history.get_by_role("row").nth(1)).to_contain_text("Cartography")
    expect(job_history.get_by_role("row").nth(1)).to_contain_text("Nov 2, 2026")
    expect(job_history.get_by_role("row").nth(2)).to_contain_text("Nov 1, 2026")


def test_a_form_can_be_sent_without_javascript(chromium: Browser, site: Site, signed_in: Any) -> None:
    with visiting(chromium, site, storage_state=signed_in, java_script_enabled=False) as page:
        page.goto("/admin/employees/?search=D-00025")
        follow(page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first)
        before = page.get_by_role("main").inner_text()
        follow(page.get_by_role("link", name="Edit"))
        page.get_by_label("Location").fill("Without scripts")
        follow(page.get_by_role("button", name="Save"))
        after = page.get_by_role("main").inner_text()
    assert "Without scripts" in after
    for line in before.splitlines():
        if line.startswith(("Department", "Role", "Manager")):
            assert line in after, "what was not touched was sent back as it was"


def test_two_people_editing_one_record_both_keep_what_they_typed(page: Page, site: Site) -> None:
    url = "/admin/employees/edit/?id=9"
    other = page.context.new_page()
    page.goto(url)
    other.goto(url)
    other.get_by_label("Location").fill("Saved first")
    follow(other.get_by_role("button", name="Save"))
    page.get_by_label("Location").fill("Saved second")
    follow(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this record")
    expect(page.get_by_role("main")).to_contain_text("Saved first")
    expect(page.get_by_label("Location")).to_have_value("Saved second")
    follow(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("main")).to_contain_text("Saved second")
    site.complaints[:] = [told for told in site.complaints if "status of 409" not in told]


def test_signing_out_ends_the_session(chromium: Browser, site: Site) -> None:
    with visiting(chromium, site) as page:
        page.goto("/login")
        type_password(page)
        copied = page.context.storage_state()
        follow(page.get_by_role("button", name="Sign out"))
        expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()
        with visiting(chromium, site, storage_state=copied) as elsewhere:
            elsewhere.goto("/admin/employees/")
            expect(elsewhere).to_have_url(f"{site.url}/login?next=/admin/employees/")
