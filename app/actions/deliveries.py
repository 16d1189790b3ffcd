"""Deliveries: jobs that reach out of the database, so that no transaction may wait for them: mail, for one.

A delivery happens at least once, and tells its addressee by a stable id when it may be a second time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from app.changes import read_only
from app.changes.transaction import write
from app.core.jobs import worker
from app.core.jobs.job import State
from app.core.jobs.queue import FOR_DAYS, Held, Lane

Deliver = Callable[[dict[str, Any]], None]

DELIVERIES: dict[str, Deliver] = {}


def delivery(name: str) -> Callable[[Deliver], Deliver]:
    """Register a function as a delivery.

    It takes the job's arguments and runs outside a transaction. Whatever `Passing` it raises is tried again, for two
    days; any other problem ends the job.
    """

    def register(function: Deliver) -> Deliver:
        if name in DELIVERIES:
            raise ValueError(f"there are two deliveries called {name}")
        DELIVERIES[name] = function
        return function

    return register


def lane() -> Lane:
    """Return the lane of the queue that holds deliveries."""
    return Lane(frozenset(DELIVERIES), is_others=False, patience=FOR_DAYS)


def do(job: Held, _is_stopping: Callable[[], bool]) -> State:
    """Do a delivery."""
    DELIVERIES[job.action](job.arguments)
    return State.DONE


def do_deliveries(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Do deliveries until `stopping` is set, or with `is_once` until none is due."""
    worker.work(app, do, write, [], stopping, is_once=is_once, lane=lane(), is_paused=is_paused)


def is_paused() -> bool:
    """Say whether nothing is to be begun: while nothing may be changed, all that is in the queue waits."""
    return read_only.state() is not None
