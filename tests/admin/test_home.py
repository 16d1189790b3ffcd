"""The HR home: each number is right, and its link leads to a list of just as many."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from app.actions import demo
from app.core.clock import today
from tests.browsing import soup
from tests.sample import account, act


def figures(page):
    """Return each linked number of the page: its words, the number, and the link."""
    found = []
    for stat in soup(page).select("a.stat"):
        found.append((stat.select_one(".stat-label").text, stat.select_one(".stat-value").text, stat["href"]))
    for bar in soup(page).select(".bars li"):
        found.append((bar.a.text, bar.select_one(".bar-value").text, bar.a["href"]))
    for count in soup(page).select(".months a.count"):
        found.append((count["aria-label"], count.text, count["href"]))
    return [(words, int(number.replace(",", "")), url) for words, number, url in found]


def counted(page):
    """Return how many entries a list says it has."""
    assert page.status_code == 200
    return int(re.search(r"([\d,]+) entr", soup(page).select_one(".page-head p").text)[1].replace(",", ""))


def check_every_link(browser):
    """Follow every number's link; return how many there were."""
    numbers = figures(browser.get("/admin/"))
    for words, number, url in numbers:
        assert counted(browser.get(url)) == number, (words, url)
    return len(numbers)


def test_numbers_of_the_sample_are_right(sample, browser):
    page = browser.sign_in(sample.users["hr"]).get("/admin/")
    numbers = {words: number for words, number, _url in figures(page)}
    assert (numbers["Headcount"], numbers["On leave"], numbers["Active"], numbers["Left"]) == (6, 0, 6, 1)
    assert (numbers["Board"], numbers["Engineering"], numbers["Platform"]) == (2, 2, 2)
    assert (numbers["Engineer"], numbers["Director"], numbers["Clerk"]) == (3, 2, 1)
    assert numbers["1 to 3 reports"] == 3


@pytest.mark.parametrize("role", ["administrator", "hr", "auditor", "manager"])
def test_every_number_leads_to_as_many_people(app, sample, browser, role):
    with app.app_context():
        now = today()
        act("hire", values={"number": "1", "first_name": "X", "hired_on": now, "manager_id": sample.people["Eli"]})
        act("hire", values={"number": "2", "first_name": "Y", "hired_on": now + timedelta(days=40)})
        gone = {"status": "left", "left_on": now, "manager_id": sample.people["Eli"]}
        act("hire", values={"number": "3", "first_name": "Z", "hired_on": now.replace(day=1), **gone})
        act("hire", values={"number": "4", "first_name": "A", "hired_on": date(1990, 2, 28), "status": "on_leave"})
        for i, since in enumerate((365, 366, 730, 731, 1826, 1827, 3652, 3653, 7305)):
            values = {"first_name": "T", "hired_on": now - timedelta(days=since), "manager_id": sample.people["Dee"]}
            act("hire", values=values | {"number": f"T{i}"})
    assert check_every_link(browser.sign_in(sample.users[role])) > 30


def test_every_number_of_the_demo_leads_to_as_many_people(app, browser):
    with app.app_context():
        demo.seed(300, 7)
        user = account("hr", "hr@sample.example")
    assert check_every_link(browser.sign_in(user)) > 50


def test_empty_organisation_is_shown_as_empty(app, browser):
    with app.app_context():
        user = account("hr", "hr@sample.example")
    page = browser.sign_in(user).get("/admin/")
    assert page.status_code == 200
    assert "Nothing to count yet." in page.text
    assert check_every_link(browser) > 10


def test_panels_of_the_reader_are_offered(sample, browser):
    def doors(role):
        page = browser.sign_in(sample.users[role]).get("/admin/")
        return [door.strong.text for door in soup(page).select("a.door")]

    assert doors("administrator") == ["Employees", "Departments", "Roles", "Users", "Journal"]
    assert doors("hr") == ["Employees", "Departments", "Roles", "Journal"]
    assert doors("manager") == ["Employees", "Departments", "Roles"]
    assert browser.sign_in(sample.users["staff"]).get("/admin/").status_code == 403
