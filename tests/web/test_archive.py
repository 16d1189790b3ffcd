"""The page of an object of the archive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from app.core.storage import Storage, make_store
from tests.actions.archive.archiving import archive, contents, told, use
from tests.actions.archive.conftest import store
from tests.browsing import Browser, soup
from tests.marked import hire
from tests.sample import Sample

__all__ = ["store"]


@pytest.fixture
def url(store: Storage, sample: Sample) -> str:
    """Give the address of the last object."""
    archive()
    before = contents("2").keys()
    hire("<b>planted", notes="secretnote")
    archive()
    (name,) = contents("2").keys() - before
    return "/archive/" + name.removesuffix(".json")


@pytest.fixture
def auditor(browser: Browser, sample: Sample) -> Browser:
    """Give a browser of somebody who may see it."""
    return browser.sign_in(sample.users["auditor"])


def test_page_shows_the_object_for_people(url: str, auditor: Browser) -> None:
    one = told()[-1]
    answer = auditor.get(url)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    page = soup(answer)
    title = f"Change {one['set']['id']}, part 1, in the archive"
    assert page.select_one("h1").text == title
    assert title in page.select_one("title").text
    assert json.loads(page.select_one("main pre").text) == one
    assert "<b>planted" not in answer.text
    assert "secretnote" not in answer.text
    leads_to = [link["href"] for link in page.select("main a")]
    assert leads_to == [f"/admin/journal/details/?id={one['set']['id']}", f"{url}?raw=1"]
    assert auditor.get(leads_to[0]).status_code == 200


def test_same_with_json_at_the_end(url: str, auditor: Browser) -> None:
    assert auditor.get(f"{url}.json").data == auditor.get(url).data


def test_raw_is_the_bytes_of_the_store(url: str, auditor: Browser) -> None:
    answer = auditor.get(f"{url}.json?raw=1")
    assert answer.mimetype == "application/json"
    assert answer.data == contents("2")[f"{url.removeprefix('/archive/')}.json"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_journal_leads_to_the_archive(url: str, auditor: Browser) -> None:
    one = told()[-1]
    page = auditor.get(f"/admin/journal/details/?id={one['set']['id']}")
    assert url in [link["href"] for link in soup(page).select("main details a")]


def test_journal_of_hr_does_not(url: str, browser: Browser, sample: Sample) -> None:
    one = told()[-1]
    browser.sign_in(sample.users["hr"])
    page = browser.get(f"/admin/journal/details/?id={one['set']['id']}")
    assert page.status_code == 200
    assert url not in page.text
    assert browser.get(url).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/archive/20260101/x",
        "/archive/x/AAAAAAAAAAAAAAAAAAAA",
        "/archive/20260101/AAAAAAAAAAAAAAAAAAAA",
        "/archive/20260101/%00",
    ],
)
def test_nonsense_is_not_found(url: str, auditor: Browser, path: str) -> None:
    assert auditor.get(path).status_code == 404


def test_store_that_is_away_is_told_calmly(app: Flask, url: str, auditor: Browser, tmp_path: Path) -> None:
    use(make_store("s3://k:s@bucket?endpoint_url=http://127.0.0.1:9&region=x&connect_timeout=0.2", tmp_path))
    answer = auditor.get(url)
    assert answer.status_code == 503
    assert "The archive can’t be read at the moment" in answer.text
    assert "127.0.0.1" not in answer.text
    assert auditor.get("/dashboard").status_code == 200
