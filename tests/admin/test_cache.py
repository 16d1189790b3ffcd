"""The page that looks into the query cache, its buttons, and the line on top of all pages while Redis is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select

from app.changes.journal import ChangeSet
from app.core import querycache, signs
from app.core.clock import now
from app.core.querycache.store import Trouble
from app.core.signs import Kind
from app.extensions import db
from app.people.role import Role
from app.ui.labels import shown
from tests.applications import application
from tests.asking import asked
from tests.browsing import Browser, soup, statements
from tests.cache_uses import use
from tests.sample import Sample, act
from tests.services.process import free_port
from tests.waiting import add

PAGE, CLEAR = "/admin/cache/", "/admin/cache/clear/"
ROLES = select(Role.title).order_by(Role.id)


@pytest.fixture
def administrator(sample: Sample, browser: Browser) -> Browser:
    return browser.sign_in(sample.users["administrator"])


@pytest.fixture
def without_redis(sample: Sample, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Give an application on the same database whose Redis nobody serves, and which has noticed."""
    url = f"redis://:S3cret@127.0.0.1:{free_port()}"
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=url, SERVER_TIMING="1") as app:
        app.extensions["querycache"].store.probe()
        yield app


def ask(app: Flask, name: str = "test.roles") -> None:
    """Ask a query as a page would."""
    with app.app_context():
        querycache.rows(name, ROLES, querycache.EVERYBODY)


def cells(page: BeautifulSoup, name: str) -> dict[str, str]:
    """Return what the table says of a query, by its heading."""
    row = next(row for row in page.select(".queries tbody") if row.select_one(".cache-name").get_text() == name)
    return {cell["data-label"]: cell.get_text(" ", strip=True) for cell in row.select("[data-label]")} | {
        "more": row.select_one(".cache-more").get_text(" ", strip=True)
    }


def test_page_says_so_when_nothing_was_asked_yet(app: Flask, administrator: Browser) -> None:
    app.extensions["querycache"].uses.__init__()
    page = soup(administrator.get(PAGE))
    assert page.select_one(".empty h2").get_text() == "Nothing was asked yet"
    assert page.select(".queries") == []
    assert page.select_one(".stat-value").get_text() == "–"


def test_each_query_is_told_with_what_it_gained_and_what_made_it_stale(app: Flask, administrator: Browser) -> None:
    for _ in range(4):
        ask(app)
    page = soup(administrator.get(PAGE))
    told = cells(page, "test.roles")
    assert (told["Hit rate"], told["Hits"], told["Misses"], told["Last filled"]) == ("75%", "3", "1", "just now")
    assert told["A miss takes"].endswith("ms")
    assert told["more"].startswith(
        "Reads roles. 3 hits were compared with the database, none differed. SQL (test.roles"
    )
    assert "SELECT roles.title" in told["more"]
    row = next(row for row in page.select(".queries tbody") if "test.roles" in row.get_text())
    bar = [(part["class"][0], int(part["x"]), int(part["width"])) for part in row.select(".cache-bar rect")]
    assert bar == [("hit", 0, 750), ("miss", 750, 250)]
    with app.app_context():
        act("create_role", values={"title": "Pilot"})
        set_id = db.session.scalar(select(ChangeSet.id).order_by(ChangeSet.id.desc()).limit(1))
    page = soup(administrator.get(PAGE))
    assert cells(page, "test.roles")["Made stale by"] == "Role added just now"
    link = page.select_one(f".queries a[href='/admin/journal/details/?id={set_id}']")
    assert link is not None
    assert administrator.get(link["href"]).status_code == 200


def test_reasons_for_which_the_cache_was_of_no_use_are_told_in_words(app: Flask, administrator: Browser) -> None:
    with app.app_context():
        add(
            use("one", hits=2, misses=2, away=1200, writing=1, too_large=2),
            use("other", refused=7, refusal="column employees.birth_date", sql="SELECT '<b>'", tables=""),
        )
    page = soup(administrator.get(PAGE))
    one, other = cells(page, "one"), cells(page, "other")
    words = "1,200 while the store was out of use, 1 inside a change, 2 because its rows were too many to keep"
    assert f"Not from the cache: {words}." in one["more"]
    assert other["more"].startswith(
        "Its rows may not be kept: column employees.birth_date. Not from the cache: 7 because"
    )
    assert "SELECT '<b>'" in other["more"]
    assert (other["Hit rate"], other["Last filled"], other["Made stale by"]) == ("–", "–", "–")


def test_answer_that_differed_stands_on_top_until_the_cache_is_cleared(app: Flask, administrator: Browser) -> None:
    with app.app_context():
        add(use("home.count", hits=9, verified=5, differing=2, differed_at=now() - timedelta(hours=2)))
    page = soup(administrator.get(PAGE))
    told = page.select_one("#differing").get_text(" ", strip=True)
    assert told.startswith(
        "An answer was not what the database holds home.count, 2 hours ago It was put right at once."
    )
    assert (
        "Most likely, rows were changed past Rollcall, by SQL written by hand or a data migration. Clear the cache"
        in told
    )
    assert "2 differed, the last on" in cells(page, "home.count")["more"]
    assert "Hits compared with the database, 2 differed" in page.select_one(".stats").get_text()
    page = soup(administrator.post(CLEAR, follow_redirects=True))
    assert page.select_one("#differing") is None
    assert (
        page.select_one(".alert-success").get_text() == "Cleared: each query asks the database when it is needed next."
    )
    assert "2 differed, the last on" in cells(page, "home.count")["more"]


