"""The start page of staff."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.core.clock import today
from tests.browsing import Browser, soup
from tests.sample import account, act


def parts(page):
    """Return the names on a dashboard by the heading of their part."""
    assert page.status_code == 200
    return {
        section.h2.get_text(strip=True): [link.text for link in section.select("a.who-name")]
        for section in soup(page).select("main section")
    }


def test_staff_find_themselves_their_manager_and_colleagues(sample, browser):
    page = browser.sign_in(sample.users["staff"]).get("/dashboard")
    shown = parts(page)
    assert shown.keys() == {"My record", "Colleagues in my department", "New here", "Work anniversaries"}
    assert shown["Colleagues in my department"] == ["Dee O'Hara"]
    me = soup(page).select_one("section[aria-labelledby=me-title]").get_text(" ", strip=True)
    for words in ("Eli García", "Engineer · Platform", "104", "February 1, 2021", "Cy Müller"):
        assert words in me
    assert "Hello, Eli García" in page.text


@pytest.mark.parametrize("role", ["administrator", "hr", "manager", "staff", "auditor"])
def test_everybody_has_a_dashboard(sample, browser, role):
    assert browser.sign_in(sample.users[role]).get("/dashboard").status_code == 200


def test_manager_sees_the_team(sample, browser):
    shown = parts(browser.sign_in(sample.users["manager"]).get("/dashboard"))
    assert shown["My team"] == ["Cy Müller", "Dee O'Hara"]


def test_account_without_an_employee_has_a_dashboard_too(app, sample):
    with app.app_context():
        user = account("staff", "machine@sample.example")
    page = Browser(app).sign_in(user).get("/dashboard")
    assert "Your account does not belong to an employee" in page.text
    assert "Hello, machine@sample.example" in page.text
    assert parts(page).keys() == {"My record", "New here", "Work anniversaries"}
    assert sample.people


def test_joiners_and_anniversaries_are_shown(app, sample, browser):
    soon = today() + timedelta(days=3)
    then = (
        date(soon.year - 5, soon.month, soon.day) if (soon.month, soon.day) != (2, 29) else date(soon.year - 4, 2, 29)
    )
    with app.app_context():
        act("hire", values={"number": "J", "first_name": "Joy", "hired_on": today()})
        act("hire", values={"number": "K", "first_name": "Kim", "hired_on": then})
    page = browser.sign_in(sample.users["staff"]).get("/dashboard")
    shown = parts(page)
    assert shown["New here"] == ["Joy"]
    assert "Kim" in shown["Work anniversaries"]
    assert f"{soon.year - then.year} years on" in page.text


def test_all_links_of_the_dashboard_lead_somewhere(sample, browser):
    browser.sign_in(sample.users["manager"])
    links = {a["href"] for a in soup(browser.get("/dashboard")).select("main a[href^='/']")}
    assert len(links) == 5
    for link in links:
        assert browser.get(link).status_code == 200, link


def test_stranger_is_sent_to_sign_in(browser):
    answer = browser.get("/dashboard")
    assert (answer.status_code, answer.location) == (302, "/login?next=/dashboard")
