"""A forgotten password: from the link on the sign-in page to a new one, through a real worker and a real message."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import Credential, SignInThrottle
from app.accounts.throttle import RESET_ACCOUNT, RESET_ADDRESS
from app.actions import deliveries, work
from app.changes.journal import ChangeSet
from app.core.jobs.job import Job, State
from app.core.mail import Post
from app.extensions import db
from tests.browsing import Browser, errors, fields, soup
from tests.clock import Clock
from tests.mailing import mails, text_of
from tests.sample import PASSWORD, Sample, account, act
from tests.web.signing import EMAIL, copy_of, enter, is_in

pytestmark = pytest.mark.usefixtures("hasher")

SITE = "https://hr.sample.example"
NEW = "walking in the sun"
ANSWER = "If there is an account for that address, a message is on its way."


@pytest.fixture(autouse=True)
def inbox(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that messages go into."""
    monkeypatch.setitem(app.extensions, "mail", Post((tmp_path / "mail").as_uri(), SITE))
    monkeypatch.setitem(app.config, "PUBLIC_URL", SITE)
    return tmp_path / "mail"


def ask(browser: Browser, email: str = EMAIL, **options: Any) -> Any:
    """Ask for a link by the form."""
    data = fields(browser.get("/password/forgot")) | {"email": email}
    return browser.client.post("/password/forgot", data=data, **options)


def do_all(app: Flask) -> None:
    """Let a worker do what is due."""
    for duty in (work.do_jobs, deliveries.do_deliveries):
        duty(app, threading.Event(), is_once=True)


def links(inbox: Path) -> list[str]:
    """Return the paths of the links that were sent, the oldest first."""
    return [path for found in mails(inbox) for path in re.findall(rf"^{SITE}(/sign-in/\S+)$", text_of(found), re.M)]


def told(app: Flask) -> list[tuple[Any, ...]]:
    """Return what the journal tells of links that were asked for, in all tests."""
    columns = (ChangeSet.actor_id, ChangeSet.session_id, ChangeSet.source, ChangeSet.address, ChangeSet.arguments)
    query = select(*columns).where(ChangeSet.action == "ask_for_reset").order_by(ChangeSet.id)
    with app.app_context():
        return [tuple(row) for row in db.session.execute(query)]


def test_who_forgot_their_password_gets_a_link_and_chooses_another(app: Flask, ana: int, inbox: Path) -> None:
    elsewhere = Browser(app)
    enter(elsewhere)
    thief = copy_of(app, elsewhere)
    browser = Browser(app)
    page = soup(browser.get("/login"))
    assert page.find("a", string="Forgot your password?")["href"] == "/password/forgot"
    answer = ask(browser, f" {EMAIL.upper()} ")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert ANSWER in browser.get("/login").text
    do_all(app)
    assert [found["Subject"] for found in mails(inbox)] == ["Choose a new password"]
    assert mails(inbox)[0]["To"] == EMAIL
    [url] = links(inbox)
    assert enter(Browser(app)).status_code == 303, "until the link is used, the old password is good"
    for _ in range(3):  # programs that look at mails open their links
        page = browser.get(url)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert "asks you for a new password" in page.text
        assert not is_in(browser)
    answer = browser.submit(url)
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert not is_in(elsewhere)
    assert not is_in(thief)
    assert enter(Browser(app)).status_code == 401
    assert "current_password" not in fields(browser.get("/account/password"))
    assert browser.submit("/account/password", new_password=NEW, repeat=NEW).status_code == 303
    assert enter(Browser(app)).status_code == 401
    assert enter(Browser(app), password=NEW).status_code == 303
    for method in ("get", "post"):
        assert getattr(Browser(app), method)(url).status_code == 410
    do_all(app)
    subjects = [found["Subject"] for found in mails(inbox)]
    assert sorted(subjects) == ["Choose a new password", "Your password ended", "Your password was changed"]


@pytest.mark.parametrize("email", ["nobody@sample.example", "off@sample.example", "x" * 10_000, "\x00", "a\nb@c"])
def test_unknown_address_gets_the_same_answer_and_nobody_a_message(
    app: Flask, ana: int, inbox: Path, email: str
) -> None:
    with app.app_context():
        off = account("staff", "off@sample.example", password=PASSWORD)
        act("change_user", user_id=off, version=1, values={"is_active": False})
    do_all(app)
    before = len(told(app))
    known, unknown = Browser(app), Browser(app)
    answers = [ask(known), ask(unknown, email)]
    assert len({(answer.status_code, answer.location, answer.text) for answer in answers}) == 1
    assert all(ANSWER in browser.get("/login").text for browser in (known, unknown))
    do_all(app)
    assert [found["To"] for found in mails(inbox)] == [EMAIL]
    assert len(told(app)) == before + 1
    with app.app_context():
        assert set(db.session.scalars(select(Job.state))) == {State.DONE}


def test_unknown_address_takes_the_same_statements(app: Flask, ana: int) -> None:
    counts = []
    for email in ("warm@up.example", EMAIL, "nobody@sample.example"):
        browser = Browser(app)
        answer = ask(browser, email)
        counts.append(answer.headers["Server-Timing"].split('desc="')[1].split('"')[0])
    assert counts[1] == counts[2]


