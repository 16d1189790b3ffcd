"""Handing a message to a mail server, encrypted and to nobody else, and reading what its answers mean."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from flask_babel import lazy_gettext as _l

from app.core.mail.message import MailAway, MailRefused
from app.core.mail.route import Server

ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")
OF_MESSAGE = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)
BROKEN_OFF = (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException)
"""What there is when the server hung up, or said something that was no answer."""


def deliver(server: Server, written: EmailMessage, own_name: str) -> None:
    """Send a message; a server's own words are not passed on, they may hold addresses."""
    sender, to = (written[name].addresses[0].addr_spec for name in ("From", "To"))
    try:
        with _connected(server, own_name) as connection:
            if server.user is not None:
                _sign_in(connection, server)
            connection.send_message(written, sender, [to])
    except (smtplib.SMTPException, OSError) as error:
        raise _as_problem(error, server) from None


@contextmanager
def _connected(server: Server, own_name: str) -> Iterator[smtplib.SMTP]:
    """Give an encrypted connection; once the message was taken, a farewell that fails is no failure."""
    context = None if server.is_plain else _trusting(server)
    name, seconds = own_name, server.timeout
    connection: smtplib.SMTP = (
        smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=seconds, context=context)
        if server.is_tls_first
        else smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=seconds)
    )
    try:
        connection.ehlo_or_helo_if_needed()
        if context is not None and not server.is_tls_first:
            _encrypt(connection, server, context)
        yield connection
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()
    finally:
        connection.close()


def _trusting(server: Server) -> ssl.SSLContext:
    """Return the rules for certificates: those of the system, or only the authority that the URL names."""
    try:
        return ssl.create_default_context(cafile=server.ca)
    except OSError as error:
        words = _l(
            "The file %(file)s that MAIL_URL names as “ca” can’t be read: %(reason)s. Name a file with the"
            " certificate of the mail server’s authority.",
            file=server.ca,
            reason=error.strerror or type(error).__name__,
        )
        raise MailRefused(words) from None


def _encrypt(connection: smtplib.SMTP, server: Server, context: ssl.SSLContext) -> None:
    if not connection.has_extn("starttls"):
        words = _l(
            "The mail server %(host)s offers no STARTTLS, so nothing is sent to it. Use another port in MAIL_URL, or"
            " smtps:// where it encrypts from the beginning.",
            host=server.host,
        )
        raise MailRefused(words)
    connection.starttls(context=context)
    connection.ehlo()


def _sign_in(connection: smtplib.SMTP, server: Server) -> None:
    if not connection.has_extn("auth"):
        words = _l(
            "The mail server %(host)s takes no user name and password here. Use another port in MAIL_URL, or leave"
            " them out.",
            host=server.host,
        )
        raise MailRefused(words)
    connection.login(server.user or "", server.password)


def _as_problem(error: Exception, server: Server) -> MailAway | MailRefused:
    """Return what went wrong in words: what may pass by itself, and what somebody has to see to."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _l(
            "The certificate of the mail server %(host)s can’t be verified (%(reason)s), so nothing is sent to it. Use"
            " the name in MAIL_URL that the certificate is for, and “ca” for an authority of your own.",
            host=server.host,
            reason=error.verify_message,
        )
        return MailRefused(words)
    code, reply = _reply(error)
    if code is None:
        if isinstance(error, smtplib.SMTPException) and not isinstance(error, BROKEN_OFF):
            words = _l("The mail server %(host)s takes no way to sign in that we know.", host=server.host)
            return MailRefused(words)
        return _away(error, server)
    if isinstance(error, smtplib.SMTPAuthenticationError) and code >= 500:
        words = _l(
            "The mail server %(host)s doesn’t take the user name or the password in MAIL_URL (%(code)s).",
            host=server.host,
            code=reply,
        )
        return MailRefused(words)
    is_about_message = isinstance(error, OF_MESSAGE)
    if code >= 500:
        words = _l("The mail server %(host)s refused the message (%(code)s).", host=server.host, code=reply)
        return MailRefused(words, is_about_message=is_about_message)
    words = _l(
        "The mail server %(host)s takes no message just now (%(code)s). It is tried again later.",
        host=server.host,
        code=reply,
    )
    return MailAway(words, is_about_message=is_about_message)


def _away(error: Exception, server: Server) -> MailAway:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else None
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        reason = "timed out"
    words = _l(
        "The mail server %(host)s, port %(port)s, doesn’t answer (%(reason)s). The message is tried again later.",
        host=server.host,
        port=str(server.port),
        reason=reason or "connection closed",
    )
    return MailAway(words)


def _reply(error: Exception) -> tuple[int | None, str]:
    """Return the code of the server's answer, and that with its finer one; None where there was no answer."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return None, ""
    if code < 0:  # smtplib's own word for an answer that was none
        return None, ""
    finer = ENHANCED.match(text if isinstance(text, bytes) else text.encode())
    return code, f"{code} {finer[0].decode()}" if finer else str(code)
