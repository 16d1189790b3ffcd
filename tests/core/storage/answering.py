"""A small server that answers every request alike, for what a real one says only when something is wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


@dataclass
class Answer:
    """What is answered (`length` may promise more than there is), and the requests that came."""

    status: int = 200
    body: bytes = b""
    length: int | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def url(self, account: str = "ana:S3cret@", more: str = "") -> str:
        """Return the URL of a bucket of this server."""
        return f"s3://{account}bucket/our?endpoint_url=http://127.0.0.1:{self.port}&region=eu-north-1{more}"


def refusal(status: int, code: str) -> Answer:
    """Return an answer as S3 gives it when something is wrong."""
    body = f"<?xml version='1.0'?><Error><Code>{escape(code)}</Code><Message>Words of S3.</Message></Error>"
    return Answer(status, body.encode())


@contextmanager
def answering(answer: Answer) -> Iterator[Answer]:
    """Serve an answer."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            """Read one request and answer it, whatever its method is."""
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            answer.asked.append(f"{self.command} {self.path}")
            answer.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        answer.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield answer
        finally:
            server.shutdown()
            thread.join()
