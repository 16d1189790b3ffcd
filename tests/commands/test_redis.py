"""A serving process whose Redis isn't there, comes back, or is replaced by its sentinels in the middle of a load."""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browsing import filled
from tests.commands.serving import START, WAIT_SECONDS, Started
from tests.patience import wait_until
from tests.services.sentinels import Sentinels
from tests.services.server import Server

EMAIL, PASSWORD = "ana@example.org", "four Words for ana"
LIST = "/admin/departments/"
OUT_OF_USE, IN_USE = "the query cache is out of use", "the query cache is in use again"
# Another program has its own signs, and may be asked at the same time as ours.
SETTINGS: dict[str, Any] = {
    "ADMIN_EMAIL": EMAIL,
    "ADMIN_PASSWORD": PASSWORD,
    "SERVER_TIMING": 1,
    "CACHE_VERIFY": 1,
    "LOG_FORMAT": "json",
}


@dataclass
class Page:
    """What a page said, and whether it came from the cache: hit, miss or off."""

    url: str
    text: str
    cache: str


class Visitor:
    """Somebody signed in, who fails at anything but a page as it should be."""

    def __init__(self, started: Started) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self._address = f"http://127.0.0.1:{started.port}"
        assert self.submit("/login", email=EMAIL, password=PASSWORD).url.startswith(f"{self._address}/admin/")

    def get(self, path: str, data: bytes | None = None) -> Page:
        """Visit a page."""
        with self._opener.open(self._address + path, data, timeout=WAIT_SECONDS) as answer:
            said = re.search(r"cache;[^,]*desc=(\w+)", answer.headers["Server-Timing"])
            assert said
            return Page(answer.url, answer.read().decode(), said[1])

    def submit(self, path: str, **changes: str) -> Page:
        """Post a page's form with some fields changed."""
        form: Any = self.get(path)  # which has a text, as answers of Flask's client have
        return self.get(path, urllib.parse.urlencode(filled(form, **changes)).encode())


def logged(started: Started, words: str) -> int:
    return sum(words in line for line in started.err)


def test_redis_that_is_away_at_the_start_is_used_soon_after_it_is_there(
    start: START, own_server: Callable[..., Server]
) -> None:
    server = own_server("Redis")
    server.stop()
    started = start(REDIS_URL=server.admin_url(), **SETTINGS)
    started.welcome()
    ana = Visitor(started)
    ana.submit(f"{LIST}new/", name="Garden")
    for _ in range(3):
        page = ana.get(LIST)
        assert page.cache == "off"
        assert "Garden" in page.text
    assert [started.get(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    assert logged(started, OUT_OF_USE) == 1
    server.start()
    began = time.monotonic()
    wait_until(lambda: ana.get(LIST).cache == "hit", WAIT_SECONDS)
    assert time.monotonic() - began < 11  # by itself, with what a keeper waits at most
    assert "Garden" in ana.get(LIST).text
    assert logged(started, IN_USE) >= 1  # more often only on a machine so busy that Redis takes 20 ms
    assert logged(started, "differed") == 0
    assert server.password not in "".join(started.err)


class Load:
    """Threads that edit and read until they are told to stop; each edit has to show in all that is read after it."""

    THREADS = 4

    def __init__(self, started: Started) -> None:
        self.visitors = [Visitor(started) for _ in range(self.THREADS)]
        self.acknowledged = [0] * self.THREADS
        self.ids: list[str] = []
        self.stale: list[str] = []
        self.requests = 0
        self.slowest = 0.0
        self._stopping = threading.Event()
        for place, visitor in enumerate(self.visitors):
            page = visitor.submit(f"{LIST}new/", name=f"Load {place}-0")
            self.ids.append(re.findall(rf"Load {place}-0.*?\bid=(\d+)", visitor.get(LIST).text, re.S)[0])
            assert page.url

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Run all threads while something else is done; whatever one of them meets is raised here."""
        with ThreadPoolExecutor(self.THREADS) as threads:
            running = [threads.submit(self._work, place) for place in range(self.THREADS)]
            try:
                meanwhile()
            finally:
                self._stopping.set()
            for one in running:
                one.result()

    def _work(self, place: int) -> None:
        visitor, turn = self.visitors[place], 0
        while not self._stopping.is_set():
            turn += 1
            if turn % 4 == 1:
                number = self.acknowledged[place] + 1
                visitor.submit(f"{LIST}edit/?id={self.ids[place]}", name=f"Load {place}-{number}")
                self.acknowledged[place] = number
            wanted = list(self.acknowledged)
            began = time.monotonic()
            page = visitor.get(LIST)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.requests += 1
            shown = dict(re.findall(r"Load (\d)-(\d+)", page.text))
            late = [at for at, number in enumerate(wanted) if int(shown.get(str(at), -1)) < number]
            if late:
                self.stale.append(f"{late}: {shown} shown, {wanted} acknowledged")


@pytest.mark.slow
def test_failover_in_the_middle_of_a_load_reaches_no_client(start: START, sentinels: Sentinels) -> None:
    started = start(REDIS_URL=sentinels.url, **SETTINGS)
    started.welcome()
    load = Load(started)
    wait_until(lambda: load.visitors[0].get(LIST).cache == "hit", WAIT_SECONDS)
    old = sentinels.master()

    def fail_over() -> None:
        time.sleep(0.5)
        old.crash()
        wait_until(lambda: sentinels.master() is not old, WAIT_SECONDS)
        wait_until(lambda: logged(started, IN_USE) > 0, WAIT_SECONDS)

    load.run(fail_over)
    assert load.stale == []
    assert min(load.acknowledged) > 0
    assert load.requests > 20
    wait_until(lambda: load.visitors[0].get(LIST).cache == "hit", WAIT_SECONDS)
    assert logged(started, "differed") == 0
    assert logged(started, OUT_OF_USE) >= 1
    assert sum('"level": "error"' in line for line in started.err) == 0
