"""Whether this process is about to end: load balancers are told so before it does."""

from __future__ import annotations

from flask import Flask


def begin_to_stop(app: Flask) -> None:
    """Say from now on that `app` is not ready; it goes on answering."""
    app.extensions["stopping"] = True


def is_stopping(app: Flask) -> bool:
    """Say whether `app` is about to end."""
    return "stopping" in app.extensions
