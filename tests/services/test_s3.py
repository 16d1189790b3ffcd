"""The S3 server of the tests starts, keeps buckets apart, and can be made to fail for real."""

from __future__ import annotations

import urllib.request
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.services.server import Server


def address(url: str) -> str:
    """Return where a bucket is asked for by HTTP."""
    parts = urlsplit(url)
    return f"{parse_qs(parts.query)['endpoint_url'][0]}/{parts.hostname}"


def names(url: str) -> bytes:
    with urllib.request.urlopen(f"{address(url)}?list-type=2", timeout=5) as answer:
        return bytes(answer.read())


def test_buckets_know_nothing_of_each_other(s3_url: str, s3_server: Server) -> None:
    put = urllib.request.Request(f"{address(s3_url)}/only-here", data=b"x", method="PUT")
    with urllib.request.urlopen(put, timeout=5):
        pass
    assert b"<Key>only-here</Key>" in names(s3_url)
    other = s3_server.create_bucket("another-bucket")
    assert b"<Key>" not in names(other)


def test_shared_s3_refuses_to_be_paused(s3_server: Server) -> None:
    with pytest.raises(RuntimeError, match="own_s3"):
        s3_server.pause()


def test_own_s3_is_away_and_comes_back(own_s3: Server) -> None:
    url = own_s3.create_bucket("own")
    own_s3.crash()
    with pytest.raises(URLError):
        names(url)
    own_s3.start()
    own_s3.create_bucket("own")
    assert b"<Key>" not in names(url)
