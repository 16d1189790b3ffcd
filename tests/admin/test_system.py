"""The page of the installation's state: who sees it, what stands first, and having the store looked at."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import Tag
from flask import Flask

from app.access.actor import by_user
from app.actions import system as actions
from app.core import signs
from app.core.problems import Forbidden
from app.core.signs import Kind
from app.core.storage import storage
from app.core.version import VERSION
from app.reading import machine
from app.reading.machine import Disk
from tests.browsing import Browser, soup, statements
from tests.sample import Sample
from tests.writing import empty_journal

GB = 10**9
PAGE, CHECK = "/admin/system/", "/admin/system/check/"
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def administrator(sample: Sample, browser: Browser) -> Browser:
    return browser.sign_in(sample.users["administrator"])


@pytest.fixture
def folder(app: Flask) -> Iterator[Path]:
    """Give the folder of the store; what a test makes of it goes."""
    with app.app_context():
        found = Path(storage().where)
    yield found
    if found.is_file():
        found.unlink()
    shutil.rmtree(found, ignore_errors=True)


def note(app: Flask, kind: Kind, name: str, is_good: bool, detail: str | None = None) -> None:
    with app.app_context():
        signs.note(kind, name, is_good, detail)


def part(browser: Browser, key: str) -> Tag:
    found = soup(browser.get(PAGE)).select_one(f"#{key}")
    assert found is not None
    return found


@pytest.fixture
def in_order(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """See to it that neither this machine's disk nor what earlier tests left unsealed needs somebody."""
    monkeypatch.setattr(machine, "disks", lambda: [Disk("/data", free=50 * GB, total=100 * GB)])
    with app.app_context():
        empty_journal()


def test_page_tells_each_part_with_its_state_and_the_bad_ones_first(
    app: Flask, in_order: None, administrator: Browser
) -> None:
    page = soup(administrator.get(PAGE))
    parts = page.select(".parts > li")
    assert parts[0]["id"] == "workers"
    assert parts[0].select_one(".pill").get_text() == "Not working"
    assert parts[0].select_one(".part-remedy").get_text() == "Start “flask --app run worker”."
    assert "2 parts need somebody." in page.select_one(".page-head").get_text()  # and there is one administrator
    note(app, Kind.WORKER, "one:1", True, VERSION)
    page = soup(administrator.get(PAGE))
    assert page.select(".parts > li")[0]["id"] == "four_eyes"
    assert "One part needs somebody." in page.select_one(".page-head").get_text()
    assert page.select_one("#workers .pill").get_text() == "Good"
    assert page.select_one("#workers .part-remedy") is None


def test_what_was_said_is_shown_as_text(app: Flask, administrator: Browser) -> None:
    note(app, Kind.STORAGE, "archive", False, "<b>Gone</b>")
    assert part(administrator, "storage").select_one(".part-remedy").get_text().startswith("<b>Gone</b> ")


def test_store_is_looked_at_and_what_is_wrong_is_said(app: Flask, administrator: Browser, folder: Path) -> None:
    assert part(administrator, "storage").select_one(".pill").get_text() == "Not in use"
    assert [button.get_text() for button in part(administrator, "storage").select("button")] == ["Check now"]
    answer = administrator.post(CHECK, {"what": "storage"}, follow_redirects=True)
    assert "took a small file and gave it back" in answer.text
    assert part(administrator, "storage").select_one(".pill").get_text() == "Good"
    shutil.rmtree(folder)
    folder.write_text("no folder")
    answer = administrator.post(CHECK, {"what": "storage"}, follow_redirects=True)
    told = part(administrator, "storage")
    assert told.select_one(".pill").get_text() == "Not working"
    words = told.select_one(".part-remedy").get_text()
    told = soup(answer).select_one(".alert-error").get_text(strip=True)
    assert told.startswith(str(folder))
    assert words.startswith(told)
    folder.unlink()
    administrator.post(CHECK, {"what": "storage"})
    assert part(administrator, "storage").select_one(".pill").get_text() == "Good"


def test_store_that_does_not_answer_keeps_nobody_for_long(
    app: Flask, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    with app.app_context():
        store = storage()
    monkeypatch.setattr(store, "check", lambda: answer.wait(20))
    monkeypatch.setattr(actions, "CHECK_SECONDS", 0.1)
    try:
        page = administrator.post(CHECK, {"what": "storage"}, follow_redirects=True)
        again = administrator.post(CHECK, {"what": "storage"}, follow_redirects=True)
    finally:
        answer.set()
    for one in (page, again):
        assert "did not answer within" in one.text
    assert part(administrator, "storage").select_one(".pill").get_text() == "Not working"


def test_who_may_only_look_has_no_buttons_and_others_have_no_page(app: Flask, sample: Sample, browser: Browser) -> None:
    browser.sign_in(sample.users["auditor"])
    page = browser.get(PAGE)
    assert soup(page).select("main button, main form") == []
    assert PAGE in [link["href"] for link in soup(page).select("nav a")]
    assert browser.post(CHECK, {"what": "storage"}).status_code == 403
    for who in ("hr", "manager", "staff"):
        browser.sign_in(sample.users[who])
        assert browser.get(PAGE).status_code == 403
        assert browser.post(CHECK, {"what": "storage"}).status_code == 403
        assert PAGE not in [link["href"] for link in soup(browser.get("/dashboard")).select("a")]
    with app.app_context():
        auditor = by_user(sample.users["auditor"])
        assert auditor is not None
        with pytest.raises(Forbidden):
            actions.check_storage(auditor)
        assert signs.signs() == []


def test_only_what_has_a_button_can_be_looked_at(administrator: Browser) -> None:
    for what in ("mail", "nothing", ""):
        assert administrator.post(CHECK, {"what": what}).status_code == 404


def test_parts_lead_to_where_more_is_told(app: Flask, sample: Sample, administrator: Browser) -> None:
    links = [link["href"] for link in part(administrator, "jobs").select("a")]
    assert links == ["/admin/jobs/", "/admin/jobs/?state=failed"]
    assert [link["href"] for link in part(administrator, "seals").select("a")] == ["/admin/journal/"]
    for link in soup(administrator.get(PAGE)).select(".parts a"):
        assert administrator.get(link["href"]).status_code == 200


def test_page_takes_few_statements(administrator: Browser) -> None:
    assert statements(administrator.get(PAGE)) <= 11
