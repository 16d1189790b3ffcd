"""gunicorn inside this program: one worker with threads, on a socket that is ours already."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from app.actions import duties
from app.core.querycache.cached import of_app

THREADS = 8
# Ctrl-C and SIGTERM let pages that are being made come to their end, but nobody wants to wait for long.
GRACE_SECONDS = 2
REQUEST_SECONDS = 120


class Log(Logger):
    """gunicorn's log, written by our handler instead of its own."""

    def setup(self, cfg: Any) -> None:
        """Take the level from the settings, and leave the writing to the root logger."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


class Server(BaseApplication):
    """gunicorn with the application that is built already."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self.built, self.options = app, options
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

    The engine must hold no connection: they would be shared with the worker, which is a fork of this process. That
    fork also does the background work, in threads, so that nothing else has to be started.
    """
    stopping = threading.Event()
    background = threading.Thread(target=duties.do_all, args=(app, stopping), name="background", daemon=True)
    options = {
        "bind": f"fd://{os.dup(listener.fileno())}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": THREADS,
        "timeout": REQUEST_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "control_socket_disable": True,
        "accesslog": None,
        "loglevel": "warning",
        "logger_class": Log,
        # Which proxies are believed is decided in one place, TRUSTED_PROXIES.
        "forwarded_allow_ips": "",
        "when_ready": lambda arbiter: _ready(arbiter, when_ready),
        "post_worker_init": lambda _worker: background.start(),
        "worker_exit": lambda _arbiter, _worker: _end(app, background, stopping),
    }
    listener.close()
    Server(app, options).run()


def _ready(arbiter: Any, when_ready: Callable[[], None]) -> None:
    # A closed terminal ends the server; gunicorn would only read its settings again and stay, invisibly.
    signal.signal(signal.SIGHUP, lambda *_: arbiter.signal(signal.SIGINT, None))
    when_ready()


def _end(app: Flask, background: threading.Thread, stopping: threading.Event) -> None:
    """Let a short step of background work come to its end; a longer one is taken back, and done at the next start."""
    stopping.set()
    if background.is_alive():
        background.join(GRACE_SECONDS)
    with app.app_context():
        of_app().keeper.end(of_app())
