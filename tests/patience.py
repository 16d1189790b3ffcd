"""Waiting for what happens elsewhere: in another thread, another process, a server."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02
WAIT_SECONDS = 20.0


def wait_until(is_so: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Ask again and again until it is so; AssertionError when it does not come to pass within so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(PAUSE_SECONDS)
