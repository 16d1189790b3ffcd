"""The panel's list of employees, as its pages show it."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.clock import today
from app.core.querycache.cached import of_app
from app.extensions import db
from app.people.employee import Employee
from app.reading import paging
from app.reading.people import FILTERS
from tests.browsing import rows, soup
from tests.sample import act

LIST = "/admin/employees/"


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def names(response):
    """Return the first names on a page."""
    assert response.status_code == 200, response.status_code
    return [row[0].split()[0] for row in rows(response)]


def add(app, count, **values):
    """Hire people with names that others have too."""
    with app.app_context():
        for i in range(count):
            act("hire", values={"number": f"N{i:03}", "first_name": "Zoe", "hired_on": date(2020, 1, 1), **values})


def test_list_shows_department_role_manager_and_status(hr):
    page = hr.get(LIST)
    assert rows(page)[4] == ["Dee O'Hara", "103", "Platform", "Engineer", "Bo Lindqvist", "Sep 3, 2018", "Active"]
    assert names(page) == ["Eli", "Bo", "Cy", "Flo", "Dee", "Ada", "Hana"]
    assert "7 entries" in page.text


def test_search_is_kept_by_the_links_of_the_list(hr):
    page = hr.get(LIST + "?search=10&sort=1&desc=1&page_size=20&flt0_is_here=1")
    assert names(page) == ["Hana", "Eli", "Dee", "Cy", "Bo", "Ada"]
    for link in soup(page).select("main th a[href*='sort='], .sizes a"):
        assert "search=10" in link["href"]
        assert "is_here=1" in link["href"]
        assert hr.get(link["href"]).status_code == 200
    assert soup(page).select_one("input[name=search]")["value"] == "10"


def test_every_sort_is_offered_both_ways(hr):
    page = hr.get(LIST)
    heads = [a["href"] for a in soup(page).select("main th[scope=col] a")]
    assert len(heads) == 4
    for head in heads:
        there = hr.get(head)
        back = hr.get(soup(there).select_one("main th[aria-sort] a")["href"])
        assert sorted(names(there)) == sorted(names(back))
        assert names(there) == list(reversed(names(back)))
        assert {th["aria-sort"] for th in soup(there).select("th[aria-sort]")} | {
            th["aria-sort"] for th in soup(back).select("th[aria-sort]")
        } == {"ascending", "descending"}


@pytest.mark.parametrize(
    "query",
    [
        "sort=99",
        "sort=-1",
        "sort=x",
        "sort=2",
        "desc=x",
        "desc=9",
        "page=5",
        "page=x",
        "page_size=7",
        "page_size=0",
        "page_size=-1",
        "page_size=1000000",
        "page_size=x",
        "flt0_nonsense=1",
        "flt0_department=²",
        "flt0_department=" + "9" * 5000,
        "flt=1",
        "flt0=1",
        "flt_=1",
        "fltx_status=active",
        "flt0_search=x",
        "after=",
        "after=x&before=y&last=1",
        "last=2",
        "search=%00",
        "search=%ff",
        "nonsense=1",
    ],
)
def test_strange_address_shows_the_list(hr, query):
    assert hr.get(f"{LIST}?{query}").status_code == 200


def test_no_value_of_a_filter_is_an_error(hr):
    for name in FILTERS:
        for value in ("x", "-1", "%00", "%ff", "9" * 400, "2020-13-01", "none", "1"):
            answer = hr.get(f"{LIST}?flt0_{name}={value}")
            assert answer.status_code == 200, (name, value)


def test_each_filter_shows_what_it_is_and_how_to_drop_it(hr, sample):
    query = (
        f"flt0_department={sample.departments['Platform']}&flt1_role={sample.roles['Engineer']}"
        f"&flt2_manager={sample.people['Bo']}&flt3_status=active&flt4_hired_from=2018-01-01"
    )
    page = hr.get(f"{LIST}?{query}")
    assert names(page) == ["Dee"]
    chips = soup(page).select("a.chip")
    assert [chip.get_text(" ", strip=True).removeprefix("Remove the filter ") for chip in chips] == [
        "Status: Active",
        "Department: Platform",
        "Role: Engineer",
        "Manager: Bo Lindqvist · 101",
        "Hired from: 2018-01-01",
    ]
    without_status = next(chip["href"] for chip in chips if "Status" in chip.text)
    assert "status" not in without_status
    assert "department" in without_status
    assert set(names(hr.get(soup(page).select_one(".chips a.btn")["href"]))) >= {"Ada", "Flo"}


def test_filter_form_sends_empty_filters_that_mean_nothing(hr):
    page = hr.get(LIST)
    controls = soup(page).select("form[role=search] [name]")
    query = "&".join(f"{control['name']}=" for control in controls)
    assert len(controls) == len(FILTERS) + 1
    assert len(names(hr.get(f"{LIST}?{query}"))) == 7


def walk(hr, url, rel):
    """Return all first cells from a page on, following the links."""
    seen = []
    while url:
        assert len(seen) < 20, "the walk does not end"
        page = hr.get(url)
        seen.append([row[1] for row in rows(page)])
        link = soup(page).select_one(f".pager a[rel={rel}]")
        url = link["href"] if link else None
    return seen


@pytest.mark.parametrize("query", ["", "&sort=5", "&sort=6&desc=1", "&sort=1", "&search=zoe&flt0_status=active"])
def test_pages_lead_through_the_whole_list_and_back(app, hr, query):
    add(app, 50)
    there = walk(hr, f"{LIST}?page_size=20{query}", "next")
    assert [len(page) for page in there] in ([20, 20, 17], [20, 20, 10])
    numbers = [number for page in there for number in page]
    assert len(set(numbers)) == len(numbers)
    back = walk(hr, f"{LIST}?page_size=20&last=1{query}", "prev")
    assert [number for page in reversed(back) for number in page] == numbers


def test_page_sizes_on_offer_are_kept_to(app, hr):
    add(app, 50)
    sizes = soup(hr.get(LIST)).select(".sizes a")
    assert [link.text for link in sizes] == ["20", "100", "200"]
    assert [len(names(hr.get(link["href"]))) for link in sizes] == [20, 57, 57]
    assert len(names(hr.get(f"{LIST}?page_size=1000"))) == 50


@pytest.mark.parametrize("panel", ["employees", "departments", "roles", "users"])
def test_what_flask_admin_would_open_by_itself_stays_closed(sample, browser, panel):
    browser.sign_in(sample.users["administrator"])
    assert browser.post(f"/admin/{panel}/action/", data={"action": "delete", "rowid": "1"}).status_code == 404
    assert browser.post(f"/admin/{panel}/ajax/update/", data={"list_form_pk": "1", "phone": "1"}).status_code == 404
    assert browser.get(f"/admin/{panel}/ajax/lookup/?name=manager&query=a&limit=9").status_code == 404


def test_first_and_last_page_are_one_click_away(app, hr):
    add(app, 50)
    first = hr.get(f"{LIST}?page_size=20")
    links = {a.get_text(strip=True): a["href"] for a in soup(first).select(".pager a")}
    assert links.keys() == {"Next", "Last"}
    last = hr.get(links["Last"])
    links = {a.get_text(strip=True): a["href"] for a in soup(last).select(".pager a")}
    assert links.keys() == {"First", "Previous"}
    assert rows(hr.get(links["First"])) == rows(first)


def test_page_whose_people_went_meanwhile_shows_the_beginning(app, hr):
    add(app, 14)
    url = soup(hr.get(f"{LIST}?page_size=20&sort=1")).select_one("a[rel=next]")["href"]
    with app.app_context():
        person = db.session.execute(db.select(Employee).filter_by(number="N013")).scalar_one()
        act("delete_employee", employee_id=person.id, version=person.version)
    assert [row[1] for row in rows(hr.get(url))][:2] == ["100", "101"]


def test_nothing_found_says_so(hr):
    page = hr.get(LIST + "?search=nobody")
    assert rows(page) == []
    assert "No entry fits the search and the filters." in page.text


def test_text_of_people_is_never_markup(app, hr):
    with app.app_context():
        values = {
            "number": '"><b>',
            "first_name": "<script>alert(1)</script>",
            "last_name": "{{ 7*7 }}",
            "hired_on": today(),
        }
        person = act("hire", values=values)
    for url in (
        LIST,
        f"{LIST}details/?id={person}",
        f"{LIST}edit/?id={person}",
        "/directory",
        f"{LIST}?search=<script>",
    ):
        page = hr.get(url)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<b>" not in page.text
    assert "{{ 7*7 }}" in hr.get(LIST).text


def test_who_may_not_see_employment_has_no_panel(sample, browser):
    assert browser.sign_in(sample.users["staff"]).get(LIST).status_code == 403


def test_manager_sees_only_who_is_below(sample, browser):
    page = browser.sign_in(sample.users["manager"]).get(LIST)
    assert sorted(names(page)) == ["Bo", "Cy", "Dee", "Eli"]
    assert soup(page).select("a.e, a.r, a[href*=new], a[href*=export]") == []


def test_many_are_told_about(app, hr, monkeypatch):
    add(app, 20)
    monkeypatch.setattr(paging, "COUNTED_UP_TO", 5)
    with app.app_context():
        of_app().store.backend.clear()
    page = soup(hr.get(f"{LIST}?page_size=20"))
    assert page.select_one(".list-foot p").get_text(" ", strip=True) == "About 27 (counted within the last ten minutes)"
    assert page.select("#bulk-scope option")[-1].text == "All that match: about 27"
    searched = soup(hr.get(f"{LIST}?search=zoe&page_size=20"))
    assert searched.select_one(".list-foot p").get_text(strip=True) == "More than 5"
