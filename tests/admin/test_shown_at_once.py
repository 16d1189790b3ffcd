"""A change made in a panel, on every page that was read before and tells of it: kept answers are none the older."""

from __future__ import annotations

import pytest

from tests.caching import believed, taken


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


EVERY_PAGE = (
    "/directory",
    "/dashboard",
    "/admin/employees/",
    "/admin/departments/",
    "/admin/roles/",
    "/lookup/employee?query=",
    "/lookup/department?query=",
    "/lookup/role?query=",
)


@pytest.mark.parametrize(
    ("url", "names", "old", "new", "pages"),
    [
        ("departments/edit/?id={Platform}", {"name": "Quarry"}, "Platform", "Quarry", (0, 2, 3, 6)),
        ("departments/edit/?id={Board}", {"name": "Helm"}, "Board", "Helm", (0, 1, 2, 3, 6)),
        ("roles/edit/?id={Clerk}", {"title": "Scribe"}, "Clerk", "Scribe", (0, 1, 2, 4, 7)),
        ("employees/edit/?id={Ada}", {"last_name": "Quill"}, "Okafor", "Quill", (0, 1, 2, 3, 5)),
    ],
)
def test_new_name_shows_at_once_on_every_page(app, sample, hr, url, names, old, new, pages):
    def shown(words):
        return {page: hr.get(page).text.count(words) for page in EVERY_PAGE}

    ids = sample.departments | sample.roles | sample.people
    with believed(app):
        shown(old)
        before = shown(old)
        assert {page for page, count in before.items() if count} == {EVERY_PAGE[number] for number in pages}
        assert hr.submit("/admin/" + url.format(**ids), **names).status_code == 303
        assert shown(new) == before
        assert not any(shown(old).values())


@pytest.mark.parametrize("panel", ["departments", "roles", "employees"])
def test_export_is_not_kept(app, hr, panel):
    taken(app)
    assert hr.get(f"/admin/{panel}/export/csv/").status_code == 200
    assert taken(app) == {}
