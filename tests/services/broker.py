"""One server of each kind for the whole test run, started when the first test asks for it.

The process that runs pytest owns the servers and stops them, however it ends; pytest-xdist's workers ask it through a
socket.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import tempfile
import threading
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from tests.services.engines import launch
from tests.services.process import signal_all, stop
from tests.services.server import Server


class Owner:
    """Starts servers on demand and stops them all."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-tests-", dir=_root()))
        self.folder.chmod(0o711)  # The servers' own users have to pass through; nobody has to list it.
        self._servers: dict[str, Server] = {}
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(16)
        self._listener: Listener | None = None
        atexit.register(self.stop)

    def server(self, tier: str) -> Server:
        """Return the shared server of a tier, as a handle that can't be paused or stopped."""
        with self._lock:
            if tier not in self._servers:
                self._servers[tier] = launch(tier, self.folder)
            running = self._servers[tier]
        return Server(tier, running.port, running.password)

    def address(self) -> dict[str, Any]:
        """Begin to answer workers and return what `Asker` needs, as plain values."""
        if self._listener is None:
            self._listener = Listener(str(self.folder / "broker"), "AF_UNIX", authkey=self._key)
            # One thread as old as this process, because the servers die with the thread that starts them.
            threading.Thread(target=self._answer, args=(self._listener,), daemon=True).start()
        return {"socket": str(self.folder / "broker"), "key": self._key.hex(), "folder": str(self.folder)}

    def _answer(self, listener: Listener) -> None:
        while True:
            try:
                with listener.accept() as worker:
                    try:
                        server = self.server(worker.recv())
                        worker.send((server.port, server.password))
                    except Exception as error:  # It belongs to the test that asked.
                        worker.send(f"{error}")
            except OSError:
                return  # The listener was closed.
            except EOFError:
                continue  # The worker was ended while it asked.

    def stop(self) -> None:
        """End all servers and remove their folders; safe to call twice."""
        atexit.unregister(self.stop)
        if self._listener:
            self._listener.close()
            self._listener = None
        while self._servers:
            _, server = self._servers.popitem()
            end(server)
        shutil.rmtree(self.folder, ignore_errors=True)


class Asker:
    """Asks the owner in another process for its servers."""

    def __init__(self, address: dict[str, Any]) -> None:
        self.folder = Path(address["folder"])
        self._address = address

    def server(self, tier: str) -> Server:
        """Return the shared server of a tier."""
        with Client(self._address["socket"], "AF_UNIX", authkey=bytes.fromhex(self._address["key"])) as owner:
            owner.send(tier)
            answer = owner.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return Server(tier, *answer)

    def stop(self) -> None:
        """Do nothing: the owner stops the servers."""


def end(server: Server) -> None:
    """End a server whose data nobody needs any more, at once."""
    if server.process is not None:
        if server.process.poll() is None:
            signal_all(server.process, signal.SIGKILL)
        stop(server.process, signal.SIGKILL)


def _root() -> str | None:
    """Return a folder that every user can pass through; a private TMPDIR would shut the servers' users out."""
    return "/tmp" if os.access("/tmp", os.W_OK) else None
