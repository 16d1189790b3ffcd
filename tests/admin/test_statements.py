"""How many SQL statements a page takes: few, and as many for thousands of people as for some."""

from __future__ import annotations

import pytest

from app.actions import demo
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.role import Role
from tests.browsing import Browser, rows, soup, statements
from tests.caching import believed
from tests.sample import account, act

LIST = "/admin/employees/"
MOST = 4
"""For a whole answer of a list, session and rights included."""


def grown(app, browser, employees):
    """Fill the organisation up to so many people, sign HR in; return some ids to ask for."""
    with app.app_context():
        demo.seed(employees, 3)
        lead = (
            db.session.execute(db.select(Department).where(Department.lead_id.is_not(None)).order_by(Department.id))
            .scalars()
            .first()
        )
        role = db.session.execute(db.select(Role.id).order_by(Role.id)).scalars().first()
        manager = db.session.get_one(Employee, lead.lead_id)
        ids = {"department": lead.id, "role": role, "manager": manager.id, "number": manager.number}
        query = db.select(Employee).where(Employee.status != Status.LEFT, Employee.manager_id.is_not(None))
        ids["person"] = db.session.execute(query.order_by(Employee.id)).scalars().first().id
        users = db.session.execute(db.text("SELECT COUNT(*) FROM users")).scalar()
        if not users:
            account("administrator", "admin@sample.example", ids["manager"])
    if not users:
        with app.app_context():
            user = db.session.execute(db.text("SELECT id FROM users")).scalar()
        browser.sign_in(user)
    return ids


def lists(ids):
    """Return lists of employees as people ask for them."""
    place = f"flt0_department={ids['department']}"
    everything = (
        f"search=a&sort=5&desc=1&{place}&flt1_role={ids['role']}&flt2_manager={ids['manager']}&flt3_status=active"
        "&flt4_hired_from=2001-01-01&flt5_department_and_below=1&flt6_reports_from=0&flt7_reports_to=9&flt8_is_here=1"
    )
    return [
        LIST,
        f"{LIST}?page_size=200",
        f"{LIST}?last=1",
        f"{LIST}?search=an",
        f"{LIST}?search=nobody",
        f"{LIST}?{place}",
        f"{LIST}?{everything}",
        *(f"{LIST}?sort={sort}&desc=1" for sort in (0, 1, 5, 6)),
    ]


def pages(ids):
    """Return the other pages."""
    return [
        "/admin/",
        "/admin/departments/",
        "/admin/roles/",
        "/admin/users/",
        "/directory",
        "/directory?search=an",
        f"/directory?department={ids['department']}",
        "/dashboard",
        f"/people/{ids['number']}",
        f"/admin/employees/details/?id={ids['manager']}",
        f"/admin/employees/edit/?id={ids['manager']}",
        f"/admin/employees/delete/?id={ids['manager']}",
        f"/admin/departments/details/?id={ids['department']}",
        f"/admin/departments/edit/?id={ids['department']}",
        "/admin/employees/new/",
        "/account",
    ]


def counts(browser, urls):
    """Return the number of statements of each page."""
    found = {}
    for url in urls:
        page = browser.get(url)
        assert page.status_code == 200, url
        found[url] = statements(page)
    return found


def check_lists(browser, ids):
    """Hold every list of employees to its number of statements, on its first page and the next."""
    taken = counts(browser, lists(ids))
    assert {url: count for url, count in taken.items() if count > MOST} == {}
    first = browser.get(LIST)
    assert len(rows(first)) == 50
    second = browser.get(soup(first).select_one("a[rel=next]")["href"])
    assert len(rows(second)) == 50
    assert statements(second) <= MOST


def test_list_of_fifty_takes_four_statements_whatever_the_number_of_people(app, browser):
    check_lists(browser, grown(app, browser, 300))
    check_lists(browser, grown(app, browser, 5000))


def test_no_page_takes_more_statements_when_the_organisation_grows(app, browser):
    ids = grown(app, browser, 120)
    before = counts(browser, pages(ids))
    assert grown(app, browser, 1500)["manager"] == ids["manager"]
    assert counts(browser, pages(ids)) == before
    assert max(before.values()) <= 14


@pytest.mark.slow
@pytest.mark.once
def test_list_of_fifty_takes_four_statements_for_a_hundred_thousand(app, browser):
    ids = grown(app, browser, 300)
    before = counts(browser, pages(ids))
    check_lists(browser, ids)
    ids = grown(app, browser, 100_000)
    for url in (*lists(ids), *pages(ids)):  # where there are more than a list counts up to, all are counted once
        browser.get(url)
    check_lists(browser, ids)
    assert counts(browser, pages(ids)) == before


def test_each_face_shows_no_more_rows_than_a_page(app):
    browser = Browser(app)
    ids = grown(app, browser, 600)
    assert len(rows(browser.get(LIST))) == 50
    assert len(soup(browser.get("/directory")).select("main li .who-name")) == 24
    dashboard = soup(browser.get("/dashboard"))
    assert len(dashboard.select("section[aria-labelledby=colleagues-title] li")) <= 12
    assert len(browser.get("/lookup/employee?query=a").json) == 20
    assert ids


def kept(ids):
    """Return the pages that the query cache answers, each with the statements left when it does."""
    first = dict.fromkeys((*lists(ids), "/admin/departments/", "/admin/roles/", "/admin/departments/?search=e"), 1)
    first |= dict.fromkeys(("/directory", "/directory?search=an", f"/directory?department={ids['department']}"), 1)
    first |= {f"/lookup/{kind}?query=a": 1 for kind in ("employee", "department", "role")}
    return first | {"/dashboard": 2}  # the own record is nobody else's, and never kept


def test_second_visit_takes_the_first_statement_only_until_something_changes(app, browser):
    ids = grown(app, browser, 120)
    expected = kept(ids)
    expected[soup(browser.get(LIST)).select_one("a[rel=next]")["href"]] = 1
    expected[soup(browser.get("/directory")).select_one("a[rel=next]")["href"]] = 1
    with believed(app):
        first = counts(browser, expected)
        assert counts(browser, expected) == expected
        with app.app_context():
            version = db.session.get_one(Employee, ids["person"]).version
            act("change_employee", employee_id=ids["person"], version=version, values={"phone": "1"})
        of_people = [
            LIST,
            "/directory",
            "/dashboard",
            "/admin/departments/",
            "/admin/roles/",
            "/lookup/employee?query=a",
        ]
        anew = counts(browser, [*of_people, "/lookup/department?query=a", "/lookup/role?query=a"])
        assert [url for url, count in anew.items() if count > expected[url]] == of_people
    assert max(first.values()) <= 9
