"""What a worker does all the time, each duty in a thread of its own, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Flask

from app.actions import deliveries, work
from app.actions.archive import sending
from app.changes import sealing
from app.core import servers, signs

Duty = Callable[..., None]

DUTIES: dict[str, Duty] = {
    "signs": signs.live,
    "servers": servers.work,
    "jobs": work.do_jobs,
    "deliveries": deliveries.do_deliveries,
    "seals": sealing.do_seals,
    "archive": sending.do_archive,
}
"""By name, in the order in which one pass does them: each may leave something to do for those after it.

A duty takes the application, the event that ends it, and `is_once`: to end when nothing is left to do.
"""


def do_all(app: Flask, stopping: threading.Event, *, is_once: bool = False) -> None:
    """Do all duties until `stopping` is set, or with `is_once` each in turn until nothing is due."""
    if is_once:
        for duty in DUTIES.values():
            duty(app, stopping, is_once=True)
        return
    threads = [
        threading.Thread(target=duty, args=(app, stopping), name=name, daemon=True) for name, duty in DUTIES.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
