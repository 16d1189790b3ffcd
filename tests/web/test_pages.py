"""The public home, the menu, and one's own contact details."""

from __future__ import annotations

import pytest

from app.people.employee import Employee
from tests.browsing import Browser, errors, fields, filled, soup
from tests.sample import account, act, stored


@pytest.fixture
def eli(sample, browser):
    """Return Eli's browser."""
    return browser.sign_in(sample.users["staff"])


def menu(page):
    """Return the words of the menu."""
    return [link.get_text(strip=True) for link in soup(page).select("nav[aria-label=Main] a")]


def test_home_shows_strangers_the_way_in_and_the_others_on(eli, app):
    assert "Sign in" in Browser(app).get("/").text
    assert "Eli García" in eli.get("/").text
    assert soup(eli.get("/")).select_one("main a[href='/dashboard']")


OF_PEOPLE = ["HR home", "Employees", "Departments", "Roles"]
EVERY_PANEL = [*OF_PEOPLE, "Users", "Journal", "Approvals", "Jobs", "System", "Query cache"]


@pytest.mark.parametrize(
    ("role", "panels"),
    [
        ("staff", []),
        ("manager", [*OF_PEOPLE, "Approvals"]),
        ("hr", [*OF_PEOPLE, "Journal", "Approvals"]),
        ("auditor", EVERY_PANEL),
        ("administrator", EVERY_PANEL),
    ],
)
def test_menu_offers_what_opens_and_nothing_else(sample, browser, role, panels):
    page = browser.sign_in(sample.users[role]).get("/dashboard")
    assert menu(page)[3:] == panels
    for link in soup(page).select("nav[aria-label=Main] a"):
        assert browser.get(link["href"]).status_code == 200


def test_menu_marks_where_one_is(sample, browser):
    browser.sign_in(sample.users["hr"])
    for url, words in (("/directory", "Directory"), ("/admin/employees/new/", "Employees"), ("/admin/", "HR home")):
        here = soup(browser.get(url)).select("nav[aria-label=Main] a[aria-current]")
        assert [link.get_text(strip=True) for link in here] == [words]


def test_own_contact_is_saved_and_seen_in_the_directory(app, eli, sample):
    answer = eli.submit("/account", phone="+1 555", home_address="New Street 7", emergency_name="Mum")
    assert answer.status_code == 303
    assert "Your details were saved." in eli.get("/account").text
    assert "tel:+1555" in eli.get("/directory?search=eli").text
    assert stored(app, Employee, sample.people["Eli"]).emergency_name == "Mum"


def test_only_own_contact_fields_are_taken(app, eli, sample):
    values = fields(eli.get("/account"))
    assert values.keys() == {
        "csrf_token",
        "version",
        "was",
        "phone",
        "home_address",
        "personal_email",
        "personal_phone",
        "emergency_name",
        "emergency_phone",
    }
    more = {"first_name": "Boss", "department_id": "1", "notes": "x", "status": "left", "employee_id": "1", "id": "1"}
    assert eli.client.post("/account", data=values | more).status_code == 303
    saved = stored(app, Employee, sample.people["Eli"])
    assert (saved.first_name, saved.notes, saved.status, saved.version) == ("Eli", "Note on Eli", "active", 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("phone", "1" * 41), ("personal_email", "nobody"), ("home_address", "x" * 501), ("emergency_name", "x" * 101)],
)
def test_fault_is_told_at_its_field_and_nothing_typed_is_lost(eli, field, value):
    page = eli.submit("/account", **({"personal_phone": "+1 kept"} | {field: value}))
    assert page.status_code == 422
    assert errors(page).keys() == {field, ""}
    assert fields(page)["personal_phone"] == "+1 kept"
    assert fields(page)[field] == value


def test_conflict_keeps_what_was_typed_and_the_second_save_wins(app, eli, sample):
    page = eli.get("/account")
    with app.app_context():
        act("change_employee", employee_id=sample.people["Eli"], version=1, values={"phone": "+1 theirs"})
    page = eli.client.post("/account", data=filled(page, phone="+1 mine"))
    assert page.status_code == 409
    assert "Somebody else changed this record while you were editing it" in page.text
    assert fields(page)["phone"] == "+1 mine"
    assert stored(app, Employee, sample.people["Eli"]).phone == "+1 theirs"
    assert eli.client.post("/account", data=filled(page)).status_code == 303
    assert stored(app, Employee, sample.people["Eli"]).phone == "+1 mine"


def test_account_without_an_employee_has_no_contact_to_change(app, sample):
    with app.app_context():
        user = account("staff", "machine@sample.example")
    browser = Browser(app).sign_in(user)
    page = browser.get("/account")
    assert page.status_code == 200
    assert "My contact details" not in page.text
    assert soup(page).select_one("form input[name=phone]") is None
    assert sample.people


def test_pages_are_whole_documents_without_inline_script_or_style(sample, browser):
    browser.sign_in(sample.users["administrator"])
    bo = sample.people["Bo"]
    for url in (
        "/",
        "/dashboard",
        "/directory",
        "/people/101",
        "/account",
        "/admin/",
        "/admin/employees/",
        f"/admin/employees/edit/?id={bo}",
        f"/admin/employees/details/?id={bo}",
        f"/admin/employees/delete/?id={bo}",
        "/admin/departments/",
        "/admin/roles/",
        "/admin/users/",
        "/nothing-here",
    ):
        page = soup(browser.get(url))
        assert page.html["lang"] == "en", url
        assert page.title.text.strip(" ·").endswith("Rollcall"), url
        assert len(page.select("h1")) == 1, url
        assert len(page.select("main, meta[name=viewport]")) == 2, url
        assert [tag.name for tag in page.select("[style], [onclick], script:not([src]), style")] == [], url
        assert all(script.get("nonce") for script in page.select("script")), url
        ids = [tag["id"] for tag in page.select("[id]")]
        assert len(ids) == len(set(ids)), url
        for control in page.select("main input:not([type=hidden]), main select, main textarea"):
            assert control.get("aria-label") or page.select(f"label[for='{control.get('id')}']"), (url, control)
