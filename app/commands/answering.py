"""The process that answers: gunicorn's threads, and how they come to an end without cutting anybody off."""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from app.core.stopping import begin_to_stop, is_stopping

# Longer than proxies keep connections: the one who ends an idle one has to be the proxy, or now and then it would send
# a request into a connection that is just being closed here.
KEPT_SECONDS = 75
# Who ends it without a drain sits before it: pages that are being made come to their end, but nobody waits for long.
GRACE_SECONDS = 2
LINGER_SECONDS = 0.2
# Behind a load balancer, work that is under way is worth more than the time.
GRACE_AFTER_DRAIN_SECONDS = 25
LINGER_AFTER_DRAIN_SECONDS = 2
# For how long a client may leave its side of a connection open that this side has ended.
CLOSING_SECONDS = 2

log = logging.getLogger(__name__)


class Worker(ThreadWorker):
    """Told to end, it first lets load balancers turn away, then ends what is under way.

    Everything here happens in the one loop; the handlers of signals only leave it a note, so nothing is half done.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.timer: threading.Timer | None = None
        self.closing: deque[Any] = deque()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: serve on for the seconds of the drain, then end; again is the same drain."""
        self.method_queue.defer(self.drain)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT: end without a drain."""
        self.method_queue.defer(self.end)

    def drain(self) -> None:
        """Say “not ready” and go on; answers close their connections, so that none is left for the end to cut."""
        if is_stopping(self.app.built):
            return
        self._begin_to_stop()
        seconds = self.app.built.config["DRAIN_SECONDS"]
        if not seconds:
            self.end()
            return
        log.info("stopping: requests are served for another %s seconds", seconds)
        self.timer = threading.Timer(seconds, self.method_queue.defer, [self.end])
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        """Take what waits at the door, close it (who comes now is refused, and tries another server), and end."""
        if not self.alive:
            return
        self._begin_to_stop()
        if self.timer:
            self.timer.cancel()
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        self.sockets: list[Any] = []
        linger = LINGER_AFTER_DRAIN_SECONDS if self.app.built.config["DRAIN_SECONDS"] else LINGER_SECONDS
        for connection in (*self.keepalived_conns, *self.pending_conns):
            connection.timeout = min(connection.timeout, time.monotonic() + linger)
        super().handle_exit(signal.SIGTERM, None)

    def accept(self, listener: Any) -> None:
        """Let one in, unless the door was closed since the loop learned that somebody is there."""
        if listener in self.sockets:
            super().accept(listener)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Close what is not kept, once the client has: the loop goes on meanwhile.

        gunicorn would wait for the client here, each time up to two seconds in which nobody else is served.
        """
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        conn.timeout = time.monotonic() + CLOSING_SECONDS
        self.closing.append(conn)
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_on, conn))
        except OSError:  # the client is gone
            self._close(conn)

    def murder_pending(self) -> None:
        """Close also what its client does not."""
        super().murder_pending()
        while self.closing and self.closing[0].timeout <= time.monotonic():
            self._close(self.closing[0])

    def _read_on(self, conn: Any, client: socket.socket) -> None:
        """Throw away what the client still sends; closed with that unread, it could lose the end of its answer."""
        try:
            if client.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.closing.remove(conn)
        with suppress(KeyError, ValueError):  # where the client was gone before
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _begin_to_stop(self) -> None:
        self.max_keepalived = 0  # so each answer says “close”
        begin_to_stop(self.app.built)
        self.app.stopping.set()
