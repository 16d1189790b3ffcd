"""A serving process, as `make run` starts it, for tests that talk to it over its port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.services.process import free_port

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60
START = Callable[..., "Started"]


class Started:
    """A running `serve`, in a session of its own as at a terminal; `app` is the module that makes the application."""

    def __init__(self, *, app: str = "run", **settings: object) -> None:
        settings.setdefault("PORT", free_port())
        self.port = settings["PORT"]
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error,ignore::ResourceWarning",  # gunicorn leaves sockets to the garbage collector
            "DEMO": "0",
            **{name: str(value) for name, value in settings.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", app, "serve"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.err: list[str] = []
        assert self.process.stderr
        self._reader = threading.Thread(target=lambda: self.err.extend(self.process.stderr or ()))
        self._reader.start()

    def welcome(self) -> str:
        """Return what it prints until it serves."""
        said = ""
        assert self.process.stdout
        for line in self.process.stdout:
            said += line
            if "Ctrl-C" in line:
                return said
        raise AssertionError(f"it ended instead of serving: {said}{self.end()[1]}")

    def end(self, how: signal.Signals | None = None) -> tuple[int, str]:
        """Send a signal as a terminal does, to all its processes, and return exit code and what stood on stderr."""
        if how is not None:
            os.killpg(self.process.pid, how)
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join()
        return code, "".join(self.err)

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=WAIT_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(WAIT_SECONDS)
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
