"""What every answer carries: content policy, no caching, cookies that fit the address."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.security import HOST_COOKIE, PLAIN_COOKIE, is_plain_loopback
from tests.browsing import Browser, fields, soup
from tests.rules.test_access_grid import browser_of, pages
from tests.sample import PASSWORD, Sample, account

pytestmark = pytest.mark.usefixtures("hasher")

LOOPBACK = [
    "http://localhost",
    "http://localhost:5000",
    "http://127.0.0.1",
    "http://127.0.0.1:5000",
    "http://[::1]:5000",
]
ELSEWHERE = [
    "http://hr.sample.example",
    "http://192.168.1.5:5000",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.10",
    "https://localhost",
    "https://127.0.0.1:5000",
    "https://hr.sample.example",
]


@pytest.mark.parametrize("who", ["stranger", "staff", "administrator"])
def test_no_page_has_a_script_or_style_that_the_policy_would_stop(app: Flask, sample: Sample, who: str) -> None:
    nonces = []
    for url, answer in pages(app, sample, who):
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy, url
        assert "*" not in policy, url
        assert "default-src 'none'" in policy
        for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert part in policy, url
        if answer.mimetype != "text/html":
            continue
        nonce = re.search(r"script-src 'self' 'nonce-([\w-]{20,})'", policy)
        assert nonce, url
        nonces.append(nonce[1])
        page = soup(answer)
        assert page.find("script"), url
        for script in page.find_all("script"):
            assert script.get("nonce") == nonce[1], url
            assert script.get("src", "").startswith("/static/"), url
            assert not script.text.strip(), url
        assert not page.find("style"), url
        for element in page.find_all(True):
            assert "style" not in element.attrs, f"{url}: {element}"
            assert not [name for name in element.attrs if name.startswith("on")], f"{url}: {element}"
            for name in ("href", "src", "action", "formaction"):
                place = str(element.get(name, ""))
                assert not re.match(r"\s*(javascript|data|https?):|//", place, re.IGNORECASE), f"{url}: {element}"
    assert len(set(nonces)) == len(nonces)


@pytest.mark.parametrize("who", ["stranger", "administrator"])
def test_nothing_but_files_of_ours_may_be_kept(app: Flask, sample: Sample, who: str) -> None:
    for url, answer in pages(app, sample, who):
        if url.startswith("/static/"):
            assert "max-age=31536000" in answer.headers["Cache-Control"]
        else:
            assert answer.headers["Cache-Control"] == "no-store", url


@pytest.mark.parametrize(
    "url", ["/", "/nowhere", "/dashboard", "/static/css/rollcall.css", "/static/nowhere", "/healthz"]
)
def test_every_answer_has_the_headers(app: Flask, url: str) -> None:
    with app.test_client() as client, client.get(url) as answer:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers
        assert "Access-Control-Allow-Origin" not in headers
        assert "Server-Timing" in headers


def test_refusal_has_the_headers_too(app: Flask, sample: Sample) -> None:
    staff = browser_of(app, sample, "staff")
    for answer in (staff.get("/admin/"), staff.client.post("/logout"), staff.get("/people/105"), staff.get("/logout")):
        assert answer.status_code in (400, 403, 404, 405)
        assert "script-src 'self' 'nonce-" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def sign_in(app: Flask, base_url: str) -> tuple[FlaskClient, list[str]]:
    """Sign in at an address; return the client and the cookies it was given."""
    with app.app_context():
        account("staff", "ana@sample.example", password=PASSWORD)
    client = app.test_client()
    page = client.get("/login", base_url=base_url)
    data = fields(page) | {"email": "ana@sample.example", "password": PASSWORD}
    answer = client.post("/login", base_url=base_url, data=data, headers={"Referer": f"{base_url}/login"})
    assert answer.status_code == 303, base_url
    return client, answer.headers.getlist("Set-Cookie")


def parts(cookie: str) -> set[str]:
    """Return the attributes of a cookie."""
    return {part.strip().lower() for part in cookie.split(";")[1:]}


@pytest.mark.parametrize("base_url", LOOPBACK)
def test_cookie_on_this_machine_is_plain(app: Flask, sample: Sample, base_url: str) -> None:
    client, cookies = sign_in(app, base_url)
    assert [cookie.partition("=")[0] for cookie in cookies] == [PLAIN_COOKIE]
    assert parts(cookies[0]) == {"httponly", "path=/", "samesite=lax"}
    assert client.get("/dashboard", base_url=base_url).status_code == 200


@pytest.mark.parametrize("base_url", ELSEWHERE)
def test_cookie_elsewhere_is_bound_to_the_host_and_to_https(app: Flask, sample: Sample, base_url: str) -> None:
    with app.app_context():
        account("staff", "ana@sample.example", password=PASSWORD)
    cookies = app.test_client().get("/login", base_url=base_url).headers.getlist("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [HOST_COOKIE]
    assert parts(cookies[0]) == {"httponly", "path=/", "samesite=lax", "secure"}
    assert HOST_COOKIE.startswith("__Host-")


def test_sign_in_over_https_works_and_asks_for_https_from_then_on(app: Flask, sample: Sample) -> None:
    client, cookies = sign_in(app, "https://hr.sample.example")
    assert [cookie.partition("=")[0] for cookie in cookies] == [HOST_COOKIE]
    answer = client.get("/dashboard", base_url="https://hr.sample.example")
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("base_url", [*LOOPBACK, *ELSEWHERE])
def test_https_is_insisted_on_only_where_it_is_spoken(app: Flask, base_url: str) -> None:
    answer = app.test_client().get("/", base_url=base_url)
    assert ("Strict-Transport-Security" in answer.headers) is base_url.startswith("https:")
    with app.test_request_context("/", base_url=base_url):
        assert is_plain_loopback() is (base_url in LOOPBACK)


def test_plain_cookie_is_worth_nothing_elsewhere(app: Flask, sample: Sample) -> None:
    browser = browser_of(app, sample, "administrator")
    value = browser.client.get_cookie(PLAIN_COOKIE).value
    thief = Browser(app)
    thief.client.set_cookie(PLAIN_COOKIE, value, domain="hr.sample.example")
    answer = thief.get("/dashboard", base_url="http://hr.sample.example")
    assert answer.status_code == 302


def test_form_from_another_site_is_refused_over_https(app: Flask, sample: Sample) -> None:
    client, _cookies = sign_in(app, "https://hr.sample.example")
    token = fields(client.get("/account/password", base_url="https://hr.sample.example"))["csrf_token"]
    for referer in ({}, {"Referer": "https://evil.example/"}):
        answer = client.post(
            "/logout", base_url="https://hr.sample.example", data={"csrf_token": token}, headers=referer
        )
        assert answer.status_code == 400
    assert client.get("/dashboard", base_url="https://hr.sample.example").status_code == 200


@pytest.mark.parametrize("size", [2_000_000, 17 * 1024 * 1024])
def test_too_large_a_request_is_refused(app: Flask, sample: Sample, size: int) -> None:
    staff = browser_of(app, sample, "staff")
    head = b'--x\r\nContent-Disposition: form-data; name="phone"\r\n\r\n'
    body = io.BytesIO(head + b"x" * size + b"\r\n--x--\r\n")
    kind, length = "multipart/form-data; boundary=x", len(body.getvalue())
    answer = staff.client.post("/account", input_stream=body, content_type=kind, content_length=length)
    assert answer.status_code == 413


def test_form_of_too_many_fields_is_refused(app: Flask, sample: Sample) -> None:
    staff, data = browser_of(app, sample, "staff"), {str(n): "x" for n in range(600)}
    assert staff.client.post("/account", data=data, content_type="multipart/form-data").status_code == 413
