"""A real mail server for tests, in a thread: it encrypts, asks for a password, keeps what it takes, and can say no."""

from __future__ import annotations

import email
import email.policy
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.services.process import free_port

USER, PASSWORD = "rollcall", "walking in the rain"
TAKEN = "250 OK"


class Inbox:
    """What was taken, and what is answered to the next messages and recipients instead of taking them."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.were_encrypted: list[bool] = []
        self.answers: list[str] = []
        self.recipient_answers: list[str] = []
        self.at_taking: Callable[[], Any] = lambda: None

    async def handle_RCPT(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        answer = self.recipient_answers.pop(0) if self.recipient_answers else TAKEN
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else TAKEN
        if answer == TAKEN:
            content = envelope.content
            assert isinstance(content, bytes)
            self.messages.append(parsed(content))
            self.recipients.append(list(envelope.rcpt_tos))
            self.were_encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
            self.at_taking()
        return answer


class MailServer:
    """A server on a free port; `certificates` is a folder of `make_certificates`, None for one that can't encrypt."""

    def __init__(self, certificates: Path | None = None, *, is_tls_first: bool = False, asks_password: bool = False):
        self.inbox = Inbox()
        self.port = free_port()
        context = None
        if certificates is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        options: dict[str, Any] = {}
        if context and not is_tls_first:
            options = {"tls_context": context, "require_starttls": True}
        if asks_password:
            options |= {"authenticator": _authenticate, "auth_required": True}
        self._controller = Controller(
            self.inbox, "127.0.0.1", self.port, ssl_context=context if is_tls_first else None, **options
        )

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def _authenticate(_s: SMTP, _session: Session, _e: Envelope, _mechanism: str, auth: Any) -> AuthResult:
    assert isinstance(auth, LoginPassword)
    return AuthResult(success=auth == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)


def parsed(content: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(message: EmailMessage) -> str:
    """Return the text of a message with the line ends of this machine."""
    return str(message.get_content()).replace("\r\n", "\n")


def mails(folder: Path) -> list[EmailMessage]:
    """Return the messages in a folder, the oldest first."""
    return [parsed(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]
