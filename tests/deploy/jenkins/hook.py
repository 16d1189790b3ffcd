"""Somebody to be told how a build ended: a real server that keeps what is posted to it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Hook(http.server.ThreadingHTTPServer):
    """Keeps what is posted and answers with the codes it was given, the last one from then on."""

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), Answer)
        self.codes = [200]
        self.posted: list[dict[str, str]] = []
        self.url = f"http://{address}:{self.server_port}/hook/s3cret"


class Answer(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Hook

    def do_POST(self) -> None:
        """Keep it."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/json"
        self.server.posted.append(body)
        codes = self.server.codes
        self.send_response(codes.pop(0) if len(codes) > 1 else codes[0])
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[Hook]:
    """Give one that answers at an address of this machine."""
    with Hook(address) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
