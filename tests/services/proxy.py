"""A TCP proxy between the application and a server, to cut and silence connections for real."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
# Close with a reset instead of an orderly end, as a firewall that forgot the connection does.
RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    is_cut: bool = False


class Proxy:
    """Forwards 127.0.0.1:`port` to a server until it is told to misbehave.

    `cut()` resets all connections, new ones work; `black_hole()` loses nothing and passes nothing on: bytes wait, as
    those in a broken network do; `refuse()` cuts and takes no new connections; `slow_down()` holds each answer back for
    a while; `restore()` ends the last three. `cut_short()` passes on the beginning of one answer, and resets.
    """

    def __init__(self, target_port: int, target_host: str = HOST) -> None:
        self._target = (target_host, target_port)
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._pause = 0.0
        self._end_after: int | None = None
        self.host = HOST
        self.port = 0
        self.accepted = 0
        self._listener: socket.socket | None = None
        self._listen()

    def cut(self) -> int:
        """Reset all connections; return how many there were."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            self._reset(connection)
        return len(connections)

    def black_hole(self) -> None:
        """Let connections stand and be made, but pass nothing on."""
        self._flows.clear()

    def slow_down(self, seconds: float) -> None:
        """Hold each answer back for so long."""
        self._pause = seconds

    def cut_short(self, size: int) -> None:
        """Pass on so many bytes of the next answer that has more, then reset its connection."""
        self._end_after = size

    def lead_to(self, port: int) -> None:
        """Reset all connections; new ones go to another port, as after a failover."""
        self._target = (self._target[0], port)
        self.cut()

    def refuse(self) -> None:
        """Reset all connections and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread that waits in accept.
            listener.close()
        self.cut()

    def restore(self) -> None:
        """Pass on what waited, at once again, and take connections again."""
        self._pause = 0.0
        self._flows.set()
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        """End the proxy and everything that goes through it."""
        self.refuse()
        self._flows.set()
        self.cut()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # `refuse` closed it.
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        connection = _Connection(client, socket.socket())
        with self._lock:
            self._connections.add(connection)
        self._flows.wait()
        try:
            connection.server.connect(self._target)
        except OSError:
            self._reset(connection)
            return
        upwards = threading.Thread(
            target=self._pump, args=(connection, connection.client, connection.server), daemon=True
        )
        upwards.start()
        self._pump(connection, connection.server, connection.client)
        upwards.join()
        with self._lock:
            self._connections.discard(connection)
        connection.client.close()
        connection.server.close()

    def _pump(self, connection: _Connection, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if source is connection.server:
                    time.sleep(self._pause)
                self._flows.wait()
                if source is connection.server and self._end_after is not None and len(data) > self._end_after:
                    size, self._end_after = self._end_after, None
                    sink.sendall(data[:size])
                    self._reset(connection)
                    return
                sink.sendall(data)
            self._flows.wait()
            if not connection.is_cut:
                sink.shutdown(socket.SHUT_WR)  # This side is done; the other may still have something to say.
        except OSError:
            self._reset(connection)

    def _reset(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
            connection.is_cut = True
        for side in (connection.client, connection.server):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.shutdown(socket.SHUT_RD)  # Wakes the thread that waits in recv.
            side.close()
