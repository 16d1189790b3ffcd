"""Signing in and out through the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import func, select, update

from app.access.grants import Action, Scope, Subject
from app.accounts.models import Session, User
from app.accounts.throttle import ACCOUNT
from app.extensions import db
from app.web import auth
from tests.access.test_gate import EVIL
from tests.browsing import Browser, fields, soup
from tests.clock import Clock
from tests.sample import PASSWORD, Sample, account, act
from tests.web.signing import EMAIL, copy_of, enter, is_in
from tests.writing import KNOWINGLY, commit, empty_journal

pytestmark = pytest.mark.usefixtures("hasher")

WORDS = "That e-mail address and password don’t match."


def link(app: Flask, user_id: int) -> str:
    """Return the address of a new sign-in link."""
    with app.app_context():
        return f"/sign-in/{act('make_sign_in_link', user_id=user_id)}"


def alert(answer) -> str:
    """Return what the page says on top."""
    return soup(answer).select_one("[role=alert]").get_text(" ", strip=True)


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper(), f" {EMAIL} "])
def test_member_of_staff_lands_on_the_dashboard(browser: Browser, ana: int, email: str) -> None:
    answer = enter(browser, email=email)
    assert (answer.status_code, answer.location) == (303, "/dashboard")
    assert "Dee O'Hara" in soup(browser.get("/dashboard")).text


@pytest.mark.parametrize("role", ["administrator", "hr", "manager", "auditor"])
def test_who_has_a_panel_lands_there(app: Flask, browser: Browser, sample: Sample, role: str) -> None:
    with app.app_context():
        hana = sample.people["Dee"] if role == "manager" else None
        account(role, EMAIL, hana, password=PASSWORD)
    assert enter(browser).location == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/login").location == "/admin/"


def test_sign_in_goes_on_where_the_stranger_wanted_to(browser: Browser, ana: int) -> None:
    wanted = "/directory?search=a%20b"
    sent = browser.get(wanted)
    assert enter(browser, sent.location).location == wanted
    assert browser.get("/login?next=/people/104").location == "/people/104"


@pytest.mark.parametrize("target", [t for t in EVIL if t])
def test_sign_in_sends_nobody_elsewhere(app: Flask, ana: int, target: str) -> None:
    browser = Browser(app)
    page = browser.get("/login", query_string={"next": target})
    data = fields(page) | {"email": EMAIL, "password": PASSWORD}
    answer = browser.client.post("/login", data=data, query_string={"next": target})
    assert (answer.status_code, answer.location) == (303, "/dashboard")
    assert browser.get("/login", query_string={"next": target}).location == "/dashboard"


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong"), ("nobody@sample.example", PASSWORD), ("", ""), ("\x00", "\x00")]
)
def test_failure_is_one_sentence_whatever_was_wrong(browser: Browser, ana: int, email: str, password: str) -> None:
    answer = enter(browser, email=email, password=password)
    assert (answer.status_code, alert(answer)) == (401, WORDS)
    assert not is_in(browser)
    assert 'name="password"' in answer.text
    assert 'value="wrong"' not in answer.text


def test_pages_of_all_failures_are_alike(app: Flask, ana: int) -> None:
    with app.app_context():
        off = account("staff", "off@sample.example", password=PASSWORD)
        act("change_user", user_id=off, version=1, values={"is_active": False})
        account("staff", "new@sample.example")

    def page(email: str) -> str:
        text = enter(Browser(app), email=email, password="wrong walk").text.replace(email, "")
        for element in (one := soup_of(text)).select("[name=csrf_token], script"):
            element.decompose()
        return str(one)

    assert len({page(email) for email in (EMAIL, "off@sample.example", "new@sample.example", "no@no.example")}) == 1


def soup_of(text: str):
    """Return a text parsed."""
    return BeautifulSoup(text, "html.parser")


def test_too_many_tries_are_told_to_wait(browser: Browser, ana: int, clock: Clock) -> None:
    found = [enter(browser, password="wrong").status_code for _ in range(ACCOUNT.free + 1)]
    assert found == [401] * (ACCOUNT.free + 1)
    answer = enter(browser)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert alert(answer) == "Too many tries. Wait 1 seconds, then try again."
    clock.move(seconds=1)
    assert enter(browser).status_code == 303


def test_address_that_counts_is_the_one_of_the_connection(app: Flask, ana: int, clock: Clock) -> None:
    """Without proxies of ours nobody escapes the throttle by a header."""
    for n in range(40):
        browser = Browser(app)
        data = fields(browser.get("/login")) | {"email": f"{n}@sample.example", "password": "wrong"}
        answer = browser.client.post("/login", data=data, headers={"X-Forwarded-For": f"192.0.2.{n}"})
    assert answer.status_code == 429


def test_each_sign_in_has_a_new_token_and_forgets_what_was_planted(app: Flask, ana: int) -> None:
    browser = Browser(app)
    browser.get("/login")
    with browser.client.session_transaction() as session:
        session["planted"] = "x"
        session["_user_id"] = "chosen-by-somebody-else"
    enter(browser)
    with browser.client.session_transaction() as session:
        first = session["_user_id"]
        assert "planted" not in session
        assert first != "chosen-by-somebody-else"
    second = Browser(app)
    enter(second)
    with second.client.session_transaction() as session:
        assert session["_user_id"] != first
    assert is_in(browser)


def test_form_token_from_before_signing_in_is_worth_nothing_after(browser: Browser, ana: int) -> None:
    before = fields(browser.get("/login"))["csrf_token"]
    enter(browser)
    assert browser.client.post("/logout", data={"csrf_token": before}).status_code == 400
    assert is_in(browser)


# The end of a session


def test_copied_cookie_is_refused_after_signing_out(app: Flask, browser: Browser, ana: int) -> None:
    enter(browser)
    thief = copy_of(app, browser)
    assert is_in(thief)
    answer = browser.post("/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert '"cache"' in answer.headers["Clear-Site-Data"]
    assert not is_in(browser)
    assert not is_in(thief)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Session)) == 0


def test_signing_out_leaves_other_browsers_signed_in(app: Flask, browser: Browser, ana: int) -> None:
    other = Browser(app)
    enter(browser), enter(other)
    browser.post("/logout")
    assert is_in(other)


def test_signing_out_takes_a_post(browser: Browser, ana: int) -> None:
    enter(browser)
    assert browser.get("/logout").status_code == 405
    assert is_in(browser)


def test_signing_out_of_a_session_that_ended_meanwhile_still_signs_out(
    app: Flask, browser: Browser, ana: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(browser)
    token, real = browser.token(), auth.actions.run

    def late(name: str, **arguments: object) -> object:
        with db.engine.begin() as connection:
            connection.execute(Session.__table__.delete())
        return real(name, **arguments)

    monkeypatch.setattr(auth.actions, "run", late)
    answer = browser.client.post("/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/")
    assert not is_in(browser)


@pytest.mark.parametrize("what", ["is_active", "access_role_id", "email", "employee_id"])
def test_copied_cookie_is_refused_after_the_account_changed(app: Flask, ana: int, sample: Sample, what: str) -> None:
    browser = Browser(app)
    enter(browser)
    thief = copy_of(app, browser)
    administrator = Browser(app).sign_in(sample.users["administrator"])
    with app.app_context():
        auditor = db.session.scalar(select(User.access_role_id).where(User.id == sample.users["auditor"]))
    values = {"is_active": None, "access_role_id": auditor, "email": "else@sample.example", "employee_id": ""}
    answer = administrator.submit(f"/admin/users/edit/?id={ana}", **{what: values[what]})
    assert answer.status_code == 303
    assert not is_in(browser)
    assert not is_in(thief)
    assert is_in(administrator)


def test_administrator_who_changes_their_own_access_signs_in_again(app: Flask, ana: int, sample: Sample) -> None:
    me = sample.users["administrator"]
    with app.app_context():
        empty_journal()  # of more than 200 rows within the hour, by all tests so far, the next would wait for approval
        for name in ("second", "third"):  # else four eyes would end, which takes two
            account("administrator", f"{name}@sample.example")
        hr = db.session.scalar(select(User.access_role_id).where(User.id == sample.users["hr"]))
    browser = Browser(app).sign_in(me)
    thief = copy_of(app, browser)
    assert browser.submit(f"/admin/users/edit/?id={me}", access_role_id=hr).status_code == 303
    assert not is_in(browser)
    assert not is_in(thief)


def test_leaver_is_signed_out_at_once(app: Flask, ana: int, sample: Sample) -> None:
    browser, hr = Browser(app), Browser(app).sign_in(sample.users["hr"])
    enter(browser)
    url = f"/admin/employees/delete/?id={sample.people['Dee']}"
    assert hr.submit(url, left_on="2026-01-31").status_code == 303
    assert not is_in(browser)
    assert enter(Browser(app)).status_code == 401


def test_rights_follow_a_grant_from_page_to_page(app: Flask, sample: Sample, make_role: Callable[..., str]) -> None:
    with app.app_context():
        own = account(make_role("looker", {(Action.VIEW, Subject.ACCOUNTS): Scope.ALL}), "looker@sample.example")
        staff = db.session.scalar(select(User.access_role_id).where(User.id == sample.users["staff"]))
    browser = Browser(app).sign_in(own)
    assert browser.get("/admin/users/").status_code == 200
    with app.app_context():
        demote = update(User).where(User.id == own).values(access_role_id=staff)
        db.session.execute(demote, execution_options=KNOWINGLY)
        commit()
    assert browser.get("/admin/users/").status_code == 403


# Links


def test_link_signs_in_once_and_asks_for_a_password(app: Flask, browser: Browser, ana: int) -> None:
    url = link(app, ana)
    for _ in range(2):  # looking does not use it up
        page = browser.get(url)
        assert page.status_code == 200
        assert EMAIL in page.text
        assert not is_in(browser)
    answer = browser.submit(url)
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert "current_password" not in fields(browser.get("/account/password"))
    answer = browser.submit("/account/password", new_password="walking in the sun", repeat="walking in the sun")
    assert answer.status_code == 303
    assert is_in(browser)
    assert enter(Browser(app)).status_code == 401
    assert enter(Browser(app), password="walking in the sun").status_code == 303
    for method in ("get", "post"):
        assert getattr(Browser(app), method)(url).status_code == 410


def test_link_that_does_not_work_says_what_to_do(browser: Browser) -> None:
    answer = browser.get("/sign-in/unknown")
    assert answer.status_code == 410
    words = "This sign-in link doesn’t work any more. Have a new one sent to you, or ask an administrator for one."
    assert alert(answer) == words
    assert soup(answer).find("a", string="Forgot your password?")["href"] == "/password/forgot"


def test_link_ends_the_sessions_and_cookies_from_before(app: Flask, browser: Browser, ana: int) -> None:
    enter(browser)
    thief = copy_of(app, browser)
    Browser(app).submit(link(app, ana))
    assert not is_in(browser)
    assert not is_in(thief)


def test_own_link_in_a_browser_that_is_signed_in_already(app: Flask, browser: Browser, ana: int) -> None:
    enter(browser)
    thief = copy_of(app, browser)
    answer = browser.submit(link(app, ana))
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert is_in(browser)
    assert not is_in(thief)


def test_link_of_somebody_else_ends_the_session_that_it_replaces(app: Flask, ana: int, sample: Sample) -> None:
    browser = Browser(app).sign_in(sample.users["administrator"])
    thief = copy_of(app, browser)
    assert browser.submit(link(app, ana)).status_code == 303
    assert "Dee" in browser.get("/dashboard").text
    assert browser.get("/admin/").status_code == 403
    assert not is_in(thief)


def test_administrator_makes_a_link_and_sees_it_once(app: Flask, ana: int, sample: Sample) -> None:
    administrator = Browser(app).sign_in(sample.users["administrator"])
    page = administrator.post(f"/admin/users/sign-in-link/?id={ana}")
    shown = [one for one in soup(page).stripped_strings if "/sign-in/" in one] or [
        one["value"] for one in soup(page).select("input[value*='/sign-in/']")
    ]
    assert shown
    assert "/sign-in/" not in administrator.get(f"/admin/users/details/?id={ana}").text.replace("sign-in-link", "")
    path = "/sign-in/" + shown[0].rpartition("/sign-in/")[2]
    assert Browser(app).submit(path).status_code == 303


def test_sign_in_form_beside_a_dead_link_goes_to_its_own_page(browser: Browser) -> None:
    page = browser.get("/sign-in/nothing")
    assert page.status_code == 410
    assert soup(page).select_one("main form")["action"] == "/login"
