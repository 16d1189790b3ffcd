"""What a store in trouble costs pages: their times beside those of an application without a cache, taking turns.

Both serve the same people from one database. The Redis of the one is refused, silenced and slowed down by a proxy, and
told to be full, a replica, or to want another password; between any two pages somebody else's edits move the tokens.
The promise is that 95 of 100 pages take at most 20 ms longer: make bench TROUBLE_SECONDS=30 looks for longer.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import redis  # noqa: E402

from bench.cache import PAGES  # noqa: E402
from tests.commands.serving import Started  # noqa: E402
from tests.commands.test_killed import SIGNED_IN, Visitor  # noqa: E402
from tests.services.engines import launch  # noqa: E402
from tests.services.process import free_port  # noqa: E402
from tests.services.programs import is_installed  # noqa: E402
from tests.services.proxy import Proxy  # noqa: E402

SECONDS = float(os.environ.get("TROUBLE_SECONDS", "10"))
PEOPLE = int(os.environ.get("PEOPLE", "5000"))
PROMISED_MS = 20
SLOW_SECONDS = 0.015
PATIENCE_SECONDS = 30
ROUNDS_BEFORE = 3
GROUPS = ("departments", "employees", "roles")
MOVED = "INSERT INTO cache_versions (name, high, low) VALUES (?, 1, 1)"
OUT, BACK = "the query cache is out of use", "the query cache is in use again"
Trouble = Callable[[], object]


def main() -> None:
    """Serve twice, and print a line for each kind of trouble."""
    if not is_installed("Redis"):
        print("Redis is not installed here, so it can't be in trouble.")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        server = launch("Redis", folder)
        stack.callback(server.stop)
        proxy = stack.enter_context(Proxy(server.port))
        database = folder / "bench.sqlite3"
        url = f"redis://:{server.password}@127.0.0.1:{proxy.port}/0"
        ours = stack.enter_context(served(folder / "ours", database, "run", url))
        beside = stack.enter_context(served(folder / "beside", database, "bench.uncached", ""))
        admin = stack.enter_context(redis.Redis.from_url(server.admin_url()))
        visitors = Visitor(beside), Visitor(ours)
        looked_at(visitors, database, ROUNDS_BEFORE)  # the first pages of a fresh process take longer
        print(f"{PEOPLE:,} people; pages of all kinds with the store in trouble, beside those without a cache, in ms")
        print(f"{'store':<16}{'pages':>7}{'median':>9}{'beside':>9}{'95 %':>9}{'beside':>9}{'more':>8}", end="")
        print(f"{'longest':>10}{'beside':>9}{'log lines':>11}")
        for kind, (begin, end) in troubles(proxy, admin, server.password).items():
            begin()
            said = len(ours.err)
            times = looked_at(visitors, database, None)
            lines = sum(OUT in told for told in ours.err[said:])
            end()
            wait_until_back(ours)
            print(f"{kind:<16}{line(*times)}{lines:>11}", flush=True)


@contextmanager
def served(instance: Path, database: Path, app: str, redis_url: str) -> Iterator[Started]:
    """Give a serving application on this database, which the first makes."""
    settings = {"INSTANCE_PATH": instance, "DATABASE_URL": f"sqlite:///{database}", "DEMO": PEOPLE, **SIGNED_IN}
    server = Started(app=app, REDIS_URL=redis_url, **settings)
    try:
        server.welcome()
        yield server
    finally:
        server.close()


def troubles(proxy: Proxy, admin: redis.Redis, password: str) -> dict[str, tuple[Trouble, Trouble]]:
    """Return how each kind of trouble begins, and how it ends; by our own connection, which is in none."""

    def nothing() -> None:
        """Have no trouble, to see what the cache is worth here."""

    def lock_out(wanted: str) -> None:
        admin.config_set("requirepass", wanted)
        proxy.cut()  # who is signed in stays so

    return {
        "well": (nothing, nothing),
        "dead": (proxy.refuse, proxy.restore),
        "silent": (proxy.black_hole, proxy.restore),
        "slow, 15 ms": (lambda: proxy.slow_down(SLOW_SECONDS), proxy.restore),
        "full": (lambda: admin.config_set("maxmemory", "1"), lambda: admin.config_set("maxmemory", "0")),
        "a replica": (lambda: admin.replicaof("127.0.0.1", free_port()), lambda: admin.replicaof("NO", "ONE")),
        "other password": (lambda: lock_out("another"), lambda: lock_out(password)),
    }


def looked_at(
    visitors: tuple[Visitor, Visitor], database: Path, rounds: int | None
) -> tuple[list[float], list[float], int]:
    """Look at all pages by turns here and there, for some rounds or `SECONDS`; return the seconds of each, in both."""
    times: tuple[list[float], list[float]] = ([], [])
    until, done = time.monotonic() + SECONDS, 0
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    while done < rounds if rounds else time.monotonic() < until:
        for number, url in enumerate(PAGES.values()):
            for which in (0, 1) if (done + number) % 2 else (1, 0):
                start = time.perf_counter()
                visitors[which].get(url)
                times[which].append(time.perf_counter() - start)
        done += 1
        if done % 2:  # so that each page is found every other time
            connection.executemany(MOVED, [(name,) for name in GROUPS])
    connection.close()
    return *times, len(times[0])


def line(beside: list[float], ours: list[float], pages: int) -> str:
    """Return number, median, 95th percentile with what it is more, and the longest."""
    middle, least = statistics.median(ours) * 1000, statistics.median(beside) * 1000
    late, theirs = (statistics.quantiles(values, n=20)[-1] * 1000 for values in (ours, beside))
    promised = "" if late - theirs <= PROMISED_MS else "!"
    columns = f"{pages:>7}{middle:9.1f}{least:9.1f}{late:9.1f}{theirs:9.1f}{late - theirs:+7.1f}{promised or ' '}"
    return f"{columns}{max(ours) * 1000:10.1f}{max(beside) * 1000:9.1f}"


def wait_until_back(server: Started) -> None:
    """Wait until the cache is in use again, where it was not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(OUT in told for told in server.err) > sum(BACK in told for told in server.err):
        if time.monotonic() > deadline:
            raise SystemExit("the query cache did not come back:\n" + "".join(server.err[-20:]))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
