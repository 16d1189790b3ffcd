"""gunicorn inside this program: one worker with threads, on a socket that is ours already."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from app.actions import duties
from app.commands.answering import GRACE_AFTER_DRAIN_SECONDS, GRACE_SECONDS, KEPT_SECONDS, Worker
from app.core import servers
from app.core.querycache.cached import of_app

THREADS = 8
REQUEST_SECONDS = 120
# Background work, counts and signs, after the last request.
LAST_SECONDS = 3


class Log(Logger):
    """gunicorn's log, written by our handler instead of its own."""

    def setup(self, cfg: Any) -> None:
        """Take the level from the settings, and leave the writing to the root logger."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


class Server(BaseApplication):
    """gunicorn with the application that is built already; `stopping` ends its background work."""

    def __init__(self, app: Flask, stopping: threading.Event, options: dict[str, Any]) -> None:
        self.built, self.stopping, self.options = app, stopping, options
        super().__init__()

    def load_config(self) -> None:
        """Set our options; gunicorn's own files and variables are not read."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application."""
        return self.built


def serve_on(listener: socket.socket, app: Flask, when_ready: Callable[[], None]) -> None:
    """Serve until a signal ends it, by SystemExit; `when_ready` runs once connections are taken.

    The engine must hold no connection: they would be shared with the worker, which is a fork of this process. Unless
    BACKGROUND is off, that fork also does the background work, in threads, so that nothing else has to be started.
    """
    stopping = threading.Event()
    background = threading.Thread(target=duties.do_all, args=(app, stopping), name="background", daemon=True)
    options = {
        "bind": f"fd://{os.dup(listener.fileno())}",
        "workers": 1,
        "worker_class": Worker,
        "threads": THREADS,
        "timeout": REQUEST_SECONDS,
        "keepalive": KEPT_SECONDS,
        "graceful_timeout": _longest_end(app),
        "control_socket_disable": True,
        "accesslog": None,
        "loglevel": "warning",
        "logger_class": Log,
        # Which proxies are believed is decided in one place, TRUSTED_PROXIES.
        "forwarded_allow_ips": "",
        "when_ready": lambda arbiter: _ready(arbiter, when_ready),
        "post_worker_init": lambda worker: _begin(worker, app, background),
        "worker_exit": lambda _arbiter, _worker: _end(app, background, stopping),
    }
    listener.close()
    Server(app, stopping, options).run()


def _longest_end(app: Flask) -> int:
    """Return how many seconds the worker has from the first signal on, before it is killed."""
    drain: int = app.config["DRAIN_SECONDS"]
    return drain + GRACE_AFTER_DRAIN_SECONDS + LAST_SECONDS if drain else GRACE_SECONDS


def _ready(arbiter: Any, when_ready: Callable[[], None]) -> None:
    """Take the signals that end the server, and say that it serves.

    After the first of them gunicorn waits for its worker, and would give it but two seconds after the next; so that one
    goes to the worker directly. A closed terminal ends the server, too; gunicorn would only read its settings again.
    """
    told: list[int] = []

    def end(number: int, _frame: Any) -> None:
        if os.getpid() != arbiter.pid:
            os._exit(0)  # the worker, which serves nobody yet and did not come to taking signals itself
        if not told:
            arbiter.signal(signal.SIGTERM if number == signal.SIGTERM else signal.SIGINT, None)
        else:
            for pid in list(arbiter.WORKERS):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT)
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, end)
    # What is loaded by now stays for good. Searched for garbage once more at the end, by both processes, it would hold
    # them up for a second or more.
    gc.freeze()
    when_ready()


def _begin(worker: Worker, app: Flask, background: threading.Thread) -> None:
    servers.begin(app)
    # From here on this is the worker's own copy: how long it waits for requests once it takes no more.
    worker.cfg.set("graceful_timeout", GRACE_AFTER_DRAIN_SECONDS if app.config["DRAIN_SECONDS"] else GRACE_SECONDS)
    if app.config["BACKGROUND"]:
        background.start()


def _end(app: Flask, background: threading.Thread, stopping: threading.Event) -> None:
    """Let a short step of background work come to its end; a longer one is taken back, and done at the next start."""
    stopping.set()
    if background.is_alive():
        background.join(GRACE_SECONDS)
    servers.end(app)
    with app.app_context():
        of_app().keeper.end(of_app())
