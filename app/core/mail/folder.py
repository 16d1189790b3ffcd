"""Messages as files, one each, for installations that have no mail server yet, and for tests."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from email.message import EmailMessage

from flask_babel import lazy_gettext as _l

from app.core.mail.message import MailAway, MailRefused
from app.core.mail.route import Folder

# What nobody gets rid of by waiting; a full disk somebody empties.
FOR_GOOD = (PermissionError, NotADirectoryError, FileExistsError)


def deliver(folder: Folder, written: EmailMessage) -> None:
    """Write a message whole or not at all, for the owner only; again under the same id it is the same file."""
    name = f"{written['Message-ID'].strip('<>')}.eml"
    # Hidden and under a name of its own until it is whole: nobody reads half of it.
    fresh = folder.path / f".{secrets.token_hex(8)}"
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(written.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(folder.path / name)
        finally:
            with suppress(OSError):
                fresh.unlink()
    except OSError as error:
        words = _l(
            "The folder %(folder)s of MAIL_URL can’t be written: %(reason)s.",
            folder=folder.path,
            reason=error.strerror or type(error).__name__,
        )
        raise (MailRefused if isinstance(error, FOR_GOOD) else MailAway)(words) from None
