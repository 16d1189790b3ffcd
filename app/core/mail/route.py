"""Where `MAIL_URL` leads: to an SMTP server or into a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.core.mail.message import CONTROL, POLICY
from app.core.security import LOOPBACK

TIMEOUT_SECONDS = 10.0
LONGEST_TIMEOUT_SECONDS = 60.0
PORTS = {"smtp": 587, "smtps": 465}
OPTIONS = {"from", "ca", "starttls", "insecure", "timeout"}


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server; `is_tls_first` is TLS from the first byte, `is_plain` none at all, and else STARTTLS is a must."""

    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)
    is_tls_first: bool = False
    is_plain: bool = False
    ca: str | None = None
    timeout: float = TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Folder:
    """Where each message becomes a file."""

    path: Path


def route_of(url: str) -> Server | Folder:
    """Return where a URL leads; raise ValueError with what is wrong with it, but without what may be a secret."""
    parts, options = _read(url)
    if parts.scheme == "file":
        return _folder(parts)
    if parts.scheme not in PORTS:
        raise ValueError("is neither smtp://…, smtps://… nor file:///…")
    host, port = _place(parts)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii() or CONTROL.search(user + password):
        raise ValueError("has a user name or password with letters that mail servers don’t take: use ASCII")
    return Server(
        host=host,
        port=port,
        user=user or None,
        password=password,
        is_tls_first=parts.scheme == "smtps",
        is_plain=_is_plain(parts, host, options),
        ca=options.get("ca"),
        timeout=_timeout(options),
    )


def sender_of(url: str, usual: str) -> str:
    """Return from whom messages are; raise ValueError where it is not one address."""
    sender = _read(url)[1].get("from", usual)
    if CONTROL.search(sender):
        raise ValueError("has a “from” of several lines")
    header = POLICY.header_factory("From", sender)
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise ValueError("has a “from” that is not one e-mail address")
    return sender


def _read(url: str) -> tuple[SplitResult, dict[str, str]]:
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True)
    except ValueError:  # it would repeat what may be a secret
        raise ValueError(
            "is no URL that can be read: write “@”, “/”, “?”, “#”, “[” and “]” in passwords as %40, %2F, …"
        ) from None
    for name, values in options.items():
        if name not in OPTIONS:
            raise ValueError(f"has an option “{name[:20]}” that is none of {', '.join(sorted(OPTIONS))}")
        if len(values) > 1 or not values[0]:
            raise ValueError(f"has no value for “{name}”, or several")
    return parts, {name: values[0] for name, values in options.items()}


def _folder(parts: SplitResult) -> Folder:
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or path == Path("/"):
        raise ValueError("needs a whole path to a folder, such as file:///var/lib/rollcall/mail")
    return Folder(path)


def _place(parts: SplitResult) -> tuple[str, int]:
    try:
        port = parts.port
    except ValueError:
        raise ValueError(
            "has no port that can be read: write “@”, “/”, “?” and “#” in passwords as %40, %2F, …"
        ) from None
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not host or parts.path not in ("", "/") or parts.fragment:
        raise ValueError("names no mail server: write smtp://user:password@host:587")
    return host, port or PORTS[parts.scheme]


def _is_plain(parts: SplitResult, host: str, options: dict[str, str]) -> bool:
    wanted = options.get("starttls", "yes")
    if wanted not in ("yes", "no") or options.get("insecure", "no") not in ("yes", "no"):
        raise ValueError("takes yes or no for “starttls” and “insecure”")
    if wanted == "yes" or parts.scheme == "smtps":
        return False
    is_near = host in LOOPBACK or f"[{host}]" in LOOPBACK
    if not is_near and options.get("insecure") != "yes":
        raise ValueError(
            "would send passwords and messages unencrypted to another machine: leave “starttls=no” out, or add"
            " “insecure=yes” where you know that nobody listens"
        )
    return True


def _timeout(options: dict[str, str]) -> float:
    try:
        seconds = float(options.get("timeout", TIMEOUT_SECONDS))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        raise ValueError(f"takes seconds up to {LONGEST_TIMEOUT_SECONDS:.0f} for “timeout”")
    return seconds
