"""Signing in and out by the pages, as people do."""

from __future__ import annotations

from flask import Flask
from werkzeug.test import TestResponse

from app.core.security import PLAIN_COOKIE
from tests.browsing import Browser
from tests.sample import PASSWORD

EMAIL = "ana@sample.example"


def enter(browser: Browser, url: str = "/login", email: str = EMAIL, password: str = PASSWORD) -> TestResponse:
    """Sign in by the form."""
    return browser.submit(url, email=email, password=password)


def cookie(browser: Browser) -> str:
    """Return the session cookie."""
    kept = browser.client.get_cookie(PLAIN_COOKIE)
    assert kept is not None
    return kept.value


def copy_of(app: Flask, browser: Browser) -> Browser:
    """Return another browser with the same cookie."""
    thief = Browser(app)
    thief.client.set_cookie(PLAIN_COOKIE, cookie(browser))
    return thief


def is_in(browser: Browser) -> bool:
    """Say whether the dashboard opens."""
    status = browser.get("/dashboard").status_code
    assert status in (200, 302)
    return status == 200
