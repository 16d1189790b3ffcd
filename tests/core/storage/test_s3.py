"""What is special about a store in a bucket: what it says when something is wrong, how long it waits, what it sends."""

from __future__ import annotations

import logging
import os
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.core.problems import Passing, Problem
from app.core.storage import Missing, Storage, StorageAway, StorageRefused, make_store
from config import load_config
from tests.core.storage.answering import Answer, answering, refusal
from tests.core.storage.streams import MEGABYTE, Broken, get, put
from tests.services.process import free_port
from tests.services.server import Server

HERE = Path("/base")
SECRET = "S3cret"


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the keys that this machine may have."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def problem_of(store: Storage) -> Problem:
    """Return the problem that each use of a store runs into; all have to say the same."""
    found = []
    for use in (lambda: put(store, "a"), lambda: get(store, "a"), lambda: list(store.names()), store.check):
        with pytest.raises(Problem) as caught:
            use()
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
        found.append(caught.value)
    assert {(type(problem), str(problem)) for problem in found} == {(type(found[0]), str(found[0]))}
    return found[0]


def ask(url: str) -> Problem:
    return problem_of(make_store(url, HERE))


def problem_of_putting(answer: Answer) -> Problem:
    """Return what one use of a store runs into."""
    with pytest.raises(Problem) as caught:
        put(make_store(answer.url(), HERE), "a")
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    return caught.value


def test_bucket_without_a_prefix_is_used_from_its_top(s3_url: str) -> None:
    store = make_store(s3_url, HERE)
    put(store, "a/b")
    assert list(store.names()) == ["a/b"]
    below = make_store(s3_url.replace("?", "/a?"), HERE)
    assert list(below.names()) == ["b"]
    assert get(below, "b") == b"content"


def test_what_is_not_ours_is_not_listed(s3_url: str) -> None:
    whole, ours = make_store(s3_url, HERE), make_store(s3_url.replace("?", "/ours?"), HERE)
    for name in ("our", "ours/kept", "ours-not", "ours2/x"):
        put(whole, name)
    endpoint = s3_url.partition("endpoint_url=")[2].partition("&")[0]
    bucket = s3_url.partition("@")[2].partition("?")[0]
    for name in ("ours/", "ours/folder/"):  # as consoles make them for each folder
        request = urllib.request.Request(f"{endpoint}/{bucket}/{name}", data=b"", method="PUT")
        with urllib.request.urlopen(request, timeout=5):
            pass
    assert list(ours.names()) == ["kept"]


def test_upload_that_breaks_off_leaves_no_parts(s3_url: str) -> None:
    store: Any = make_store(s3_url, HERE)
    with pytest.raises(OSError, match="the sender is gone"):
        store.put("a/large", Broken(6 * MEGABYTE))
    bucket = s3_url.partition("@")[2].partition("?")[0]
    assert store._client().list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_store_works_on_both_sides_of_a_fork(s3_url: str) -> None:
    store = make_store(s3_url, HERE)
    put(store, "a", b"before")
    child = os.fork()
    if child == 0:
        is_good = False
        try:
            is_good = get(store, "a") == b"before"
            put(store, "b", b"by the child")
            is_good &= len(vars(store)["_clients"]) == 2  # connections of its own
        finally:
            os._exit(0 if is_good else 1)
    assert get(store, "a") == b"before"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert get(store, "b") == b"by the child"
    assert len(vars(store)["_clients"]) == 1


def test_bucket_that_is_not_there_is_told(s3_server: Server) -> None:
    problem = ask(s3_server.admin_url("nowhere"))
    assert isinstance(problem, StorageRefused)
    assert str(problem).startswith("There is no bucket “nowhere” at s3://nowhere (127.0.0.1:")
    assert str(problem).endswith("make it, or name another in STORAGE_URL.")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "InvalidAccessKeyId", "does not accept the keys (InvalidAccessKeyId): check those in STORAGE_URL"),
        (403, "SignatureDoesNotMatch", "does not accept the keys (SignatureDoesNotMatch)"),
        (400, "ExpiredToken", "does not accept the keys (ExpiredToken)"),
        (401, "Whatever", "does not accept the keys (Whatever)"),
        (403, "AccessDenied", "does not let us do this (AccessDenied): allow the keys to list, read, write and delete"),
        (403, "AllAccessDisabled", "does not let us do this (AllAccessDisabled)"),
        (403, "RequestTimeTooSkewed", "finds that this machine’s clock is wrong"),
        (400, "AuthorizationHeaderMalformed", "is in another region: name it in STORAGE_URL as region="),
        (400, "IllegalLocationConstraintException", "is in another region"),
        (400, "InvalidBucketName", "There is no bucket “bucket” at s3://bucket/our"),
        (400, "SomethingNew", "refuses us with SomethingNew: check STORAGE_URL."),
        (400, "<b>odd\nwords</b>", "refuses us with 400"),
    ],
)
def test_refusal_says_what_to_set(status: int, code: str, words: str) -> None:
    with answering(refusal(status, code)) as answer:
        problem = problem_of_putting(answer)
    assert isinstance(problem, StorageRefused)
    assert words in str(problem)
    assert f"s3://bucket/our (127.0.0.1:{answer.port})" in str(problem)
    assert len([line for line in answer.asked if line.startswith("PUT")]) == 1


