"""Notices: only what is committed is told, to the address of that moment, by text made when it is sent."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import nodes
from sqlalchemy import select, update

from app import actions
from app.access.actor import by_user, operator
from app.accounts.models import AccessRole, User
from app.actions import deliveries
from app.actions.notices import Notice, notify, notify_each
from app.actions.registry import Source, run
from app.changes.approvals import Verdict
from app.changes.transaction import write
from app.core.jobs.job import Job, State
from app.core.mail import Post
from app.extensions import db
from tests.clock import Clock
from tests.mailing import MailServer, mails, text_of
from tests.sample import PASSWORD, account, act
from tests.services.process import free_port
from tests.writing import KNOWINGLY, commit

pytestmark = pytest.mark.usefixtures("context", "hasher")

SITE = "https://hr.sample.example"
TEMPLATES = Path(__file__).parents[2] / "app" / "templates" / "mail"
FACTS: dict[Notice, dict[str, Any]] = {
    Notice.PASSWORD_CHANGED: {},
    Notice.SIGN_IN_LINK_MADE: {},
    Notice.ACCESS_CHANGED: {},
    Notice.APPROVAL_ASKED: {"approval_id": 7, "action": "delete_user"},
    Notice.APPROVAL_DECIDED: {"approval_id": 7, "action": "delete_user", "verdict": "approved"},
}


@pytest.fixture(autouse=True)
def inbox(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that messages go into."""
    use(app, monkeypatch, (tmp_path / "mail").as_uri())
    monkeypatch.setitem(app.config, "PUBLIC_URL", SITE)
    return tmp_path / "mail"


@pytest.fixture
def ana() -> int:
    """Give a member of staff."""
    return account("staff", "ana@sample.example", password=PASSWORD)


