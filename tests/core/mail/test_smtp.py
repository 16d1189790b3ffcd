"""Messages through a real server: encrypted and to nobody else, and each no of the server's told for what it is."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask, current_app

from app.core.mail import MailAway, MailRefused, Message, Post, new_message_id, send
from app.core.signs import Kind, Sign, signs
from app.extensions import db
from tests.clock import Clock
from tests.core.mail.conftest import START
from tests.mailing import PASSWORD, USER, MailServer, text_of
from tests.services.process import free_port

pytestmark = pytest.mark.usefixtures("context")

SITE = "https://hr.sample.example"
LOGIN = f"{USER}:{quote(PASSWORD)}@"
USE = Callable[[str], None]


@pytest.fixture
def use(app: Flask) -> Iterator[USE]:
    """Give a function that lets the application send by another URL."""
    before = app.extensions["mail"]

    def change(url: str) -> None:
        app.extensions["mail"] = Post(url, SITE)

    yield change
    app.extensions["mail"] = before


def message(to: str = "ana@sample.example", subject: str = "Hello", text: str = "Good day.\n") -> Message:
    return Message(to, subject, text, new_message_id())


def url_of(server: MailServer, certificates: Path, login: str = LOGIN, ca: str = "ca", scheme: str = "smtp") -> str:
    return f"{scheme}://{login}127.0.0.1:{server.port}?ca={certificates}/{ca}.pem"


def sign() -> tuple[bool, str | None] | None:
    db.session.rollback()
    return next(((one.is_good, one.detail) for one in signs() if one.kind is Kind.MAIL), None)


@pytest.mark.parametrize("is_tls_first", [False, True], ids=["starttls", "smtps"])
def test_message_goes_encrypted_with_a_password_and_arrives_as_it_was_written(
    start_server: START, certificates: Path, use: USE, clock: Clock, is_tls_first: bool
) -> None:
    server = start_server(certificates, is_tls_first=is_tls_first, asks_password=not is_tls_first)
    login, scheme = ("", "smtps") if is_tls_first else (LOGIN, "smtp")
    use(url_of(server, certificates, login, scheme=scheme) + "&from=HR+%3Chr@sample.example%3E")
    sent = message(
        "ana@bücher.example", "Neues Passwort für Ana – 山田", "Zeile für Zeile …\n" + "x" * 200 + "\n.\nEnde\n"
    )
    send(sent)
    [found] = server.inbox.messages
    assert server.inbox.were_encrypted == [True]
    assert server.inbox.recipients == [["ana@xn--bcher-kva.example"]]
    assert (found["From"], found["To"], found["Subject"]) == (
        "HR <hr@sample.example>",
        "ana@xn--bcher-kva.example",
        sent.subject,
    )
    assert (found["Message-ID"], found["Auto-Submitted"]) == (sent.message_id, "auto-generated")
    assert found["Date"].datetime == clock.moment
    assert text_of(found) == sent.text
    assert sign() == (True, None)


def test_message_is_from_the_host_that_links_lead_to_unless_set(start_server: START, use: USE) -> None:
    server = start_server()
    use(f"smtp://127.0.0.1:{server.port}?starttls=no")
    send(message())
    assert server.inbox.messages[0]["From"] == "rollcall@hr.sample.example"
    assert server.inbox.messages[0]["Message-ID"].endswith("@hr.sample.example>")
    assert server.inbox.were_encrypted == [False]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_certificate_of_a_stranger_is_refused_before_anything_is_said(
    start_server: START, certificates: Path, use: USE, scheme: str
) -> None:
    server = start_server(certificates, is_tls_first=scheme == "smtps")
    use(url_of(server, certificates, ca="stranger", scheme=scheme))
    with pytest.raises(MailRefused, match=r"can’t be verified .*“ca”"):
        send(message())
    use(url_of(server, certificates, scheme=scheme).replace("127.0.0.1", "localhost"))
    with pytest.raises(MailRefused, match="can’t be verified"):
        send(message())
    assert server.inbox.messages == []
    is_good, detail = sign() or (True, None)
    assert not is_good
    assert "localhost can’t be verified (Hostname mismatch" in (detail or "")


@pytest.mark.parametrize("name", ["missing.pem", "server.key", "names"])
def test_authority_that_can_not_be_read_is_named(certificates: Path, use: USE, name: str) -> None:
    use(f"smtp://127.0.0.1:{free_port()}?ca={certificates}/{name}")
    with pytest.raises(MailRefused, match=f"{name} that MAIL_URL names as “ca” can’t be read"):
        send(message())


def test_server_that_offers_no_encryption_gets_nothing(start_server: START, use: USE) -> None:
    server = start_server()
    use(f"smtp://127.0.0.1:{server.port}")
    with pytest.raises(MailRefused, match="offers no STARTTLS"):
        send(message())
    assert server.inbox.messages == []


def test_wrong_password_is_told_without_it(
    start_server: START, certificates: Path, use: USE, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(certificates, asks_password=True)
    use(url_of(server, certificates, login=f"{USER}:S3cret@"))
    with caplog.at_level(logging.DEBUG, "app"), pytest.raises(MailRefused) as refused:
        send(message())
    assert str(refused.value) == (
        "The mail server 127.0.0.1 doesn’t take the user name or the password in MAIL_URL (535 5.7.8)."
    )
    assert refused.value.__cause__ is None  # whose words may hold what was sent
    assert refused.value.__suppress_context__
    assert "S3cret" not in caplog.text + repr(sign()) + repr(vars(Post("smtp://a:S3cret@here", SITE)))
    assert sign() == (False, str(refused.value))


def test_password_for_a_server_that_takes_none_is_told(start_server: START, use: USE) -> None:
    server = start_server()
    use(f"smtp://{LOGIN}127.0.0.1:{server.port}?starttls=no")
    with pytest.raises(MailRefused, match="takes no user name and password here"):
        send(message())


@pytest.mark.parametrize(
    ("answer", "code"), [("451 try later", "451"), ("452 4.2.2 ana@sample.example: mailbox full", "452 4.2.2")]
)
@pytest.mark.parametrize("place", ["answers", "recipient_answers"])
def test_no_for_now_is_another_try_later(start_server: START, use: USE, answer: str, code: str, place: str) -> None:
    server = start_server()
    use(f"smtp://127.0.0.1:{server.port}?starttls=no")
    getattr(server.inbox, place).append(answer)
    sent = message()
    with pytest.raises(MailAway) as away:
        send(sent)
    assert str(away.value) == f"The mail server 127.0.0.1 takes no message just now ({code}). It is tried again later."
    assert sign() is None  # it is about this message, not about the server
    send(sent)
    assert [found["Message-ID"] for found in server.inbox.messages] == [sent.message_id]


@pytest.mark.parametrize("answer", ["550 5.1.1 <ana@sample.example>: unknown", "554 no"])
@pytest.mark.parametrize("place", ["answers", "recipient_answers"])
def test_no_for_good_is_refused_without_the_address(start_server: START, use: USE, answer: str, place: str) -> None:
    server = start_server()
    use(f"smtp://127.0.0.1:{server.port}?starttls=no")
    getattr(server.inbox, place).append(answer)
    with pytest.raises(MailRefused) as refused:
        send(message())
    assert str(refused.value).startswith(f"The mail server 127.0.0.1 refused the message ({answer[:3]}")
    assert "ana@" not in str(refused.value)
    assert sign() is None


def test_dead_port_is_another_try_later(use: USE) -> None:
    use(f"smtp://127.0.0.1:{(port := free_port())}")
    with pytest.raises(MailAway, match=rf"127.0.0.1, port {port}, doesn’t answer \(Connection refused\)"):
        send(message())
    is_good, _ = sign() or (True, None)
    assert not is_good


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_silent_server_is_left_after_the_time_out(use: USE, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}?timeout=0.3")
        began = time.monotonic()
        with pytest.raises(MailAway, match=r"\(timed out\)"):
            send(message())
        assert time.monotonic() - began < 5


def test_server_that_hangs_up_or_talks_nonsense_is_another_try_later(use: USE) -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:
        port = odd.getsockname()[1]
        for scheme in ("smtp", "smtps"):
            use(f"{scheme}://127.0.0.1:{port}?timeout=5")
            client, words = _answering(odd)
            with pytest.raises(MailAway):
                send(message())
            client.join()
            assert words


def _answering(listener: socket.socket) -> tuple[threading.Thread, list[bool]]:
    """Answer the next connection with nonsense, in a thread."""
    seen: list[bool] = []

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"nonsense\r\n")
            seen.append(True)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread, seen


def test_sign_follows_each_change_and_else_is_written_once_a_minute(
    start_server: START, use: USE, clock: Clock
) -> None:
    port = free_port()
    use(f"smtp://127.0.0.1:{port}?starttls=no")

    def fail() -> Sign:
        with pytest.raises(MailAway):
            send(message())
        db.session.rollback()
        db.session.expire_all()
        return next(one for one in signs() if one.kind is Kind.MAIL)

    first = clock.moment
    assert (fail().is_good, fail().at) == (False, first)
    clock.move(seconds=59)
    assert fail().at == first
    clock.move(seconds=1)
    found = fail()
    assert (found.at, found.since) == (clock.moment, first)
    server = start_server()
    use_same_post(server, port)
    send(message())
    assert sign() == (True, None)


def use_same_post(server: MailServer, port: int) -> None:
    """Let the way out that failed lead to a server that is there."""
    post = current_app.extensions["mail"]
    assert post.route.port == port
    post.route = replace(post.route, port=server.port)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ana@sample.example\nBcc: all@sample.example", "Hello"),
        ("ana@sample.example, all@sample.example", "Hello"),
        ("ana@sample.example\x00", "Hello"),
        ("no address", "Hello"),
        ("", "Hello"),
        ("ana.müller@sample.example", "Hello"),  # which only few servers take
        ("ana@sample.example", "Hello\nBcc: all@sample.example"),
        ("ana@sample.example", "Hello\r\n\r\nText"),
        ("ana@sample.example", "Hello\u2028Bcc: all@sample.example"),
    ],
)
def test_nothing_becomes_another_header_or_recipient(start_server: START, use: USE, to: str, subject: str) -> None:
    server = start_server()
    use(f"smtp://127.0.0.1:{server.port}?starttls=no")
    with pytest.raises(MailRefused):
        send(message(to, subject))
    assert server.inbox.messages == []
    assert sign() is None
