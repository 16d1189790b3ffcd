"""Approvals for tests: rows as they stand at any point of their life, a second administrator, and their pages."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from flask import Flask, has_app_context
from werkzeug.test import TestResponse

from app.changes.approvals import Approval, Verdict
from app.changes.transaction import write
from app.core.clock import now
from app.extensions import db
from tests.browsing import Browser, filled, soup
from tests.sample import account

LIST = "/admin/approvals/"


def add(app: Flask, actor_id: int, **values: Any) -> int:
    """Add an approval that waits, but for what `values` says; return its id."""
    at = values.get("asked_at") or now()
    asked = {
        "action": "transfer",
        "actor_id": actor_id,
        "source": "panel",
        "rules": "rows",
        "records": 201,
        "verdict": Verdict.WAITING,
        "asked_at": at,
        "expires_at": at + timedelta(days=7),
    }

    def work() -> int:
        row = Approval(**asked | values)
        db.session.add(row)
        db.session.flush()
        return row.id

    with _context(app):
        return write(work)


def second_administrator(app: Flask) -> int:
    """Make another administrator, without an employee; return the account's id."""
    with _context(app):
        return account("administrator", "second@sample.example")


def page_of(approval_id: int) -> str:
    return f"{LIST}details/?id={approval_id}"


def told(page: TestResponse) -> str:
    """Return what a page tells on top."""
    return " ".join(alert.get_text(" ", strip=True) for alert in soup(page).select("main .alert"))


def main(page: TestResponse) -> str:
    found = soup(page).select_one("main")
    assert found is not None
    return found.get_text(" ", strip=True)


def buttons(page: TestResponse) -> list[str]:
    return [button.get_text(strip=True) for button in soup(page).select("main form button")]


def decide(browser: Browser, approval_id: int, way: str, **typed: str) -> TestResponse:
    """Send the page's form to where one of its buttons leads; follow where that leads."""
    data = filled(browser.get(page_of(approval_id)), **typed)
    answer = browser.client.post(f"{LIST}{way}/?id={approval_id}", data=data)
    return browser.get(answer.location) if answer.status_code == 303 else answer


def waiting_id(answer: TestResponse) -> int:
    """Return the approval that a held back form was led to."""
    assert answer.status_code == 303
    assert answer.location.startswith(page_of(0)[:-1])
    return int(answer.location.rpartition("=")[2])


def _context(app: Flask) -> AbstractContextManager[object]:
    """Return the context that is there, whose reads begin anew then, or one of its own."""
    return nullcontext() if has_app_context() else app.app_context()
