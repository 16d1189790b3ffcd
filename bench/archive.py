"""What a dead object store costs requests: edits and pages before, while it is away, and while it catches up.

Two applications are served side by side and asked by turns; the S3 server of one is silenced, refused and given back by
a proxy, that of the other stays. In the end everything has to have arrived: make bench DEAD_SECONDS=300.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.commands.serving import Started  # noqa: E402
from tests.commands.test_killed import SIGNED_IN, Visitor  # noqa: E402
from tests.services.engines import launch  # noqa: E402
from tests.services.proxy import Proxy  # noqa: E402

DEAD_SECONDS = int(os.environ.get("DEAD_SECONDS", "60"))
USUAL_SECONDS = min(DEAD_SECONDS / 2, 45)
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 600
LEFT = "SELECT (SELECT COUNT(*) FROM unsealed) + (SELECT COUNT(*) FROM unarchived)"
Times = dict[str, list[list[float]]]


def main() -> None:
    """Serve twice, measure by turns, and print a line for each state of the one's store."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        s3 = launch("S3", folder / "s3")
        stack.callback(s3.stop)
        s3.create_bucket("bench")
        proxy = stack.enter_context(Proxy(s3.port))
        other = stack.enter_context(served(folder / "other", s3.url("bench", "", s3.password)))
        ours = stack.enter_context(served(folder / "ours", s3.url("bench", "", s3.password, port=proxy.port)))
        measure((Visitor(other), Visitor(ours)), proxy, folder / "ours" / "rollcall.sqlite3")


@contextmanager
def served(instance: Path, storage_url: str) -> Iterator[Started]:
    """Give a serving application with 300 people, on SQLite, that keeps its archive there, in a part of its own."""
    url = storage_url.replace("?", f"/{instance.name}?")
    server = Started(INSTANCE_PATH=instance, STORAGE_URL=url, DEMO=300, **SIGNED_IN)
    try:
        server.welcome()
        yield server
    finally:
        server.close()


def measure(visitors: tuple[Visitor, Visitor], proxy: Proxy, database: Path) -> None:
    """Edit before, while the store is away (half of it silent, half refusing), and from when it is back."""
    numbers = count()
    wait_until_archived(database)
    edit(visitors, numbers, 10)  # the first pages of a fresh process take longer
    phases = {"there": edit(visitors, numbers, USUAL_SECONDS)}
    proxy.black_hole()
    away = edit(visitors, numbers, DEAD_SECONDS / 2)
    proxy.refuse()
    later = edit(visitors, numbers, DEAD_SECONDS / 2)
    phases["away"] = {kind: [a + b for a, b in zip(away[kind], later[kind], strict=True)] for kind in away}
    waiting = asked(database, LEFT)
    proxy.restore()
    began = time.monotonic()
    phases["back"] = edit(visitors, numbers, USUAL_SECONDS)
    wait_until_archived(database)
    print(f"Store away for {DEAD_SECONDS} s of steady edits; beside an application whose store is there, in ms")
    print(f"{'request':<10}{'store':<10}{'median':>9}{'beside':>9}{'ratio':>8}{'95 %':>9}{'beside':>9}{'ratio':>8}")
    for kind in ("edit", "page"):
        for name, times in phases.items():
            print(f"{kind:<10}{name:<10}{line(*times[kind])}")
    print(f"{waiting:,} segments waited; the last was archived {time.monotonic() - began:.0f} s after it was back")


def edit(visitors: tuple[Visitor, Visitor], numbers: Iterator[int], seconds: float) -> Times:
    """Add roles and look at pages at a steady pace, by turns here and there; return the seconds of each request."""
    times: Times = {"edit": [[], []], "page": [[], []]}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        title = f"Title {next(numbers)}"
        for which, visitor in enumerate(visitors):
            page = visitor.get("/admin/roles/new/")
            start = time.perf_counter()
            visitor.send("/admin/roles/new/", page, title=title)
            times["edit"][which].append(time.perf_counter() - start)
            start = time.perf_counter()
            found = visitor.get(f"/admin/roles/?search={quote(title)}")
            times["page"][which].append(time.perf_counter() - start)
            assert title in found, "an edit that was answered is not there"
            time.sleep(PAUSE_SECONDS / 2)
    return times


def line(beside: list[float], ours: list[float]) -> str:
    """Return median and 95th percentile, each beside that of the other application."""
    columns = ""
    for measure in (statistics.median, lambda values: statistics.quantiles(values, n=20)[-1]):
        columns += f"{measure(ours) * 1000:9.1f}{measure(beside) * 1000:9.1f}{measure(ours) / measure(beside):8.2f}"
    return columns


def wait_until_archived(database: Path) -> None:
    """Wait until nothing is left to seal or to archive."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while asked(database, LEFT):
        if time.monotonic() > deadline:
            raise SystemExit(json.dumps({"left": asked(database, LEFT)}))
        time.sleep(0.2)


def asked(database: Path, query: str) -> int:
    """Return a number that the database tells; on a connection of its own, which only reads."""
    connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=30)
    try:
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()


if __name__ == "__main__":
    main()
