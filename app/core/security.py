"""What every answer carries so that browsers help: a strict content policy, no framing, no caching."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
PLAIN_COOKIE, HOST_COOKIE = "rollcall", "__Host-rollcall"
YEAR = 365 * 24 * 3600


def init_security(app: Flask) -> None:
    """Set cookie rules and answer headers for all pages."""
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=500,
        SEND_FILE_MAX_AGE_DEFAULT=YEAR,  # their addresses carry a mark of their content, see `ui.context.asset`
        WTF_CSRF_TIME_LIMIT=None,  # a form stays good as long as its session: nothing typed is lost to a clock
        WTF_CSRF_SSL_STRICT=True,
    )
    app.session_interface = CookieByAddress()
    app.after_request(_add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


class CookieByAddress(SecureCookieSessionInterface):
    """Flask's signed cookie: `__Host-` and Secure, but plain over http on this very machine."""

    def get_cookie_name(self, app: Flask) -> str:
        return PLAIN_COOKIE if is_plain_loopback() else HOST_COOKIE

    def get_cookie_secure(self, app: Flask) -> bool:
        return not is_plain_loopback()

    def get_cookie_domain(self, app: Flask) -> str | None:
        return None


def is_plain_loopback() -> bool:
    """Say whether the browser talks http to this machine itself."""
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    return request.scheme == "http" and host in LOOPBACK


def csp_nonce() -> str:
    """Return this answer's nonce, which scripts have to carry."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _add_headers(response: Response) -> Response:
    nonce = g.get("csp_nonce")
    allowed = f" 'nonce-{nonce}'" if nonce else ""
    headers = response.headers
    headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self'{allowed}; style-src 'self'{allowed}; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'",
    )
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
    if request.scheme == "https":
        headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    return response
