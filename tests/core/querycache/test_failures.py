"""Redis failing in every way it can, for real: rows stay right, it costs next to nothing, and all is well after."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis
from flask import Flask
from sqlalchemy import update

from app.changes.tracking import KNOWINGLY
from app.core.querycache.backends import PREFIX
from app.core.querycache.store import Store
from app.extensions import db
from app.people.department import Department
from tests.core.querycache.stores import NAME, asked, lines, outcome, store_of, turn, unhurried, using
from tests.services.process import free_port
from tests.services.proxy import Proxy
from tests.services.sentinels import Sentinels
from tests.services.server import Server
from tests.threads import at_once

DOWN = "the query cache is out of use, pages ask the database: "
IN_TIME = "it does not answer in time"
UP = "the query cache is in use again"
REQUEST_SECONDS = 0.1
"""Five times what a request may lose, for machines that are busy; redis-py's own habits cost seconds."""
WAIT_SECONDS = 20
pytestmark = [pytest.mark.usefixtures("sample"), pytest.mark.once]


@dataclass
class Place:
    """A Redis server for one test, and the proxy on the way to it."""

    server: Server
    proxy: Proxy

    @property
    def url(self) -> str:
        return self.server.admin_url("1")

    @property
    def detour(self) -> str:
        """The URL by way of the proxy."""
        return self.server.admin_url("1", port=self.proxy.port)

    def tell(self, *command: object) -> object:
        """Run a command on the server, past the proxy."""
        with redis.Redis.from_url(self.server.admin_url("1")) as client:
            return client.execute_command(*command)


@pytest.fixture
def place(own_server: Callable[..., Server]) -> Iterator[Place]:
    server = own_server("Redis", "enable-debug-command yes\n")
    with Proxy(server.port) as proxy:
        yield Place(server, proxy)


@pytest.fixture
def store(app: Flask, place: Place) -> Iterator[Store]:
    with using(app, place.url) as found:
        yield found


@pytest.fixture
def patience() -> Iterator[None]:
    """Wait for a busy machine."""
    with unhurried():
        yield


def rename(app: Flask, name: str) -> None:
    """Change what everybody asks for."""
    with app.app_context(), db.engine.begin() as connection:
        connection = connection.execution_options(**{KNOWINGLY: True})
        connection.execute(update(Department).where(Department.name.like("Plat%")).values(name=name))


def paused(place: Place) -> None:
    place.server.pause()


def full(place: Place) -> None:
    place.tell("CONFIG", "SET", "maxmemory", 1)


def demoted(place: Place) -> None:
    place.tell("REPLICAOF", "127.0.0.1", free_port())


def locked(place: Place) -> None:
    with redis.Redis.from_url(place.server.admin_url()) as client:
        client.execute_command("CONFIG", "SET", "requirepass", "another")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def unlocked(place: Place) -> None:
    with redis.Redis(port=place.server.port, password="another") as client:
        client.execute_command("CONFIG", "SET", "requirepass", place.server.password)


def barred(place: Place) -> None:
    place.tell("ACL", "SETUSER", "default", "-get")


TROUBLES: dict[str, tuple[Callable[[Place], object], Callable[[Place], object], str]] = {
    "dead": (lambda at: at.server.crash(), lambda at: at.server.start(), "it can’t be reached"),
    "port closed": (lambda at: at.proxy.refuse(), lambda at: at.proxy.restore(), "it can’t be reached"),
    "black hole": (lambda at: at.proxy.black_hole(), lambda at: at.proxy.restore(), IN_TIME),
    "frozen": (paused, lambda at: at.server.resume(), IN_TIME),
    "slow": (lambda at: at.proxy.slow_down(0.015), lambda at: at.proxy.restore(), "it answers too slowly"),
    "slower": (lambda at: at.proxy.slow_down(0.03), lambda at: at.proxy.restore(), IN_TIME),
    "full": (full, lambda at: at.tell("CONFIG", "SET", "maxmemory", 0), "its memory is full"),
    "replica": (demoted, lambda at: at.tell("REPLICAOF", "NO", "ONE"), "it is a replica that takes no values"),
    "other password": (locked, unlocked, "it refuses the password"),
    "rights": (barred, lambda at: at.tell("ACL", "SETUSER", "default", "+get"), "it refuses what it is asked"),
    "cut answer": (lambda at: at.proxy.cut_short(20), lambda at: None, "it can’t be reached"),
}


