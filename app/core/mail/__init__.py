"""Mail: messages that leave through an SMTP server, or as files in a folder where there is none."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app

from app.core import signs
from app.core.clock import now
from app.core.mail import folder, smtp
from app.core.mail.message import MailAway, MailRefused, Message, letter
from app.core.mail.route import Folder, Server, route_of, sender_of

__all__ = ["MailAway", "MailRefused", "Message", "goes_to_a_folder", "init_mail", "new_message_id", "send"]

NOTED_EVERY = timedelta(minutes=1)
SERVER = "server"


class Post:
    """The way out of one application, and how it was last found."""

    def __init__(self, url: str, public_url: str) -> None:
        self.domain = _domain(public_url)
        self.sender = sender_of(url, f"rollcall@{self.domain}")
        self.route = route_of(url)
        self._lock = threading.Lock()
        self._noted: tuple[bool, datetime] | None = None

    def deliver(self, message: Message) -> None:
        """Hand a message over; what becomes of the way out is noted."""
        try:
            written = letter(message, self.sender, now())
            if isinstance(self.route, Server):
                smtp.deliver(self.route, written, self.domain)
            else:
                folder.deliver(self.route, written)
        except (MailAway, MailRefused) as problem:
            if not problem.is_about_message:
                self._note(False, str(problem))
            raise
        self._note(True)

    def _note(self, is_good: bool, detail: str | None = None) -> None:
        """Note how the way out is when that changed, and once a minute while it doesn't: another process may differ."""
        with self._lock:
            at = now()
            if self._noted and self._noted[0] is is_good and at - self._noted[1] < NOTED_EVERY:
                return
            self._noted = is_good, at
        signs.note(signs.Kind.MAIL, SERVER, is_good, detail)


def init_mail(app: Flask, config: Mapping[str, Any]) -> None:
    """Give `app` its way out; nobody is asked before the first message. Raises SystemExit for a bad `MAIL_URL`."""
    try:
        app.extensions["mail"] = Post(config["MAIL_URL"], config["PUBLIC_URL"])
    except ValueError as error:
        raise SystemExit(f"MAIL_URL {error}.") from error


def send(message: Message) -> None:
    """Send a message, outside of any write; raise `MailAway` where it is worth trying again, else `MailRefused`.

    It may arrive twice where the connection broke at the very end; both have the same id then.
    """
    _post().deliver(message)


def new_message_id() -> str:
    """Return an id for a message; it begins with the moment, so that files of messages stand in order."""
    return f"<{now():%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{_post().domain}>"


def goes_to_a_folder() -> bool:
    """Say whether messages become files, which nobody is sent."""
    return isinstance(_post().route, Folder)


def _post() -> Post:
    found: Post = current_app.extensions["mail"]
    return found


def _domain(public_url: str) -> str:
    """Return the host's name, as mail servers write it; an address by number is no name to send from."""
    try:
        name = (urlsplit(public_url).hostname or "").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    is_number = not name or ":" in name or name.rpartition(".")[2].isdigit()
    return "localhost" if is_number else name
