"""What nginx passes on to the application, and what not."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from app.commands.server import REQUEST_SECONDS
from app.core.security import init_security

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose/nginx"
PASSED_ON = (FOLDER / "rollcall.conf").read_text()


def directives(name: str) -> list[str]:
    """Return the directives of a file, without comments."""
    text = re.sub(r"#.*", "", (FOLDER / name).read_text())
    return [" ".join(words.split()) for words in re.split(r"[;{}]", text) if words.strip()]


def headers() -> dict[str, str]:
    """Return the headers that nginx sets, by name."""
    found = re.findall(r"^proxy_set_header (\S+) (\S+);", PASSED_ON, flags=re.M)
    return dict(found)


def test_headers_of_the_client_about_itself_are_replaced() -> None:
    assert "$proxy_add_x_forwarded_for" not in PASSED_ON
    assert headers() == {
        "Host": "$http_host",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$http_host",
        **dict.fromkeys(
            ("X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Proxy", "Connection"), '""'
        ),
    }


def test_no_location_sets_headers_of_its_own() -> None:
    # One such line would undo all of those above it.
    assert not re.search(r"^\s+proxy_set_header", PASSED_ON, flags=re.M)


def test_the_body_limit_is_that_of_the_application() -> None:
    init_security(app := Flask("any"))
    limit = next(words for words in directives("nginx.conf") if words.startswith("client_max_body_size"))
    assert limit == f"client_max_body_size {app.config['MAX_CONTENT_LENGTH'] // 1024**2}m"


def test_nginx_waits_longer_than_the_application_works() -> None:
    waits = next(words for words in directives("rollcall.conf") if words.startswith("proxy_read_timeout"))
    assert int(waits.split()[1].removesuffix("s")) > REQUEST_SECONDS


def test_the_numbers_are_for_the_monitoring_only() -> None:
    assert re.search(r"location \^~ /metrics \{\s*return 404;\s*\}", PASSED_ON)


def test_nginx_tells_little_and_logs_no_address_of_a_page() -> None:
    assert "server_tokens off" in directives("nginx.conf")
    assert "access_log off" in directives("nginx.conf")


def test_nothing_but_tmp_is_written() -> None:
    written = [
        words
        for words in directives("nginx.conf")
        if words.startswith(("pid", "include /tmp")) or "_temp_path" in words
    ]
    assert len(written) == 7
    assert all(words.split()[1].startswith("/tmp/") for words in written)
    assert "proxy_max_temp_file_size 0" in directives("rollcall.conf")


def test_old_tls_is_refused() -> None:
    assert "ssl_protocols TLSv1.2 TLSv1.3" in directives("tls.conf")
