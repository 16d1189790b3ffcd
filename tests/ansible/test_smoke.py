"""scripts/smoke against a little server that answers as told."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.services.certificates import write_certificate

SCRIPT = Path(__file__).parents[2] / "scripts/smoke"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FORM = '<form><input name="email"><input name="password"><input name="csrf_token"></form>'


class Answering(ThreadingHTTPServer):
    """A server whose answers a test may change: path to status, type and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        build = {"version": "1", "commit": COMMIT, "tag": "v9"}
        self.scheme = "http"
        self.asked: list[str] = []
        self.answers: dict[str, list[tuple[int, str, str]]] = {
            "/healthz": [(200, "application/json", json.dumps({"status": "alive", "build": build}))],
            "/readyz": [(200, "application/json", json.dumps({"status": "ready", "build": build}))],
            "/": [(200, "text/html", "<h1>Hello</h1>")],
            "/login": [(200, "text/html", FORM)],
        }

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Let the script ask this server."""
        url = f"{self.scheme}://127.0.0.1:{self.server_port}"
        known = {"PATH": os.environ["PATH"], "URL": url, "TAG": "v9", "COMMIT": COMMIT, "ROUNDS": "2"}
        words = {name: value for name, value in {**known, **environment}.items() if value}
        return subprocess.run([SCRIPT], env=words, capture_output=True, text=True, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    """Answers with what is next for the path; the last of them stays."""

    server: Answering

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers[self.path]
        status, kind, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Give a server that is as it should be."""
    with Answering() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_was_deployed_answers(answering: Answering) -> None:
    done = answering.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert answering.asked.count("/readyz") == 2
    assert done.stdout.count("  ok  ") == 6
    assert "All 6 answers were right." in done.stdout


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/readyz", (503, "application/json", '{"status": "not ready", "reason": "no database"}'), "no database"),
        (
            "/readyz",
            (200, "application/json", '{"status": "ready", "build": {"commit": "fff", "tag": "v8"}}'),
            "tag v8",
        ),
        ("/healthz", (200, "text/html", "<h1>It works</h1>"), "something else than Rollcall"),
        ("/", (500, "text/html", "oh"), "answers 500"),
        ("/login", (200, "text/html", "<form></form>"), "no field email, password, csrf_token"),
    ],
    ids=["not ready", "another version", "no Rollcall", "broken page", "no form"],
)
def test_one_wrong_answer_is_enough(answering: Answering, path: str, answer: tuple[int, str, str], words: str) -> None:
    answering.answers[path].insert(0, answer)  # the others are right, as behind a load balancer
    done = answering.run()
    assert done.returncode == 1
    assert words in done.stdout
    assert "1 of 6 answers were wrong." in done.stdout


def test_short_commit_as_tag_is_that_commit(answering: Answering) -> None:
    assert answering.run(COMMIT="", TAG=COMMIT[:12]).returncode == 0
    assert answering.run(COMMIT="", TAG="f" * 12).returncode == 1


def test_tag_that_git_does_not_know_is_compared_itself(answering: Answering) -> None:
    assert answering.run(COMMIT="", TAG="v9").returncode == 0
    assert answering.run(COMMIT="", TAG="v8").returncode == 1


def test_certificate_has_to_be_trusted(answering: Answering, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answering.socket = context.wrap_socket(answering.socket, server_side=True)
    answering.scheme = "https"
    done = answering.run(CA_FILE=str(certificate))
    assert done.returncode == 0, done.stdout
    assert "renew it" in done.stdout
    refused = answering.run()
    assert refused.returncode == 1
    assert "not trusted" in refused.stdout


def test_what_is_missing_is_a_sentence(answering: Answering) -> None:
    assert "Say which installation" in answering.run(URL="").stderr
    assert "write https://" in answering.run(URL="ftp://x").stderr
    done = answering.run(URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no answer" in done.stdout
