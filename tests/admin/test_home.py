"""The HR home: each number is right, and its link leads to a list of just as many."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from app import actions
from app.access.actor import by_user
from app.actions import demo
from app.core.clock import now, today
from tests.actions.imports.importing import people as imported
from tests.actions.undo.undoing import do, undo
from tests.approving import add
from tests.browsing import Browser, soup, statements
from tests.caching import believed
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


@pytest.mark.parametrize(
    "role",
    ["hr", *(pytest.param(name, marks=pytest.mark.slow) for name in ("administrator", "auditor", "manager"))],
)
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


# What the query cache spares, and what it must not


def looked(app, user_id):
    """Note that a user has seen all that was changed before: other tests left it behind."""
    with app.app_context():
        actions.run("note_looked", actor=by_user(user_id), source=actions.Source.PANEL, moment=now())


def test_second_look_takes_the_first_statement_only(app, sample):
    """Also after the organisation has grown, and with it what others did."""
    first = {"administrator": 12, "hr": 12, "auditor": 12, "manager": 9}
    browsers = {role: Browser(app).sign_in(sample.users[role]) for role in first}
    for role in first:
        looked(app, sample.users[role])
    with believed(app):
        for employees in (2, 20):
            with app.app_context():
                demo.seed(employees, 3)
                account("staff", f"{employees}@sample.example")
                for _time in range(employees):
                    add(app, sample.users["hr"])
            for role, browser in browsers.items():
                found = [browser.get("/admin/") for _time in range(3)]
                assert [statements(page) for page in found] == [first[role], 1, 1], role
                assert [figures(page) for page in found] == [figures(found[0])] * 3


def test_every_edit_shows_on_the_very_next_look(app, sample, browser):
    """The reader's page is full of hits; each edit is somebody else's, through the pages or the actions."""
    looked(app, sample.users["administrator"])
    reader = Browser(app).sign_in(sample.users["administrator"])
    browser.sign_in(sample.users["hr"])

    def look(again=1):
        page = reader.get("/admin/")
        assert statements(reader.get("/admin/")) == again
        latest = soup(page).select_one(".news li a")
        shown = {"latest": latest and latest.text, "waits": "waits for you" in soup(page).main.text}
        return shown | {words: number for words, number, _url in figures(page)}

    def edit(url, **changes):
        assert browser.submit(url, **changes).status_code == 303

    with believed(app):
        assert (look()["Headcount"], look()["latest"], look()["waits"]) == (6, None, False)
        edit(f"/admin/employees/edit/?id={sample.people['Dee']}", last_name="Quill")
        assert look()["latest"].endswith(": Dee Quill")
        edit(f"/admin/departments/edit/?id={sample.departments['Platform']}", name="Quarry")
        assert (look()["Quarry"], look()["latest"].rpartition(": ")[2]) == (2, "Quarry")
        edit(f"/admin/roles/edit/?id={sample.roles['Clerk']}", title="Scribe")
        assert (look()["Scribe"], look()["latest"].rpartition(": ")[2]) == (1, "Scribe")
        with app.app_context():
            hired = do("hire", values={"number": "9", "first_name": "Gus", "hired_on": today()})
        assert look()["Headcount"] == 7
        with app.app_context():
            undo(hired)
        assert look(again=2)["Headcount"] == 6  # what somebody was called who is gone is asked for each time
        with app.app_context():
            imported("500,Ines Import,2024-01-08,Quarry,Engineer,", "501,Ivo Import,2024-01-08,Quarry,Engineer,")
        found = look(again=2)
        assert (found["Headcount"], found["Quarry"]) == (8, 4)
        assert found["latest"].endswith(": Ines Import, Ivo Import")
        with app.app_context():
            act("change_user", user_id=sample.users["staff"], version=1, values={"email": "eli@else.example"})
        assert look(again=2)["latest"].endswith(": eli@else.example")
        add(app, sample.users["hr"])
        assert look(again=2)["waits"]


def test_mark_as_seen_takes_the_news_away_at_once(app, sample, browser):
    looked(app, sample.users["hr"])
    browser.sign_in(sample.users["hr"])
    with app.app_context():
        act("change_role", role_id=sample.roles["Clerk"], version=1, values={"family": "Office"})
    with believed(app):
        pages = [browser.get("/admin/") for _time in range(2)]
        assert ["1 change by others" in page.text for page in pages] == [True, True]
        form = soup(pages[1]).select_one("form[action='/admin/looked/']")
        assert browser.post(form["action"], {"until": form.select_one("[name=until]")["value"]}).status_code == 303
        assert "Nothing changed by others since" in browser.get("/admin/").text
        assert statements(browser.get("/admin/")) == 1


def test_news_are_at_first_those_since_the_day_a_week_ago(app, sample, browser, clock):
    browser.sign_in(sample.users["hr"])
    assert "since May 13, 2026, 12:00" in browser.get("/admin/").text
    clock.move(hours=14, minutes=29)
    browser.sign_in(sample.users["hr"])
    assert "since May 13, 2026, 12:00" in browser.get("/admin/").text
    clock.move(minutes=1)
    assert "since May 14, 2026, 12:00" in browser.get("/admin/").text