def test_one_query_or_all_are_cleared_by_their_buttons(app: Flask, administrator: Browser) -> None:
    ask(app, "one"), ask(app, "other")
    page = administrator.get(PAGE)
    forms = {form.select_one("button").get("aria-label"): form for form in soup(page).select(f"form[action='{CLEAR}']")}
    assert {None, "Clear one", "Clear other"} <= set(forms)
    sent = {field["name"]: field["value"] for field in forms["Clear one"].select("input")}
    answer = administrator.client.post(CLEAR, data=sent, follow_redirects=True)
    assert "“one” asks the database when it is needed next" in answer.text
    ask(app, "one"), ask(app, "other")
    page = soup(administrator.get(PAGE))
    assert (cells(page, "one")["Misses"], cells(page, "other")["Misses"]) == ("2", "1")
    assert cells(page, "one")["Made stale by"] == "Query cache cleared just now"
    sent = {field["name"]: field["value"] for field in forms[None].select("input")}
    assert sent.keys() == {"csrf_token"}
    administrator.client.post(CLEAR, data=sent)
    ask(app, "one"), ask(app, "other")
    page = soup(administrator.get(PAGE))
    assert (cells(page, "one")["Misses"], cells(page, "other")["Misses"]) == ("3", "2")


def test_unknown_query_is_a_clear_error(administrator: Browser) -> None:
    answer = administrator.post(CLEAR, {"name": "<nothing>"}, follow_redirects=True)
    told = soup(answer).select_one(".alert-warning").get_text()
    assert told == "No query is called “<nothing>”. It may not have been asked yet."


def test_who_may_only_look_has_no_buttons_and_others_have_no_page(app: Flask, sample: Sample, browser: Browser) -> None:
    ask(app)
    browser.sign_in(sample.users["auditor"])
    page = soup(browser.get(PAGE))
    assert page.select("main button, main form") == []
    assert "test.roles" in page.select_one(".queries").get_text()
    assert PAGE in [link["href"] for link in page.select("nav a")]
    assert browser.post(CLEAR).status_code == 403
    for who in ("hr", "manager", "staff"):
        browser.sign_in(sample.users[who])
        assert (browser.get(PAGE).status_code, browser.post(CLEAR).status_code) == (403, 403)
        assert PAGE not in [link["href"] for link in soup(browser.get("/dashboard")).select("a")]


def test_system_page_leads_here(administrator: Browser) -> None:
    page = soup(administrator.get("/admin/system/"))
    assert [link["href"] for link in page.select("#cache a")] == [PAGE]


def test_page_takes_few_statements(administrator: Browser) -> None:
    assert statements(administrator.get(PAGE)) <= 5


def test_page_says_what_is_wrong_with_redis_since_when_and_what_to_do(without_redis: Flask, sample: Sample) -> None:
    with without_redis.app_context():
        signs.note(Kind.CACHE, "one:1", False, "its memory is full")
        signs.note(Kind.CACHE, "two:1", True)
    page = soup(Browser(without_redis).sign_in(sample.users["administrator"]).get(PAGE))
    told = page.select_one("#trouble").get_text(" ", strip=True)
    trouble: Trouble = without_redis.extensions["querycache"].store.trouble
    with without_redis.test_request_context():
        since = shown(trouble.since)
    assert told.startswith(f"Out of use Since {since} the Redis server is not used: it can’t be reached. Pages ask")
    assert told.endswith("Start Redis, or correct REDIS_URL; it is used again as soon as it answers.")
    processes = [item.get_text(" ", strip=True) for item in page.select(".cache-processes > li")]
    assert len(processes) == 3
    assert any(words.startswith("one:1 Out of use its memory is full, since ") for words in processes)
    assert any(words.startswith("two:1 In use since ") for words in processes)
    assert any("(this page’s) Out of use it can’t be reached, since" in words for words in processes)
    assert "S3cret" not in page.get_text()
    assert "127.0.0.1" not in page.get_text()


BANNER = "The query cache is out of use: it can’t be reached. Pages ask the database and may be slower."


def test_line_on_top_of_all_pages_tells_administrators_that_redis_is_away(without_redis: Flask, sample: Sample) -> None:
    browser = Browser(without_redis)
    for who, is_told in {
        "administrator": True,
        "auditor": False,
        "hr": False,
        "manager": False,
        "staff": False,
    }.items():
        browser.sign_in(sample.users[who])
        for url in ("/dashboard", "/account"):
            told = soup(browser.get(url)).select("main > [role=status]")
            assert [one.get_text(" ", strip=True).startswith(BANNER) for one in told] == [True] * is_told, (who, url)
            assert [link["href"] for one in told for link in one.select("a")] == [PAGE] * is_told
    assert BANNER not in browser.get("/").text
    assert BANNER not in Browser(without_redis).get("/login").text


def test_line_goes_when_redis_is_back_and_costs_nothing(
    without_redis: Flask, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(without_redis).sign_in(sample.users["administrator"])
    store = without_redis.extensions["querycache"].store
    browser.get("/account")
    monkeypatch.setattr(store, "_asked", lambda _ask: pytest.fail("the store was asked"))
    with without_redis.app_context(), asked() as shown:
        assert BANNER in browser.get("/account").text
    trouble: Trouble = store.trouble
    store.trouble = None
    with without_redis.app_context(), asked() as hidden:
        assert BANNER not in browser.get("/account").text
    assert len(shown) == len(hidden)
    store.trouble = trouble
    assert BANNER not in browser.get(PAGE).text  # which tells more of it
