"""A browser without a screen: it keeps cookies, reads forms as they are in the page, and posts them whole."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse

from app.accounts import sessions
from app.accounts.models import User
from app.changes.transaction import write
from app.extensions import db


class Browser:
    """Visits pages of an application; `submit` sends a page's form with some fields changed."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()

    def sign_in(self, user_id: int) -> Browser:
        """Carry a fresh session of this user, as if the password had been typed."""
        with self.app.app_context():
            token = write(lambda: sessions.start(db.session.get_one(User, user_id), "127.0.0.1", "tests"))
        with self.client.session_transaction() as session:
            session["_user_id"] = token
        return self

    def get(self, url: str, **options: Any) -> TestResponse:
        """Visit a page."""
        return self.client.get(url, **options)

    def post(self, url: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Post to a page with this session's CSRF token."""
        return self.client.post(url, data={"csrf_token": self.token(), **(data or {})}, **options)

    def submit(self, url: str, **changes: Any) -> TestResponse:
        """Open a page and post its main form as it stands, with these fields changed (None leaves a field out)."""
        page = self.get(url)
        assert page.status_code == 200, f"{url} answered {page.status_code}"
        return self.client.post(url, data=filled(page, **changes))

    def token(self) -> str:
        """Return a CSRF token of this session."""
        for url in ("/account", "/login"):
            page = self.client.get(url)
            if page.status_code == 200:
                return fields(page)["csrf_token"]
        raise AssertionError("no page with a form could be opened")


def soup(response: TestResponse) -> BeautifulSoup:
    """Return a page parsed."""
    return BeautifulSoup(response.text, "html.parser")


def fields(response: TestResponse) -> dict[str, str]:
    """Return what the main form of a page would send if nobody touched it; any form where there is no main one."""
    return dict(pairs(response))


def pairs(response: TestResponse) -> list[tuple[str, str]]:
    """Return what the main form of a page would send, field by field: a name may come several times."""
    page = soup(response)
    form = page.select_one("main form[method=post]") or page.select_one("form[method=post]")
    assert form is not None, "the page has no form"
    controls = form.select("input[name], select[name], textarea[name]")
    found = [(str(control["name"]), _value(control)) for control in controls]
    return [(name, value) for name, value in found if value is not None]


def filled(response: TestResponse, **changes: Any) -> dict[str, str]:
    """Return a page's form with some fields changed."""
    return {name: str(value) for name, value in (fields(response) | changes).items() if value is not None}


def _value(control: Tag) -> str | None:
    if control.name == "textarea":
        # Browsers drop one line break after the tag, and send the others as CR LF.
        return control.text.replace("\r\n", "\n").removeprefix("\n").replace("\n", "\r\n")
    if control.name == "select":
        chosen = control.select_one("option[selected]") or control.select_one("option")
        return str(chosen.get("value", chosen.text)) if chosen else None
    if control.get("type") in ("checkbox", "radio"):
        return str(control.get("value", "on")) if control.has_attr("checked") else None
    return str(control.get("value", ""))


def errors(response: TestResponse) -> dict[str, str]:
    """Return the sentences at a page's fields, by the field's name; under "" those on top."""
    page = soup(response)
    found: dict[str, str] = {}
    for group in page.select(".field"):
        control = group.select_one("[name]")
        told = group.select_one(".field-errors")
        if control is not None and told is not None:
            found[str(control["name"])] = told.get_text(" ", strip=True)
    top = page.select_one("#errors")
    if top is not None:
        found[""] = top.get_text(" ", strip=True)
    return found


def rows(response: TestResponse) -> list[list[str]]:
    """Return the texts of a list's rows, cell by cell."""
    return [
        [cell.get_text(" ", strip=True) for cell in row.select("th, td:not(.acts, .tick)")]
        for row in soup(response).select("main table.grid tbody tr")
    ]


def statements(response: TestResponse) -> int:
    """Return how many SQL statements a page took, as `Server-Timing` says."""
    timing = response.headers["Server-Timing"]
    return int(timing.split('desc="')[1].split('"')[0])