BY_PROXY = {"port closed", "black hole", "slow", "slower", "cut answer"}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_costs_a_moment_and_ends_by_itself(
    app: Flask, place: Place, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    breaks, mends, words = TROUBLES[name]
    with using(app, place.detour if name in BY_PROXY else place.url) as store:
        with unhurried():
            assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
        breaks(place)
        began = time.perf_counter()
        for number in range(5):
            if number in (1, 2):  # the first asks for what is there, the next ones for what has to be kept
                rename(app, f"Platform {number}")
            asked(app)
        assert time.perf_counter() - began < 5 * REQUEST_SECONDS
        assert store.trouble
        assert store.trouble.reason in (words, IN_TIME if name == "slow" else words)  # as it is for a busy machine
        words = store.trouble.reason
        assert outcome(app) == "away"
        assert lines(caplog) == [DOWN + words]

        if name != "cut answer":  # which is over at once
            turn(app, 100)
            assert store.trouble
            mends(place)
        with unhurried():
            turn(app, 110)
            assert store.trouble is None
            assert lines(caplog) == [DOWN + words, UP]
            rename(app, "Platform at last")
            assert [outcome(app) for _ in range(3)] == ["miss", "hit", "hit"]


@pytest.mark.parametrize("name", ["dead", "frozen", "black hole", "slow"])
def test_first_request_of_a_process_may_be_the_one_that_finds_out(
    app: Flask, place: Place, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    breaks, mends, _ = TROUBLES[name]
    breaks(place)
    with using(app, place.detour if name in BY_PROXY else place.url) as store:
        began = time.perf_counter()
        assert outcome(app) == "away"
        assert time.perf_counter() - began < REQUEST_SECONDS
        assert [outcome(app) for _ in range(3)] == ["away"] * 3
        mends(place)
        with unhurried():
            turn(app, 100)
            assert store.trouble is None
            assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
    assert len(lines(caplog)) == 2


def test_many_threads_that_find_it_silent_log_one_line(
    app: Flask, place: Place, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with unhurried():
        at_once(app, *[lambda: asked(app)] * 8)
    place.server.pause()
    at_once(app, *[lambda: asked(app)] * 8)
    assert lines(caplog) == [DOWN + IN_TIME]
    place.server.crash()  # so all their connections are dead
    place.server.start()
    with unhurried():
        turn(app, 100)
        at_once(app, *[lambda: asked(app)] * 8)
    assert lines(caplog)[1:] == [UP]
    assert store.trouble is None


def test_server_that_reads_its_file_is_left_alone(
    app: Flask, place: Place, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        place.tell("SET", f"ballast {number}", os.urandom(1100))
    place.tell("CONFIG", "SET", "loading-process-events-interval-bytes", 1024)
    place.tell("CONFIG", "SET", "key-load-delay", 5_000)
    reload = threading.Thread(target=lambda: place.tell("DEBUG", "RELOAD"))
    reload.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while store.trouble is None:
        assert time.monotonic() < deadline
        rename(app, f"Platform {time.monotonic()}")
        asked(app)
    assert lines(caplog)[0].startswith(DOWN)
    with unhurried():
        turn(app, 100)
    assert store.trouble
    assert store.trouble.reason == "it is still reading its file"
    reload.join()
    with unhurried():
        turn(app, 110)
    assert lines(caplog)[1:] == [UP]


@pytest.mark.usefixtures("patience")
def test_flush_costs_misses_only(app: Flask, place: Place, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
    place.tell("FLUSHALL")
    assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
    assert (store.trouble, lines(caplog)) == (None, [])


@pytest.mark.usefixtures("patience")
def test_old_file_brings_nothing_old_back(
    app: Flask, place: Place, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    before = asked(app)
    place.tell("SAVE")
    rename(app, "Platform, renamed")
    after = asked(app)
    assert after != before
    place.server.crash()
    asked(app)
    place.server.start()
    turn(app, 100)
    assert place.tell("DBSIZE") == 2  # what was kept before the change, and the probe
    assert asked(app) == after
    rename(app, "Platform")
    assert asked(app) == before
    assert store.trouble is None
    assert len(lines(caplog)) == 2


def keys(place: Place) -> set[bytes]:
    """Return the keys of the values kept."""
    found: list[bytes] = place.tell("KEYS", f"{PREFIX}*")  # type: ignore[assignment]
    return {key for key in found if b"probe" not in key}


def spoiled(value: bytes) -> list[bytes]:
    """Return what could stand in the place of a value."""
    other = bytes([value[20] ^ 1])
    return [b"", b"rubbish", value[:-1], value + b" ", value[:20] + other + value[21:], b"\x80\x04N.", b"\xff" * 100]


@pytest.mark.usefixtures("patience")
def test_rubbish_in_the_place_of_a_value_is_replaced(
    app: Flask, place: Place, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    right = asked(app)
    (key,) = keys(place)
    value = place.tell("GET", key)
    assert isinstance(value, bytes)
    for rubbish in spoiled(value):
        place.tell("SET", key, rubbish)
        assert [outcome(app), outcome(app)] == ["miss", "hit"]
    place.tell("DEL", key)
    place.tell("RPUSH", key, "a list")
    assert [outcome(app), outcome(app)] == ["miss", "hit"]
    assert asked(app) == right
    assert (store.trouble, lines(caplog)) == (None, [])


@pytest.mark.usefixtures("patience")
def test_value_of_another_key_is_no_value_of_this_one(app: Flask, place: Place, store: Store) -> None:
    asked(app)
    (old,) = keys(place)
    rename(app, "Platform, renamed")
    asked(app)
    (new,) = keys(place) - {old}
    place.tell("COPY", old, new, "REPLACE")
    assert outcome(app) == "miss"


@pytest.mark.usefixtures("patience")
def test_failover_costs_misses_only(app: Flask, sentinels: Sentinels, caplog: pytest.LogCaptureFixture) -> None:
    with using(app, sentinels.url) as store:
        assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
        sentinels.master().crash()
        assert outcome(app) == "away"
        rename(app, "Platform, renamed")
        deadline, at = time.monotonic() + WAIT_SECONDS, 100.0
        while store.trouble:
            assert time.monotonic() < deadline
            asked(app)
            time.sleep(0.05)
            turn(app, at := at + 10)
        assert [outcome(app) for _ in range(2)] == ["miss", "hit"]
    assert lines(caplog) == [DOWN + "it can’t be reached", UP]


@pytest.mark.slow
@pytest.mark.usefixtures("patience")
def test_demoted_master_is_left_for_the_new_one(
    app: Flask, sentinels: Sentinels, caplog: pytest.LogCaptureFixture
) -> None:
    with using(app, sentinels.url):
        asked(app)
        old = sentinels.master()
        with redis.Redis.from_url(sentinels.sentinels[0].admin_url()) as client:
            client.sentinel_failover("watched")
        deadline, at = time.monotonic() + WAIT_SECONDS, 100.0
        while (new := sentinels.master()) is old:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with redis.Redis.from_url(new.admin_url()) as client:
            client.flushall()
            while client.keys(f"{PREFIX}*") in ([], [f"{PREFIX}probe".encode()]):
                assert time.monotonic() < deadline
                rename(app, f"Platform {at}")
                asked(app)
                turn(app, at := at + 10)
        assert [outcome(app) for _ in range(2)] == ["hit", "hit"]
    # None where the old one had closed the connection before it was asked again: then another is made, to the new one.
    assert len(lines(caplog)) in (0, 2)


@pytest.mark.usefixtures("patience")
def test_store_that_is_well_takes_no_time_worth_telling(app: Flask, redis_url: str) -> None:
    with using(app, redis_url):
        assert [outcome(app) for _ in range(5)] == ["miss", "hit", "hit", "hit", "hit"]
        assert set(app.extensions["querycache"].uses.totals()) == {NAME}
    assert store_of(redis_url).get("nothing") is None
