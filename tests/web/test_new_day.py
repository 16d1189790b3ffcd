"""A new day: what was planned for it has happened on the first page that anybody opens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.clock import today
from app.people.employee import Employee
from tests.browsing import Browser
from tests.sample import act, stored


@pytest.fixture(autouse=True)
def fresh(app, clock):
    """Begin like a process that was just started, with a clock to move."""
    app.extensions.pop("planned", None)


@pytest.fixture
def eli(app, sample):
    """Return somebody who leaves after tomorrow, and is in another department before."""
    eli = sample.people["Eli"]
    tomorrow = today() + timedelta(days=1)
    with app.app_context():
        board = sample.departments["Board"]
        act("transfer", employee_ids=[eli], department_id=board, valid_from=tomorrow)
        act("leave", employee_ids=[eli], left_on=tomorrow)
    return eli


def test_first_page_of_the_day_shows_what_was_planned_for_it(app, sample, clock, eli, browser):
    browser.sign_in(sample.users["hr"])
    page = f"/admin/employees/details/?id={eli}"
    assert "Platform" in browser.get("/people/104").text
    clock.move(days=1)
    for url in ("/healthz", "/readyz", "/", "/login", "/static/css/app.css"):
        Browser(app).get(url)
    assert stored(app, Employee, eli).department_id == sample.departments["Platform"]
    browser.sign_in(sample.users["hr"])
    assert "May 22, 2026 (planned)" in browser.get(page).text
    assert stored(app, Employee, eli).department_id == sample.departments["Board"]
    clock.move(days=1)
    browser.sign_in(sample.users["hr"])
    assert "(planned)" not in browser.get(page).text
    assert stored(app, Employee, eli).status == "left"


def test_who_left_is_not_let_in_on_the_very_first_page(app, sample, clock, eli, browser):
    browser.sign_in(sample.users["staff"])
    assert browser.get("/dashboard").status_code == 200
    clock.move(hours=8)
    browser.sign_in(sample.users["staff"])
    clock.move(days=1, hours=7)
    browser.sign_in(sample.users["staff"])
    assert browser.get("/dashboard").location.startswith("/login")
