"""Doing several things at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from app.core.problems import Problem
from app.extensions import db


def at_once(app: Flask, *works: Callable[[], Any]) -> list[Any]:
    """Run works at once, each in a context of its own; return what each gave back, or the problem it raised.

    Any other exception is let through, and fails the test as one that nobody caught in a thread.
    """
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def call(place: int, work: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait()
            try:
                results[place] = work()
            except Problem as problem:
                results[place] = problem
            finally:
                db.session.remove()

    threads = [threading.Thread(target=call, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