@pytest.mark.parametrize(("status", "code"), [(403, "InvalidAccessKeyId"), (403, "AccessDenied"), (503, "SlowDown")])
def test_each_use_says_the_same(status: int, code: str) -> None:
    with answering(refusal(status, code)) as answer:
        assert code in str(ask(answer.url()))


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalError"), (503, "SlowDown"), (503, "ServiceUnavailable"), (507, "XMinioStorageFull")],
)
def test_server_in_trouble_passes_and_is_asked_once_more_at_most(status: int, code: str) -> None:
    with answering(refusal(status, code)) as answer:
        problem = problem_of_putting(answer)
    assert isinstance(problem, StorageAway)
    assert isinstance(problem, Passing)
    assert str(problem) == f"s3://bucket/our (127.0.0.1:{answer.port}) is in trouble and answers {code}."
    assert 1 <= len(answer.asked) <= 2


def test_missing_object_is_not_taken_for_a_missing_bucket() -> None:
    with answering(refusal(404, "NoSuchKey")) as answer, pytest.raises(Missing):
        get(make_store(answer.url(), HERE), "a")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404, b"<html><body>Not here</body>"), "There is no bucket"),
        (Answer(405, b"What do you mean?"), "refuses us with 405"),
        (Answer(200), "does not give back what is put into it"),
    ],
)
def test_address_of_something_else_is_refused(answer: Answer, words: str) -> None:
    with answering(answer), pytest.raises(StorageRefused) as caught:
        make_store(answer.url(), HERE).check()
    assert words in str(caught.value)


def test_page_instead_of_an_answer_is_told() -> None:
    with answering(Answer(200, b"<html><body>Welcome!")) as answer:
        store = make_store(answer.url(), HERE)
        for use in (store.check, lambda: list(store.names())):
            with pytest.raises(StorageAway, match="is in trouble and answers 500"):
                use()


def test_object_that_is_cut_short_is_no_object() -> None:
    with answering(Answer(200, b"half", length=8)) as answer:
        store = make_store(answer.url(), HERE)
        with pytest.raises(StorageAway), store.open("a") as stream:
            stream.read()


def test_port_that_nobody_listens_on_is_told() -> None:
    problem = ask(f"s3://ana:{SECRET}@bucket?endpoint_url=http://127.0.0.1:{free_port()}&region=eu-north-1")
    assert isinstance(problem, StorageAway)
    assert "can’t be reached at the moment: is it running, and is endpoint_url" in str(problem)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port where connections are made and nothing is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.slow
def test_server_that_never_answers_costs_the_time_outs(silent_port: int) -> None:
    url = f"s3://ana:{SECRET}@bucket?endpoint_url=http://127.0.0.1:{silent_port}&connect_timeout=1&read_timeout=0.2"
    store = make_store(url, HERE)
    for use in (lambda: put(store, "a"), lambda: get(store, "a"), lambda: list(store.names())):
        began = time.monotonic()
        with pytest.raises(StorageAway, match="does not answer in time"):
            use()
        assert time.monotonic() - began < 8  # two tries, a pause between them, and a busy machine


def test_server_that_falls_silent_amid_an_object_costs_the_time_out(own_s3: Server) -> None:
    store = make_store(f"{own_s3.create_bucket('own')}&read_timeout=2", HERE)
    put(store, "large", bytes(24 * MEGABYTE))  # more than the system holds on the way
    with store.open("large") as stream:
        assert stream.read(1) == b"\0"
        own_s3.pause()
        with pytest.raises(StorageAway, match="does not answer in time"):
            stream.read()
    own_s3.resume()
    assert len(get(store, "large")) == 24 * MEGABYTE


