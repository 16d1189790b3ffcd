"""A message, what keeps it from leaving, and how it is written for a mail server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from flask_babel import lazy_gettext as _l

from app.core.problems import Passing, Problem, Sentence

# Everything in seven bits: not every server takes eight.
POLICY = SMTP.clone(cte_type="7bit")
MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+>")
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class MailAway(Passing):
    """The mail server, or the folder, does not take the message just now."""

    sentence = _l("The mail server can’t be reached at the moment. The message is tried again later.")

    def __init__(self, sentence: Sentence | None = None, *, is_about_message: bool = False) -> None:
        self.is_about_message = is_about_message
        super().__init__(sentence)


class MailRefused(Problem):
    """A message, or whatever we send, is not taken; `is_about_message` tells the one from the other."""

    sentence = _l("The mail server doesn’t take the message.")

    def __init__(self, sentence: Sentence | None = None, *, is_about_message: bool = False) -> None:
        self.is_about_message = is_about_message
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody is told; who gets two with the same id was told once."""

    to: str
    subject: str
    text: str
    message_id: str

    def __post_init__(self) -> None:
        if not MESSAGE_ID.fullmatch(self.message_id):
            raise ValueError("a message needs an id that new_message_id made")


def letter(message: Message, sender: str, at: datetime) -> EmailMessage:
    """Return the message with all its headers; raise `MailRefused` for what would be other headers or addresses."""
    if CONTROL.search(message.subject):
        raise MailRefused(_l("The subject of a message has to be one line."), is_about_message=True)
    written = EmailMessage(policy=POLICY)
    written["From"] = sender
    written["To"] = _address(message.to)
    written["Subject"] = message.subject
    written["Date"] = format_datetime(at)
    written["Message-ID"] = message.message_id
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(message.text)
    return written


def _address(text: str) -> Address:
    """Return an address, its domain as mail servers write it."""
    local, _, domain = text.rpartition("@")
    try:
        if CONTROL.search(text):
            raise ValueError
        return Address(addr_spec=f"{local}@{domain.encode('idna').decode('ascii')}")
    except (ValueError, IndexError, MessageError):
        raise MailRefused(
            _l("The account’s e-mail address is none that mail can be sent to."), is_about_message=True
        ) from None
