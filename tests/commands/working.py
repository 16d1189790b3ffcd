"""The application with actions that count, for workers in processes of their own.

flask --app tests.commands.working worker
"""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app import create_app as create
from app.actions.archive import sending
from app.core.jobs import queue, worker
from config import load_config
from tests.actions.counting import register

LEASE_SECONDS = 3


def create_app() -> Flask:
    """Return the application, whose workers are quick to notice that another one died."""
    queue.LEASE = timedelta(seconds=LEASE_SECONDS)
    queue.FIRST_WAIT_SECONDS = 0
    sending.LEASE = timedelta(seconds=LEASE_SECONDS)
    worker.HEARTBEAT_SECONDS = LEASE_SECONDS / 6
    worker.POLL_SECONDS = 0.1
    register()
    return create(load_config("testing"))