def use(app: Flask, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the application send by another URL."""
    monkeypatch.setitem(app.extensions, "mail", Post(url, SITE))


def deliver(app: Flask) -> None:
    """Let a worker deliver what is due."""
    db.session.rollback()
    deliveries.do_deliveries(app, threading.Event(), is_once=True)
    db.session.rollback()
    db.session.expire_all()


def tell(*arguments: Any, **facts: Any) -> None:
    """Put a notice into the queue."""
    write(lambda: notify(*arguments, **facts))


def jobs() -> list[Job]:
    """Return the messages in the queue, and those that left it."""
    db.session.rollback()
    return list(db.session.scalars(select(Job).where(Job.action == "send_mail").order_by(Job.id)))


def test_what_is_rolled_back_is_told_to_nobody(ana: int, inbox: Path, app: Flask) -> None:
    def fail() -> None:
        notify(Notice.ACCESS_CHANGED, ana)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        write(fail)
    auditor = db.session.scalar(select(AccessRole.id).where(AccessRole.name == "auditor"))
    values = {"access_role_id": auditor}
    run("change_user", actor=operator(), source=Source.CLI, preview=True, user_id=ana, version=1, values=values)
    assert jobs() == []
    deliver(app)
    assert not inbox.exists()


def test_message_goes_to_the_address_of_that_moment(ana: int, inbox: Path, app: Flask) -> None:
    tell(Notice.SIGN_IN_LINK_MADE, ana)
    moved = update(User).where(User.id == ana).values(email="ana@else.example")
    db.session.execute(moved, execution_options=KNOWINGLY)
    commit()
    deliver(app)
    assert [found["To"] for found in mails(inbox)] == ["ana@else.example"]
    assert [(job.state, job.arguments) for job in jobs()] == [(State.DONE, None)]


@pytest.mark.parametrize("how", ["off", "gone"])
def test_who_is_gone_or_switched_off_is_told_nothing(ana: int, inbox: Path, app: Flask, how: str) -> None:
    tell(Notice.SIGN_IN_LINK_MADE, ana)
    if how == "off":
        act("change_user", user_id=ana, version=1, values={"is_active": False})
    else:
        act("delete_user", user_id=ana, version=1)
    deliver(app)
    assert not inbox.exists()
    assert [job.state for job in jobs()] == [State.DONE]


def test_several_are_told_by_messages_of_their_own(ana: int, inbox: Path, app: Flask) -> None:
    other = account("administrator", "ada@sample.example")
    write(lambda: notify_each(Notice.APPROVAL_ASKED, [ana, other], approval_id=7, action="delete_user"))
    deliver(app)
    assert sorted(found["To"] for found in mails(inbox)) == ["ada@sample.example", "ana@sample.example"]
    assert len({found["Message-ID"] for found in mails(inbox)}) == 2


@pytest.mark.parametrize(
    ("kind", "facts", "subject", "words", "link"),
    [
        (Notice.PASSWORD_CHANGED, {}, "Your password was changed", "Everywhere else", "/password/forgot"),
        (Notice.PASSWORD_CHANGED, {"is_by_link": True}, "Your password ended", "A sign-in link", "/password/forgot"),
        (Notice.SIGN_IN_LINK_MADE, {}, "A sign-in link was made for you", "not in this message", "/account"),
        (Notice.ACCESS_CHANGED, {}, "Your access was changed", "another access role", "/login"),
        (
            Notice.APPROVAL_ASKED,
            FACTS[Notice.APPROVAL_ASKED],
            "Waits for a second administrator: Account ended",
            "“Account ended”. Nothing has happened yet",
            "/admin/approvals/details/?id=7",
        ),
        *(
            (
                Notice.APPROVAL_DECIDED,
                {**FACTS[Notice.APPROVAL_DECIDED], "verdict": str(verdict)},
                f"{word}: Account ended",
                words,
                "/admin/approvals/details/?id=7",
            )
            for verdict, word, words in (
                (Verdict.APPROVED, "Approved", "approved what you asked for"),
                (Verdict.REFUSED, "Refused", "refused what you asked for"),
                (Verdict.EXPIRED, "Expired", "Nobody decided in time"),
                (Verdict.OUTDATED, "Not done", "was not done"),
            )
        ),
    ],
)
def test_each_message_says_what_happened_and_where_to_look(
    ana: int, inbox: Path, app: Flask, kind: Notice, facts: dict[str, Any], subject: str, words: str, link: str
) -> None:
    tell(kind, ana, **facts)
    deliver(app)
    [found] = mails(inbox)
    text = text_of(found)
    assert found["Subject"] == subject
    assert words in text
    assert f"\n\n{SITE}{link}\n" in text
    assert re.findall(r"https?://[^/\s]+", text) == [SITE, SITE]
    assert "\n\n\n" not in text
    assert "{" not in text


def test_each_link_leads_to_a_page(app: Flask) -> None:
    urls = app.url_map.bind("localhost")
    for path in ("/sign-in/token", "/password/forgot", "/account", "/login", "/admin/approvals/details/"):
        assert urls.match(path, method="GET")


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.txt")), ids=lambda path: path.name)
def test_every_word_of_a_message_goes_through_translation(app: Flask, path: Path) -> None:
    tree = app.jinja_env.parse(path.read_text())
    bare = [node.data for node in tree.find_all(nodes.TemplateData) if re.search(r"\w", node.data)]
    assert bare == []


def test_names_are_written_as_they_are(ana: int, inbox: Path, app: Flask) -> None:
    tell(Notice.APPROVAL_ASKED, ana, approval_id=7, action="<b>&'\nBcc: x")
    deliver(app)
    [found] = mails(inbox)
    assert "<b>&'" in found["Subject"]
    assert found["Bcc"] is None


# What tells people


def changed_role(ana: int) -> None:
    auditor = db.session.scalar(select(AccessRole.id).where(AccessRole.name == "auditor"))
    act("change_user", user_id=ana, version=1, values={"access_role_id": auditor})


def changed_password(ana: int) -> None:
    new = {"current_password": PASSWORD, "new_password": "walking in the sun"}
    run("change_password", actor=by_user(ana), source=Source.WEB, **new)


def used_link(ana: int) -> None:
    actions.passwords_forgotten.use_link(act("make_sign_in_link", user_id=ana), None, None)


@pytest.mark.parametrize(
    ("do", "subjects"),
    [
        (changed_role, ["Your access was changed"]),
        (changed_password, ["Your password was changed"]),
        (lambda ana: act("make_sign_in_link", user_id=ana), ["A sign-in link was made for you"]),
        (used_link, ["A sign-in link was made for you", "Your password ended"]),
        (lambda ana: act("change_user", user_id=ana, version=1, values={"email": "ana@else.example"}), []),
    ],
    ids=["access role", "password", "link", "use of a link", "address"],
)
def test_owner_is_told_of_what_was_done_to_the_account(
    ana: int, inbox: Path, app: Flask, do: Any, subjects: list[str]
) -> None:
    do(ana)
    deliver(app)
    assert sorted(found["Subject"] for found in mails(inbox)) == sorted(subjects)
    assert all("/sign-in/" not in text_of(found) for found in mails(inbox))


# Patience


def test_server_that_is_away_is_tried_again_until_it_is_back_under_the_same_id(
    ana: int, app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(app, monkeypatch, f"smtp://127.0.0.1:{free_port()}?starttls=no")
    tell(Notice.ACCESS_CHANGED, ana)
    message_id = (jobs()[0].arguments or {})["message_id"]
    for attempts in range(1, 9):  # more often than an action
        deliver(app)
        [job] = jobs()
        assert (job.state, job.attempts) == (State.WAITING, attempts)
        assert "doesn’t answer (Connection refused)" in (job.error or "")
        clock.moment = job.not_before
    with MailServer() as server:
        use(app, monkeypatch, f"smtp://127.0.0.1:{server.port}?starttls=no")
        server.inbox.answers.append("451 4.7.1 later")
        deliver(app)
        assert server.inbox.messages == []
        clock.moment = jobs()[0].not_before
        deliver(app)
        assert [found["Message-ID"] for found in server.inbox.messages] == [message_id]
    assert jobs()[0].state is State.DONE


def test_message_that_is_refused_is_a_failed_job_that_can_be_tried_again(
    ana: int, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailServer() as server:
        use(app, monkeypatch, f"smtp://127.0.0.1:{server.port}?starttls=no")
        server.inbox.recipient_answers.append("550 5.1.1 <ana@sample.example>: unknown")
        tell(Notice.ACCESS_CHANGED, ana)
        deliver(app)
        [job] = jobs()
        assert (job.state, job.error) == (
            State.FAILED,
            "The mail server 127.0.0.1 refused the message (550 5.1.1).",
        )
        act("retry_job", job_id=job.id)
        deliver(app)
        assert len(server.inbox.messages) == 1
    assert jobs()[0].state is State.DONE
