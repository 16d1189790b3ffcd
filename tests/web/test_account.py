"""One's own account: contact details, password, sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app.access.grants import OWN_CONTACT, Action, Scope, Subject
from app.accounts.models import Session, User
from app.extensions import db
from app.people.employee import Employee
from tests.browsing import Browser, errors, fields, soup
from tests.sample import PASSWORD, Sample, account, act
from tests.web.signing import EMAIL, copy_of, enter, is_in

pytestmark = pytest.mark.usefixtures("hasher")

NEW = "walking in the sun"


def person(app: Flask, employee_id: int) -> Employee:
    """Return somebody, fresh from the database."""
    with app.app_context():
        found = db.session.get_one(Employee, employee_id)
        db.session.expunge(found)
        return found


@pytest.fixture
def eli(app: Flask, sample: Sample) -> Browser:
    """Give the browser of a member of staff."""
    return Browser(app).sign_in(sample.users["staff"])


# Contact details


def test_own_details_are_saved_and_shown(app: Flask, eli: Browser, sample: Sample) -> None:
    before = fields(eli.get("/account"))
    assert set(before) - {"csrf_token", "version", "was"} == set(OWN_CONTACT)
    assert (before["phone"], before["home_address"]) == ("+999 104", "104 Home Street")
    values = {
        "phone": "+47 1",
        "home_address": "Elsewhere 9",
        "personal_email": "eli@home.example",
        "personal_phone": "+47 2",
        "emergency_name": "Mum",
        "emergency_phone": "+47 3",
    }
    assert eli.submit("/account", **values).status_code == 303
    after = fields(eli.get("/account"))
    assert {name: after[name] for name in values} == values
    assert eli.submit("/account", phone="").status_code == 303
    assert person(app, sample.people["Eli"]).phone is None


def test_fault_is_told_at_its_field_and_nothing_typed_is_lost(app: Flask, eli: Browser, sample: Sample) -> None:
    answer = eli.submit("/account", personal_email="nonsense", phone="+47 1")
    assert answer.status_code == 422
    assert errors(answer)["personal_email"] == "Enter an e-mail address like name@company.com."
    assert fields(answer)["phone"] == "+47 1"
    assert person(app, sample.people["Eli"]).phone == "+999 104"


def test_details_changed_meanwhile_are_not_overwritten(app: Flask, eli: Browser, sample: Sample) -> None:
    form = fields(eli.get("/account"))
    with app.app_context():
        act("change_employee", employee_id=sample.people["Eli"], version=1, values={"phone": "+1"})
    answer = eli.client.post("/account", data=form | {"phone": "+2"})
    assert answer.status_code == 409
    assert fields(answer)["phone"] == "+2"
    assert [value.text for value in soup(answer).select(".sides .side-value")] == ["+1", "+999 104"]
    assert person(app, sample.people["Eli"]).phone == "+1"
    assert eli.client.post("/account", data=fields(answer)).status_code == 303
    assert person(app, sample.people["Eli"]).phone == "+2"


def test_details_changed_meanwhile_elsewhere_merge_and_theirs_can_be_taken(
    app: Flask, eli: Browser, sample: Sample
) -> None:
    hr = Browser(app).sign_in(sample.users["hr"])
    edit = f"/admin/employees/edit/?id={sample.people['Eli']}"
    form = fields(eli.get("/account"))
    hr.submit(edit, phone="+1", location="Oslo", status="on_leave")
    answer = eli.client.post("/account", data=form | {"home_address": "Elsewhere 9"})
    assert answer.status_code == 303
    assert "Saved, together with changes that Hana 山田 made meanwhile: Phone." in eli.get("/account").text
    form = fields(eli.get("/account"))
    hr.submit(edit, phone="+2", notes="Secret")
    page = eli.client.post("/account", data=form | {"phone": "+3", "emergency_name": "Mum"})
    assert page.status_code == 409
    assert "Secret" not in page.text
    assert eli.client.post("/account", data=fields(page) | {"take-phone": "theirs"}).status_code == 303
    saved = person(app, sample.people["Eli"])
    assert (saved.phone, saved.home_address, saved.emergency_name) == ("+2", "Elsewhere 9", "Mum")
    assert (saved.location, saved.status, saved.notes) == ("Oslo", "on_leave", "Secret")


@pytest.mark.parametrize("version", ["", "x", "²", "٣", "1.0", "-1", "9" * 50])
def test_version_that_nobody_gave_out_is_a_stale_one(eli: Browser, version: str) -> None:
    assert eli.submit("/account", version=version, phone="+1").status_code == 409


def test_account_without_employee_has_no_details(app: Flask, sample: Sample) -> None:
    with app.app_context():
        browser = Browser(app).sign_in(account("staff", "machine@sample.example"))
    page = browser.get("/account")
    assert page.status_code == 200
    assert 'name="phone"' not in page.text
    assert browser.post("/account", {"version": "1", "phone": "+1"}).status_code == 200
    assert browser.get("/dashboard").status_code == 200


@pytest.mark.parametrize("grants", [{}, {(Action.EDIT, Subject.CONTACT): Scope.SELF}])
def test_details_need_their_right_and_those_one_may_not_see_are_left_alone(
    app: Flask, sample: Sample, make_role: Callable[..., str], grants: dict
) -> None:
    with app.app_context():
        name = make_role("narrow", {(Action.VIEW, Subject.DIRECTORY): Scope.ALL} | grants)
        browser = Browser(app).sign_in(account(name, "n@sample.example", sample.people["Dee"]))
    page = browser.get("/account")
    assert ('name="phone"' in page.text) is bool(grants)
    assert 'name="home_address"' not in page.text
    browser.post("/account", {"version": "1", "phone": "+1", "home_address": ""})
    dee = person(app, sample.people["Dee"])
    assert dee.phone == ("+1" if grants else "+999 103")
    assert dee.home_address == "103 Home Street"


# Password


def test_new_password_keeps_this_browser_signed_in_and_no_other(app: Flask, ana: int) -> None:
    browser, other = Browser(app), Browser(app)
    enter(browser), enter(other)
    thief = copy_of(app, browser)
    answer = browser.submit("/account/password", current_password=PASSWORD, new_password=NEW, repeat=NEW)
    assert (answer.status_code, answer.location) == (303, "/account")
    page = browser.get("/account")
    assert page.status_code == 200
    assert "Your password was saved. Everywhere else you are signed out." in page.text
    assert not is_in(thief)
    assert not is_in(other)
    assert enter(Browser(app)).status_code == 401
    assert enter(Browser(app), password=NEW).status_code == 303


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"current_password": "wrong"}, "current_password", "This is not your present password."),
        ({"current_password": ""}, "current_password", "This is not your present password."),
        ({"current_password": None}, "current_password", "This is not your present password."),
        ({"repeat": "walking in the su"}, "repeat", "The two are not the same. Type the new password twice."),
        ({"new_password": "short", "repeat": "short"}, "new_password", "Use at least 8 characters"),
        ({"new_password": "", "repeat": ""}, "new_password", "Use at least 8 characters"),
        ({"new_password": EMAIL, "repeat": EMAIL}, "new_password", "easy to guess"),
    ],
)
def test_password_that_is_refused_changes_nothing(
    app: Flask,
    ana: int,
    typed: dict,
    field: str,
    words: str,
) -> None:
    browser, other = Browser(app), Browser(app)
    enter(browser), enter(other)
    values = {"current_password": PASSWORD, "new_password": NEW, "repeat": NEW} | typed
    answer = browser.submit("/account/password", **values)
    assert answer.status_code == 422
    assert words in errors(answer)[field]
    for value in (PASSWORD, NEW):
        assert value not in answer.text
    assert is_in(other)
    assert enter(Browser(app)).status_code == 303


def test_present_password_is_asked_even_where_the_form_hides_it(app: Flask, ana: int) -> None:
    browser = Browser(app)
    enter(browser)
    answer = browser.post("/account/password", {"new_password": NEW, "repeat": NEW})
    assert answer.status_code == 422
    assert enter(Browser(app)).status_code == 303


# Sessions


def test_own_sessions_are_listed_and_one_can_be_ended(app: Flask, ana: int, sample: Sample) -> None:
    browser, other = Browser(app), Browser(app)
    enter(browser)
    other.client.environ_base["HTTP_USER_AGENT"] = "Other/2.0 <b>"
    enter(other)
    Browser(app).sign_in(sample.users["administrator"])
    page = soup(browser.get("/account"))
    assert len(page.select(".session")) == 2
    assert "Other/2.0 <b>" in page.select(".sessions")[0].text
    forms = page.select(".session form")
    assert len(forms) == 1  # one's own present one ends by signing out
    answer = browser.post(forms[0]["action"])
    assert (answer.status_code, answer.location) == (303, "/account")
    assert not is_in(other)
    assert is_in(browser)
    assert len(soup(browser.get("/account")).select(".session")) == 1


def test_session_of_somebody_else_can_not_be_ended(app: Flask, eli: Browser, sample: Sample) -> None:
    administrator = Browser(app).sign_in(sample.users["administrator"])
    with app.app_context():
        theirs = db.session.scalars(select(Session.id).join(User).where(User.id == sample.users["administrator"])).one()
    assert eli.post(f"/account/sessions/{theirs}/end").status_code == 404
    assert is_in(administrator)


@pytest.mark.parametrize("session_id", ["0", "999999", str(2**31 - 1), str(2**31), str(2**63), "9" * 40, "-1", "x"])
def test_session_that_does_not_exist_is_not_found(eli: Browser, session_id: str) -> None:
    assert eli.post(f"/account/sessions/{session_id}/end").status_code == 404
