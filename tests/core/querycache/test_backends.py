"""Where values are kept, and the way there: real servers, and memory with a limit."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from app.core.querycache import backends
from app.core.querycache.backends import OVERHEAD_BYTES, PREFIX, Memory
from app.core.querycache.client import client_of, patient, place_of
from app.core.querycache.store import STRIKES, Away, Store
from tests.core.querycache.stores import store_of, unhurried
from tests.services.certificates import write_certificate
from tests.services.process import free_port
from tests.services.sentinels import Sentinels
from tests.services.server import Server


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Wait for a busy machine."""
    with unhurried():
        yield


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as found:
        yield found


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    found = store_of(redis_url)
    yield found
    found.backend.reconnect()


def calls(client: redis.Redis) -> dict[str, int]:
    """Return how often the server was asked each command."""
    found: dict[str, Any] = client.info("commandstats")  # type: ignore[assignment]
    return {name.removeprefix("cmdstat_"): told["calls"] for name, told in found.items() if name != "cmdstat_info"}


@pytest.mark.parametrize(
    ("url", "hosts", "account", "path"),
    [
        ("redis://h", [("h", 6379)], (None, None), ()),
        ("redis://:p%40%2F%3A@h:1/2", [("h", 1)], (None, "p@/:"), ("2",)),
        ("rediss://ana:p@[::1]/2?ssl_cert_reqs=none", [("::1", 6379)], ("ana", "p"), ("2",)),
        ("redis+sentinel://h", [("h", 26379)], (None, None), ()),
        (
            "redis+sentinel://ana:p@q@a:1,[fe80::2]:3,[::1],d/mine/4?sentinel_password=s",
            [("a", 1), ("fe80::2", 3), ("::1", 26379), ("d", 26379)],
            ("ana", "p@q"),
            ("mine", "4"),
        ),
    ],
)
def test_url_says_where_and_who(url: str, hosts: object, account: object, path: object) -> None:
    place = place_of(url)
    assert (list(place.hosts), (place.username, place.password), place.path) == (hosts, account, path)


def test_place_does_not_show_its_secrets() -> None:
    url = "redis+sentinel://ana:S3cret@h/mine/0?sentinel_password=S3cret"
    assert "S3cret" not in repr(place_of(url)) + repr(client_of(url)) + repr(client_of(url).connection_pool)


def test_name_of_the_master_and_number_of_the_database_may_be_left_out() -> None:
    found = [client_of(f"redis+sentinel://h{path}").connection_pool for path in ("", "/", "/mine", "/mine/3")]
    assert [pool.service_name for pool in found] == ["mymaster", "mymaster", "mine", "mine"]
    assert [pool.connection_kwargs["db"] for pool in found] == [0, 0, 0, 3]


def test_no_question_is_asked_but_ours(own_redis: Server) -> None:
    store = store_of(own_redis.admin_url("3"))
    with redis.Redis.from_url(own_redis.admin_url(), protocol=2, driver_info=None) as client:
        client.config_resetstat()
        store.put("k", b"v")
        assert store.get("k") == b"v"
        assert store.claim("c", 5)
        asked = calls(client)
    assert {name: count for name, count in asked.items() if "config" not in name} == {
        "auth": 1,
        "select": 1,
        "set": 2,
        "get": 1,
    }
    store.backend.reconnect()


def test_values_and_claims_have_an_end_and_our_prefix(store: Store, client: redis.Redis) -> None:
    store.put("k", b"v")
    assert [store.claim("c", 5), store.claim("c", 5)] == [True, False]
    assert sorted(client.keys()) == [f"{PREFIX}c".encode(), f"{PREFIX}k".encode()]
    assert 0 < client.ttl(f"{PREFIX}c") <= 5
    assert 800 < client.ttl(f"{PREFIX}k") < 1000


def test_what_others_put_there_is_nothing(store: Store, client: redis.Redis) -> None:
    client.rpush(f"{PREFIX}k", "a list")
    assert store.get("k") is None
    store.put("k", b"v")
    assert store.get("k") == b"v"


def test_eight_threads_have_a_connection_each(own_redis: Server) -> None:
    store = store_of(own_redis.admin_url())
    together = threading.Barrier(8)

    def work(number: int) -> set[bytes | None]:
        together.wait()
        for _ in range(30):
            store.put(f"k{number}", b"%d" % number)
        return {store.get(f"k{number}") for _ in range(30)}

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [{b"%d" % number} for number in range(8)]
    with redis.Redis.from_url(own_redis.admin_url()) as client:
        assert 2 <= len(client.client_list()) <= 9
    store.backend.reconnect()


