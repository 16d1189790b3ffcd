"""Error pages: words and a request id for people, the cause for the log, SQL and tracebacks for nobody."""

from __future__ import annotations

import logging

import pytest
from flask import abort
from sqlalchemy import text

from app.core import problems
from app.extensions import db
from tests.applications import application, migrate
from tests.browsing import Browser, soup
from tests.sample import account

SECRET = "SELECT secret FRM nowhere"


@pytest.fixture(scope="module")
def faulty_app(make_database, tmp_path_factory):
    """Return an application with pages that fail in all ways."""
    with application(make_database(), INSTANCE_PATH=str(tmp_path_factory.mktemp("instance"))) as app:
        migrate(app)

        @app.get("/fails/<how>")
        def fails(how):
            WAYS[how]()
            return "well"

        @app.post("/takes")
        def takes():
            return "well"

        with app.app_context():
            app.config["HR"] = account("hr", "hr@sample.example")
        yield app


@pytest.fixture
def browser(faulty_app):
    """Return a signed-in browser."""
    return Browser(faulty_app).sign_in(faulty_app.config["HR"])


def raising(error):
    """Return a function that raises."""

    def fail():
        raise error

    return fail


WAYS = {
    "bad": lambda: abort(400),
    "forbidden": lambda: abort(403),
    "gone": lambda: abort(410),
    "conflict": lambda: abort(409),
    "too-large": lambda: abort(413),
    "too-many": lambda: abort(429),
    "teapot": lambda: abort(418),
    "unavailable": lambda: abort(503),
    "crash": raising(RuntimeError(SECRET)),
    "type": raising(TypeError(SECRET)),
    "sql": lambda: db.session.execute(text(SECRET)),
    "not-found": raising(problems.NotFound()),
    "no-right": raising(problems.Forbidden()),
    "invalid": raising(problems.Invalid({"a": "This is wrong.", "": "That too."})),
    "moved": raising(problems.Conflict(2, {"phone": SECRET})),
    "busy": raising(problems.Busy()),
    "down": raising(problems.Unavailable()),
    "unknown": raising(problems.OutcomeUnknown()),
}

STATUS = {
    "bad": 400,
    "forbidden": 403,
    "gone": 410,
    "conflict": 409,
    "too-large": 413,
    "too-many": 429,
    "teapot": 418,
    "unavailable": 503,
    "crash": 500,
    "type": 500,
    "sql": 500,
    "not-found": 404,
    "no-right": 403,
    "invalid": 400,
    "moved": 409,
    "busy": 503,
    "down": 503,
    "unknown": 503,
}


def check(answer, status):
    """Hold an error page to what all of them have; return its words."""
    assert answer.status_code == status
    page = soup(answer)
    assert page.select_one("link[href*='rollcall.css']"), "the page has no style"
    assert page.h1.text
    assert str(status) in page.select_one(".error-status").text
    assert page.select_one("main code").text == answer.headers["X-Request-ID"]
    assert "text/html" in answer.headers["Content-Type"]
    assert "Content-Security-Policy" in answer.headers
    for told in ("SELECT", "Traceback", "sqlalchemy", "RuntimeError", 'File "', ".py"):
        assert told not in answer.text
    return page.main.get_text(" ", strip=True)


@pytest.mark.parametrize("how", WAYS)
def test_every_failure_is_a_page_with_words_and_a_request_id(browser, how):
    check(browser.get(f"/fails/{how}"), STATUS[how])


def test_what_can_be_done_is_told(browser):
    assert "This is wrong. That too." in check(browser.get("/fails/invalid"), 400)
    assert "Nothing was saved; please try again." in check(browser.get("/fails/busy"), 503)
    assert "check whether the change is there before you repeat it" in check(browser.get("/fails/unknown"), 503)


@pytest.mark.parametrize("how", ["crash", "type", "sql"])
def test_log_names_the_cause_of_what_nobody_foresaw(browser, caplog, how):
    with caplog.at_level(logging.ERROR):
        answer = browser.get(f"/fails/{how}")
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(records) == 1
    assert "SELECT secret" in str(records[0].exc_info[1])
    assert records[0].path == f"/fails/{how}"
    assert answer.status_code == 500


def test_page_after_a_broken_statement_works_again(browser):
    assert browser.get("/fails/sql").status_code == 500
    assert browser.get("/dashboard").status_code == 200


def test_real_404_405_413_and_400(browser, faulty_app):
    check(browser.get("/nothing-here"), 404)
    check(browser.get("/people/nobody"), 404)
    wrong = browser.post("/directory")
    check(wrong, 405)
    assert set(wrong.headers["Allow"].split(", ")) >= {"GET", "HEAD"}
    check(browser.client.post("/takes"), 400)
    assert browser.post("/takes").text == "well"
    check(browser.client.post("/takes", data={"csrf_token": "forged"}), 400)
    check(browser.client.post("/login", data={"password": "x" * (17 * 1024 * 1024)}), 413)
    check(Browser(faulty_app).get("/nothing-here"), 404)


def test_forbidden_page_is_logged(browser, caplog):
    with caplog.at_level(logging.WARNING):
        check(browser.get("/admin/users/"), 403)
    assert browser.get("/admin/").status_code == 200


def test_request_id_of_a_proxy_is_told_only_when_it_is_harmless(browser):
    answer = browser.get("/nothing-here", headers={"X-Request-ID": '"><script>alert(1)</script>'})
    check(answer, 404)
    assert "<script>alert" not in answer.text


def test_page_says_503_when_the_database_cannot_be_reached(tmp_path, caplog):
    url = "mysql+pymysql://nobody:secret-password@127.0.0.1:1/nothing"
    with application(url, INSTANCE_PATH=str(tmp_path)) as app:
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = "x" * 43
        with caplog.at_level(logging.ERROR):
            words = check(client.get("/dashboard"), 503)
        assert "secret-password" not in words
        check(client.get("/"), 503)
        check(client.get("/nothing-here"), 404)
        assert app.test_client().get("/login").status_code == 200
    assert any(record.exc_info for record in caplog.records)
    assert "secret-password" not in caplog.text
