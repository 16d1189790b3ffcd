"""A served application in a process of its own, and Chromium to visit it with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.services.process import free_port

ROOT = Path(__file__).parents[2]
EMAIL, PASSWORD = "admin@rollcall.example", "a long walk in the rain"
PEOPLE = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in a browser first: one process gets them all, so only that one starts a server and Chromium."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@dataclass
class Site:
    """A running server: where it is, and what the browser complained about."""

    url: str
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the server's instance folder."""
    return tmp_path_factory.mktemp("instance")


@pytest.fixture(scope="session")
def served(instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server started as `make run` starts it, with a demo organisation."""
    port = free_port()
    settings = {
        "INSTANCE_PATH": str(instance),
        "PORT": str(port),
        "DEMO": str(PEOPLE),
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
    }
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [Path(sys.executable).parent / "flask", "--app", "run", "serve"]
    environment = {"PATH": os.environ["PATH"], **settings}
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            _wait_for(f"http://127.0.0.1:{port}/readyz", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_for(url: str, server: subprocess.Popen[Any], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, f"the server ended: {log.read_text()}"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text()}")


@pytest.fixture(scope="session")
def chromium(chromium_path: Path, chromium_arguments: list[str]) -> Iterator[Browser]:
    """Give a running Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path), args=chromium_arguments)
        yield browser
        browser.close()


@pytest.fixture
def site(served: str) -> Iterator[Site]:
    """Give the server; at the end of a test nobody may have complained."""
    site = Site(served)
    yield site
    assert not site.complaints, f"the browser complained: {site.complaints}"


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, served: str) -> Any:
    """Give the cookies of the administrator, signed in once by the form."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{served}/login")
    type_password(page)
    expect(page).to_have_url(re.compile("/admin/$"))
    state = context.storage_state()
    context.close()
    return state


def type_password(page: Page, email: str = EMAIL) -> None:
    """Fill in the sign-in form and send it."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    follow(page.get_by_role("main").get_by_role("button", name="Sign in"))


def follow(leading: Locator) -> None:
    """Click what leads to another page, and wait for the whole of it.

    A click alone comes back while the next page is on its way: what is asked then may be answered by the page before
    it, or by the half of it that is there.
    """
    with leading.page.expect_event("load"):
        leading.click()


@contextmanager
def visiting(browser: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """Give a page whose script errors and refused contents become complaints."""
    context: BrowserContext = browser.new_context(base_url=site.url, **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: site.complaints.append(f"{page.url}: {error}"))
    page.on("console", lambda m: site.complaints.append(f"{page.url}: {m.text}") if m.type == "error" else None)
    try:
        yield page
    finally:
        context.close()


@pytest.fixture
def page(chromium: Browser, site: Site, signed_in: Any) -> Iterator[Page]:
    """Give the administrator's page."""
    with visiting(chromium, site, storage_state=signed_in) as page:
        yield page
