"""Asking for so long and no longer."""

from __future__ import annotations

import threading
import time

import pytest

from app.core.patience import within


def test_what_comes_in_time_is_returned_or_raised() -> None:
    assert within(5, "one", lambda: 7) == 7
    with pytest.raises(ValueError, match="gone"):
        within(5, "one", lambda: int("gone"))
    assert within(5, "one", lambda: 8) == 8


def test_what_hangs_is_given_up_and_holds_one_thread_only() -> None:
    answer = threading.Event()
    begun: list[threading.Thread] = []

    def hang() -> None:
        begun.append(threading.current_thread())
        answer.wait(20)

    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            within(0.1, "hanging", hang)
    assert within(5, "another", lambda: 1) == 1
    assert len(begun) == 1
    assert time.monotonic() - began < 5
    answer.set()
    begun[0].join()
    assert within(5, "hanging", lambda: 2) == 2
