"""Saying now and then that something is still going on, for whoever takes it over when nothing is said any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.core.problems import Problem


@contextmanager
def beating(app: Flask, name: str, seconds: float, beat: Callable[[], object]) -> Iterator[None]:
    """Call `beat` every `seconds` while the block runs, in a thread of that name and an application context of its own.

    What keeps one from the database is suppressed: a beat that is missed has to be no harm.
    """
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(seconds):
            with app.app_context(), suppress(Problem, SQLAlchemyError):
                beat()

    thread = threading.Thread(target=go_on, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