@pytest.mark.usefixtures("no_keys")
def test_store_without_keys_says_where_they_go() -> None:
    with answering(Answer(200)) as answer:
        problem = ask(answer.url(account=""))
    assert isinstance(problem, StorageRefused)
    assert "write them into STORAGE_URL as s3://KEY:SECRET@bucket, or set AWS_ACCESS_KEY_ID" in str(problem)
    assert answer.asked == []


@pytest.mark.usefixtures("no_keys")
def test_keys_and_region_of_the_surroundings_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-outside")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-2")
    with answering(Answer(200)) as answer:
        url = answer.url(account="").replace("&region=eu-north-1", "")
        put(make_store(url, HERE), "a")
    assert "Credential=from-outside/" in answer.headers[0]["authorization"]
    assert "/ap-south-2/s3/" in answer.headers[0]["authorization"]


def test_keys_and_region_of_the_url_are_used_and_nothing_is_sent_that_others_don_t_know() -> None:
    with answering(Answer(200)) as answer:
        store: Any = make_store(answer.url(account="an%2Fa:S3%2Fcr%40et%2B@"), HERE)
        put(store, "20261121/a b.json")
    assert answer.asked == ["PUT /bucket/our/20261121/a%20b.json"]
    assert "Credential=an/a/" in answer.headers[0]["authorization"]
    assert "/eu-north-1/s3/" in answer.headers[0]["authorization"]
    assert store._place.secret == "S3/cr@et+"
    assert "expect" not in answer.headers[0]
    assert [name for name in answer.headers[0] if "checksum" in name or "trailer" in name] == []
    assert "chunked" not in answer.headers[0].get("content-encoding", "")


def test_secret_is_shown_and_logged_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(refusal(403, "SignatureDoesNotMatch")) as answer:
        store: Any = make_store(answer.url(), HERE)
        with pytest.raises(StorageRefused):
            put(store, "a")
    assert store.where == f"s3://bucket/our (127.0.0.1:{answer.port})"
    shown = f"{store!r} {vars(store)!r} {caplog.text}"
    assert SECRET not in shown
    assert "botocore" not in caplog.text


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3:bucket", "names no bucket"),
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://buck et/prefix", "names no bucket"),
        ("s3://ana:S3cret/x@bucket", "write “/” as %2F"),
        ("s3://ana:S3cret?x@bucket", "write “/” as %2F"),
        ("s3://ana:S3cret#x@bucket", "write “/” as %2F"),
        ("s3://ana:S3@cret@bucket", "“@” as %40"),
        ("s3://ana:S3[cret@bucket", "is no URL that can be read"),
        ("s3://ana@bucket", "holds a key without a secret"),
        ("s3://:S3cret@bucket", "holds a key without a secret"),
        ("s3://bucket/../x", "names a prefix that can't be used"),
        ("s3://bucket/a//b", "names a prefix that can't be used"),
        (f"s3://bucket/{'a' * 101}", "names a prefix that can't be used"),
        ("s3://bucket?endpoint=http://here", "something unknown after the “?”"),
        ("s3://bucket?endpoint_url=here:9000", "names an endpoint_url that is none"),
        ("s3://bucket?endpoint_url=http://", "names an endpoint_url that is none"),
        ("s3://bucket?endpoint_url=http://ana:S3cret@here", "names an endpoint_url that is none"),
        ("s3://bucket?endpoint_url=http://here:port", "names an endpoint_url that is none"),
        ("s3://bucket?connect_timeout=soon", "holds a connect_timeout that is no number of seconds"),
        ("s3://bucket?read_timeout=0", "holds a read_timeout that is no number of seconds"),
    ],
)
def test_url_of_no_bucket_is_refused_without_its_secret(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        make_store(url, HERE)
    assert "cret" not in str(caught.value).replace("without a secret", "")
    assert caught.value.__cause__ is None


def test_url_that_can_not_be_used_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'x'}", "INSTANCE_PATH": str(tmp_path)}
    with pytest.raises(SystemExit) as caught:
        create_app(load_config("testing", environ={}, STORAGE_URL="s3://ana@bucket", **settings))
    assert caught.value.code == ("STORAGE_URL holds a key without a secret: write s3://KEY:SECRET@bucket/prefix.")
