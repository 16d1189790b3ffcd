"""`flask worker`: background work, as a program of its own."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.cli import with_appcontext

from app.actions import duties
from app.commands.words import failing_in_words

log = logging.getLogger(__name__)


@click.command("worker")
@click.option("--once", "is_once", is_flag=True, help="End when nothing is due any more.")
@with_appcontext
def worker(is_once: bool) -> None:
    """Do background work until SIGTERM or Ctrl-C, which let the step that is running come to its end.

    Run as many as you like, on as many servers: each job is done by one of them, and taken over when that one dies.
    """
    with _ending_by_signal() as stopping, failing_in_words():
        log.info("the worker begins")
        duties.do_all(current_app._get_current_object(), stopping, is_once=is_once)  # type: ignore[attr-defined]
        log.info("the worker ends")


@contextmanager
def _ending_by_signal() -> Iterator[threading.Event]:
    """Give an event that the signals set which end a program."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