def test_no_secret_is_in_the_queue_or_the_journal(app: Flask, ana: int, inbox: Path) -> None:
    ask(Browser(app))
    work.do_jobs(app, threading.Event(), is_once=True)
    with app.app_context():
        kept = json.dumps(
            [[job.arguments, job.steps, job.reason, job.error] for job in db.session.scalars(select(Job))]
        )
    deliveries.do_deliveries(app, threading.Event(), is_once=True)
    [url] = links(inbox)
    assert "nonce" in kept
    assert url.rpartition("/")[2] not in kept
    assert EMAIL not in kept
    nonce = re.findall(r'"nonce": "([^"]+)"', kept)[0]
    for guess in (nonce, f"/sign-in/{nonce}"):
        assert Browser(app).get(f"/sign-in/{guess.rpartition('/')[2]}").status_code == 410
    assert told(app)[-1] == (None, None, "web", None, {"user_id": ana})


def test_new_link_replaces_the_one_before(app: Flask, ana: int, inbox: Path, clock: Clock) -> None:
    for _ in range(2):
        ask(Browser(app))
        do_all(app)
        clock.move(seconds=1)
    first, second = links(inbox)
    assert Browser(app).get(first).status_code == 410
    assert Browser(app).submit(second).status_code == 303


def test_link_lives_for_an_hour(app: Flask, ana: int, inbox: Path, clock: Clock) -> None:
    ask(Browser(app))
    do_all(app)
    [url] = links(inbox)
    clock.move(minutes=59)
    assert Browser(app).get(url).status_code == 200
    clock.move(minutes=1)
    answer = Browser(app).get(url)
    assert answer.status_code == 410
    assert soup(answer).find("a", string="Forgot your password?")


@pytest.mark.parametrize("how", ["used", "replaced", "old", "other address"])
def test_link_that_died_before_it_could_be_sent_is_not_sent(
    app: Flask, ana: int, inbox: Path, clock: Clock, how: str
) -> None:
    ask(Browser(app))
    work.do_jobs(app, threading.Event(), is_once=True)
    with app.app_context():
        if how == "old":
            clock.move(hours=2)
        elif how == "replaced":
            act("make_sign_in_link", user_id=ana)
        elif how == "used":
            db.session.execute(Credential.__table__.update().values(used_at=clock.now()))
            db.session.commit()
        else:
            act("change_user", user_id=ana, version=1, values={"email": "else@sample.example"})
    deliveries.do_deliveries(app, threading.Event(), is_once=True)
    assert "Choose a new password" not in [found["Subject"] for found in mails(inbox)]
    with app.app_context():
        assert set(db.session.scalars(select(Job.state))) == {State.DONE}


def test_links_lead_to_the_public_address_whatever_host_was_asked_for(app: Flask, ana: int, inbox: Path) -> None:
    browser = Browser(app)
    ask(browser, headers={"Host": "localhost:1"}, base_url="http://localhost:1")
    ask(browser, headers={"X-Forwarded-Host": "evil.example"})
    do_all(app)
    for found in mails(inbox):
        assert "evil" not in found.as_string()
        assert set(re.findall(r"https?://[^/\s]+", text_of(found))) == {SITE}


@pytest.mark.parametrize("email", [EMAIL, "nobody@sample.example"])
def test_asking_too_often_for_one_account_is_told_to_wait_known_or_not(
    app: Flask, ana: int, clock: Clock, email: str
) -> None:
    def status(number: int) -> int:
        return int(ask(Browser(app), email, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}).status_code)

    assert [status(number) for number in range(RESET_ACCOUNT.free + 1)] == [303] * (RESET_ACCOUNT.free + 1)
    answer = ask(Browser(app), email)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert soup(answer).select_one("[role=alert]").text == "Too many tries. Wait 60 seconds, then try again."
    asked = 0
    for _ in range(24 * 6):  # somebody's inbox over a day
        clock.move(minutes=10)
        asked += status(1) == 303
    assert asked <= 24 + 4
    with app.app_context():
        assert not any("@" in key for key in db.session.scalars(select(SignInThrottle.key)))


def test_asking_too_often_from_one_address_is_told_to_wait(app: Flask, ana: int, clock: Clock) -> None:
    found = [ask(Browser(app), f"{number}@sample.example").status_code for number in range(RESET_ADDRESS.free + 2)]
    assert found == [303] * (RESET_ADDRESS.free + 1) + [429]
    assert enter(Browser(app)).status_code == 303, "signing in is counted apart"


def test_nothing_typed_is_told_at_the_field(app: Flask) -> None:
    browser = Browser(app)
    answer = ask(browser, "  ")
    assert answer.status_code == 422
    assert errors(answer) == {"email": "Type the e-mail address that you sign in with."}
    assert browser.client.post("/password/forgot", data={"email": EMAIL}).status_code == 400


def test_erased_person_leaves_no_trace_of_having_asked(app: Flask, sample: Sample, inbox: Path) -> None:
    ask(Browser(app), "staff@sample.example")
    do_all(app)
    with app.app_context():
        db.session.rollback()
        act("erase_person", employee_id=sample.people["Eli"])
        db.session.rollback()
        keys = list(db.session.scalars(select(SignInThrottle.key)))
    assert [key for key in keys if key.startswith(("account:", "reset:"))] == []
