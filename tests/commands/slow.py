"""The application with an address that takes its time, for tests that end the server meanwhile.

flask --app tests.commands.slow serve
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Flask

from app import create_app as create
from config import load_config


def create_app() -> Flask:
    """Return the application, which answers `/slow/2.5` after 2.5 seconds, and makes a file when it begins to."""
    app = create(load_config())
    answer = app.wsgi_app

    def slow_or_not(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/slow/"):
            Path(app.instance_path, "begun").touch()
            time.sleep(float(environ["PATH_INFO"].removeprefix("/slow/")))
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
            return [b"done"]
        return answer(environ, start_response)

    app.wsgi_app = slow_or_not  # type: ignore[method-assign]
    return app