def test_processes_after_a_fork_share_no_connection(store: Store, client: redis.Redis) -> None:
    store.put("k", b"parent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests' threads; the child touches nothing of theirs
        pid = os.fork()
    if pid == 0:
        wrong = 1
        try:
            for _ in range(200):
                store.put("child", b"child")
                assert store.get("child") == b"child"
            wrong = 0
        finally:
            os._exit(wrong)
    for _ in range(200):
        assert store.get("k") == b"parent"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert client.get(f"{PREFIX}child") == b"child"


@pytest.fixture
def tls(own_server: Callable[..., Server]) -> Iterator[tuple[str, Path]]:
    """Give the URL of a Redis server that speaks TLS, and its certificate."""
    with tempfile.TemporaryDirectory(prefix="rollcall-tests-") as folder:
        Path(folder).chmod(0o755)
        certificate, key = write_certificate(Path(folder))
        port = free_port()
        files = f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-auth-clients no\n"
        server = own_server("Redis", f"tls-port {port}\n{files}")
        yield f"rediss://:{server.password}@127.0.0.1:{port}/0", certificate


def test_tls_is_spoken_and_made_only_with_whom_we_trust(tls: tuple[str, Path]) -> None:
    url, certificate = tls
    store = store_of(f"{url}?ssl_ca_certs={certificate}")
    for number in range(3):
        store.put("k", b"%d" % number)
        assert store.get("k") == b"%d" % number
    assert store.trouble is None
    store.backend.reconnect()

    strangers = store_of(url)
    with pytest.raises(Away):
        strangers.get("k")
    assert strangers.trouble
    assert strangers.trouble.reason == "its certificate isn’t trusted, or it speaks no TLS"

    careless = store_of(f"{url}?ssl_cert_reqs=none")
    assert careless.get("k") == b"2"
    careless.backend.reconnect()


@pytest.mark.slow  # it waits for answers that never come
def test_tls_to_whoever_speaks_none_is_named(redis_server: Server, tls: tuple[str, Path]) -> None:
    store = store_of(f"rediss://:x@127.0.0.1:{redis_server.port}/0?ssl_ca_certs={tls[1]}")
    for _ in range(STRIKES):  # to the one it is an answer that makes no sense, to the other no answer
        with pytest.raises(Away):
            store.get("k")
    assert store.trouble


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_file_of_certificates_that_can_not_be_used_ends_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(SystemExit, match=r"^REDIS_URL names a file of certificates that can't be used: .+\.$"):
        store_of(f"rediss://:S3cret@h/0?ssl_ca_certs={path}")


def test_sentinels_name_the_master_and_only_it_is_asked(sentinels: Sentinels) -> None:
    master, replica = sentinels.servers
    store = store_of(sentinels.url)
    store.put("k", b"v")
    replica.stop()
    assert [store.get("k") for _ in range(4)] == [b"v"] * 4
    with redis.Redis.from_url(master.admin_url()) as client:
        assert calls(client)["get"] == 4

    sentinels.sentinels[0].stop()
    fresh = store_of(sentinels.url)
    assert [fresh.get("k") for _ in range(2)] == [b"v"] * 2
    assert fresh.trouble is None

    refused = store_of(sentinels.url.partition("?")[0])
    with pytest.raises(Away):
        refused.get("k")
    assert refused.trouble
    assert refused.trouble.reason == "no sentinel names a master"
    for one in (store, fresh, refused):
        one.backend.reconnect()


def test_silent_sentinel_costs_no_more_than_a_silent_server(sentinels: Sentinels) -> None:
    store = store_of(sentinels.url)
    sentinels.sentinels[0].pause()
    with patient(0.02):
        began = time.perf_counter()
        store.backend.set("k", b"v", timeout=9)
        first = time.perf_counter() - began
        assert store.backend.get("k") == b"v"
        assert 0.02 <= first < 0.2
    sentinels.sentinels[0].resume()
    store.backend.reconnect()


def test_server_that_speaks_something_else_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1000)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        store = store_of(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        with pytest.raises(Away):
            store.get("k")
        thread.join()
    assert store.trouble
    assert store.trouble.reason == "its answers make no sense"


class Time:
    """A clock that tests move."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_memory_forgets_what_was_used_least_recently() -> None:
    one = OVERHEAD_BYTES + 100
    memory = Memory(size=3 * one)
    for key in "abc":
        memory.set(key, b"x" * 100, timeout=60)
    assert memory.get("a")
    memory.set("d", b"x" * 100, timeout=60)
    assert [key for key in "abcd" if memory.get(key)] == ["a", "c", "d"]
    assert memory.bytes_used == 3 * one
    assert memory.bytes_allowed == 3 * one


def test_memory_takes_nothing_larger_than_itself() -> None:
    memory = Memory(size=1000)
    assert memory.set("a", b"small", timeout=60)
    assert not memory.set("b", b"x" * 1000, timeout=60)
    assert [memory.get("a"), memory.get("b")] == [b"small", None]
    assert memory.bytes_used == OVERHEAD_BYTES + 5


def test_memory_forgets_in_time_and_counts_only_what_is_left() -> None:
    clock = Time()
    memory = Memory(size=10_000, timer=clock)
    memory.set("short", b"x", timeout=10)
    memory.set("long", b"x", timeout=20)
    assert not memory.add("short", b"y", timeout=10)
    clock.now += 11
    assert [memory.get("short"), memory.get("long")] == [None, b"x"]
    assert memory.add("short", b"y", timeout=10)
    assert memory.get("short") == b"y"
    clock.now += 30
    memory.set("z", b"x", timeout=10)
    assert memory.bytes_used == OVERHEAD_BYTES + 1
    assert memory.delete("z")
    assert not memory.delete("z")


def test_memory_keeps_its_limit_and_one_claim_for_many_threads() -> None:
    memory = Memory(size=50 * (OVERHEAD_BYTES + 10))
    together = threading.Barrier(8)
    claims: list[bool] = []

    def work(number: int) -> None:
        together.wait()
        claims.append(memory.add("claim", b"1", timeout=60))
        together.wait()
        for turn in range(500):
            memory.set(f"{number}:{turn}", b"x" * 10, timeout=60)
            found = memory.get(f"{number}:{turn}")
            assert found in (None, b"x" * 10)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert sum(claims) == 1
    assert 0 < memory.bytes_used <= memory.bytes_allowed


def test_settings_choose_the_backend() -> None:
    kinds = {url: backends.settings(url)["CACHE_TYPE"].rpartition(".")[2] for url in ("", "redis://h", "rediss://h")}
    assert kinds == {"": "Memory", "redis://h": "Redis", "rediss://h": "Redis"}
    assert backends.settings("redis+sentinel://h")["CACHE_TYPE"].endswith(".Sentinel")
