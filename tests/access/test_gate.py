"""The gate: who gets in, where they land, and how long they stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, session
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.access import gate
from app.access.actor import by_user
from app.access.gate import has_panels, safe_next
from app.access.grants import Action, Scope, Subject
from app.accounts import sessions
from app.accounts.models import Session, User
from app.core.problems import Busy
from app.extensions import db
from tests.browsing import Browser
from tests.clock import Clock
from tests.sample import Sample, account
from tests.writing import write

GOOD = [
    "/",
    "/dashboard",
    "/directory?search=a%20b&department=3",
    "/directory?search=%0A",
    "/people/104",
    "/people/a/b",
    "/people/a%20b",
    "/people/%E5%B1%B1",
    "/people/a%3Fb%23c",
    "/people/50%25",
    "/admin/",
    "/admin/employees/?flt0_status=left&search=x",
    "/admin/employees/edit/?id=7#notes",
]
EVIL = [
    None,
    "",
    " ",
    "dashboard",
    "?x=1",
    "#x",
    " /dashboard",
    "//evil.example",
    "///evil.example",
    "////evil.example/dashboard",
    "//evil.example/dashboard",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/dashboard\\",
    "/dashboard?next=\\",
    "https://evil.example/dashboard",
    "http:dashboard",
    "https:/dashboard",
    "https:///dashboard",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "javascript://%0aalert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    "\x00/dashboard",
    "/dashboard\x00",
    "/dash\x7fboard",
    "/dashboard\r\nSet-Cookie: a=b",
    "/people/%0d%0aSet-Cookie:a=b",
    "/people/%0Aevil",
    "/people/%00",
    "/people/%7f",
    "/people/%5cevil",
    "/%2Fevil.example",
    "/%2fevil.example/dashboard",
    "/%5Cevil.example",
    "/%09/evil.example",
    "/.evil.example",
    "/@evil.example",
    "/evil.example",
    "/dashboard/",
    "/directory//evil.example",
    "/admin",
    "/logout",
    "/login",
    "/login?next=/dashboard",
    "/sign-in/abc",
    "/account/sessions/1/end",
    "/／evil.example",
    "/../dashboard",
    "/nowhere",
]


@pytest.mark.parametrize("target", GOOD)
def test_page_of_ours_is_a_place_to_go_on(app: Flask, target: str) -> None:
    with app.test_request_context("/login"):
        assert safe_next(target) == target


@pytest.mark.parametrize("target", EVIL)
def test_anything_else_is_not(app: Flask, target: str | None) -> None:
    with app.test_request_context("/login"):
        assert safe_next(target) is None


@pytest.mark.parametrize("url", [url for url in GOOD if url != "/" and "#" not in url])
def test_stranger_is_sent_to_sign_in_and_told_where_to_go_on(browser: Browser, url: str) -> None:
    answer = browser.get(url)
    assert answer.status_code == 302
    place = urlsplit(answer.location)
    assert (place.scheme, place.netloc, place.path) == ("", "", "/login")
    assert parse_qs(place.query) == {"next": [url]}


@pytest.mark.parametrize("url", ["/account/sessions/1/end", "/logout", "/account"])
def test_what_a_stranger_posted_is_not_gone_on_with(browser: Browser, url: str) -> None:
    answer = browser.client.post(url)
    assert (answer.status_code, answer.location) == (302, "/login")


def test_address_that_is_no_text_is_no_fault(browser: Browser) -> None:
    answer = browser.get("/directory", environ_overrides={"QUERY_STRING": "search=\xff"})
    assert answer.status_code == 302
    assert urlsplit(answer.location).path == "/login"


def test_unknown_page_is_not_found_for_everybody(app: Flask, sample: Sample) -> None:
    assert Browser(app).get("/nowhere").status_code == 404
    assert Browser(app).sign_in(sample.users["staff"]).get("/nowhere").status_code == 404


@pytest.mark.parametrize("token", ["", "x", "1", "a" * 10_000])
def test_cookie_with_another_token_is_a_stranger(app: Flask, sample: Sample, token: str) -> None:
    browser = Browser(app).sign_in(sample.users["administrator"])
    assert browser.get("/dashboard").status_code == 200
    with browser.client.session_transaction() as cookie:
        cookie["_user_id"] = token
    assert browser.get("/dashboard").location.startswith("/login")


def test_panels_are_for_who_sees_more_than_themselves(
    app: Flask, sample: Sample, make_role: Callable[..., str]
) -> None:
    with app.app_context():
        found = {role: has_panels(by_user(user_id)) for role, user_id in sample.users.items()}
        assert found == {"staff": False, "manager": True, "auditor": True, "hr": True, "administrator": True}
        for number, (subject, scope, expected) in enumerate(
            [
                (Subject.EMPLOYMENT, Scope.DEPARTMENT, True),
                (Subject.EMPLOYMENT, Scope.SELF, False),
                (Subject.ACCOUNTS, Scope.ALL, True),
                (Subject.DIRECTORY, Scope.ALL, False),
                (Subject.PRIVATE, Scope.ALL, False),
            ]
        ):
            name = make_role(f"own {number}", {(Action.VIEW, subject): scope})
            assert has_panels(by_user(account(name, f"{number}@sample.example"))) is expected, (subject, scope)
        name = make_role("editor", {(Action.EDIT, Subject.EMPLOYMENT): Scope.ALL})
        assert has_panels(by_user(account(name, "e@sample.example"))) is False


def test_signing_in_and_out_counts_for_the_rest_of_the_request(app: Flask, sample: Sample) -> None:
    staff = sample.users["staff"]
    with app.test_request_context("/"):
        token = write(lambda: sessions.start(db.session.get_one(User, staff), None, None))
        session["planted"] = "x"
        who = gate.sign_in(token)
        assert who.user_id == staff
        assert gate.actor() == gate.actor_or_none() == who
        assert session["_user_id"] == token
        assert "planted" not in session
        gate.sign_out()
        assert gate.actor_or_none() is None
        assert "_user_id" not in session


def test_session_goes_along_to_another_address_and_browser(app: Flask, sample: Sample) -> None:
    browser = Browser(app).sign_in(sample.users["staff"])
    for number in range(3):
        elsewhere = {"REMOTE_ADDR": f"192.0.2.{number}", "HTTP_USER_AGENT": f"Other/{number}"}
        assert browser.get("/dashboard", environ_base=elsewhere).status_code == 200


# How long they stay


def seen_at(app: Flask):
    """Return when the only session was last used."""
    with app.app_context():
        return db.session.scalars(select(Session.last_seen_at)).one()


def test_use_is_noted_at_most_once_a_minute(app: Flask, sample: Sample, clock: Clock) -> None:
    start = clock.now()
    browser = Browser(app).sign_in(sample.users["staff"])
    for seconds, noted in ((1, 0), (59, 0), (60, 0), (61, 61), (62, 61), (121, 61), (122, 122), (500, 500)):
        clock.moment = start + timedelta(seconds=seconds)
        assert browser.get("/account/password").status_code == 200
        assert seen_at(app) == start + timedelta(seconds=noted), seconds
    assert timedelta(minutes=1) == sessions.SEEN_EVERY


def test_session_in_use_lasts_to_its_limit_and_an_idle_one_does_not(app: Flask, sample: Sample, clock: Clock) -> None:
    busy, start = Browser(app).sign_in(sample.users["staff"]), clock.now()
    for _ in range(5):
        clock.move(hours=4)
        assert busy.get("/dashboard").status_code == 200
    idle = Browser(app).sign_in(sample.users["staff"])
    clock.moment = start + sessions.LONGEST - timedelta(seconds=1)
    assert busy.get("/dashboard").status_code == 200
    clock.move(seconds=1)
    assert busy.get("/dashboard").status_code == 302
    assert idle.get("/dashboard").status_code == 200
    clock.move(hours=8)
    assert idle.get("/dashboard").status_code == 302


@pytest.mark.parametrize("error", [Busy(), OperationalError("UPDATE", None, Exception("readonly"))])
def test_page_is_shown_though_its_use_can_not_be_noted(
    app: Flask, sample: Sample, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    browser = Browser(app).sign_in(sample.users["staff"])
    clock.move(minutes=2)
    tried = []

    def fail(_work: object) -> None:
        tried.append(1)
        raise error

    monkeypatch.setattr(gate, "write", fail)
    assert browser.get("/dashboard").status_code == 200
    assert tried == [1]


def test_page_of_one_signed_in_takes_one_statement_for_all_rights(app: Flask, sample: Sample, clock: Clock) -> None:
    browser = Browser(app).sign_in(sample.users["administrator"])
    answer = browser.get("/account/password")
    assert 'desc="1"' in answer.headers["Server-Timing"]
    assert 'desc="0"' in Browser(app).get("/dashboard").headers["Server-Timing"]
