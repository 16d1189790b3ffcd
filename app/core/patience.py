"""Asking what may never answer (a file server, a store) for so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_asking: dict[str, threading.Thread] = {}
_lock = threading.Lock()


def within(seconds: float, name: str, work: Callable[[], T]) -> T:
    """Return what `work` gives back, or raise what it raises; TimeoutError when it takes longer.

    It goes on in its thread then, for nobody can end it. As long as it does, nothing else is asked under this name, so
    that what hangs holds one thread and not one for each who asks.
    """
    outcome: dict[str, Any] = {}

    def ask() -> None:
        try:
            outcome["value"] = work()
        except BaseException as error:
            outcome["error"] = error

    with _lock:
        if (earlier := _asking.get(name)) and earlier.is_alive():
            raise TimeoutError
        thread = _asking[name] = threading.Thread(target=ask, name=name, daemon=True)
        thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if "error" in outcome:
        raise outcome["error"]
    value: T = outcome["value"]
    return value
