"""Servers and deployments, put there by hand."""

from __future__ import annotations

from typing import Any

from app.core import clock
from app.core.database.schema import HEAD
from app.core.servers import Part, Server
from app.core.version import VERSION


def server(host: str, **values: Any) -> Server:
    """Return what runs on a host; without values just what runs everywhere else, and was seen right now."""
    usual: dict[str, Any] = {
        "part": Part.SERVE,
        "version": VERSION,
        "commit_hash": "8d0f2c17a4b3" + "0" * 28,
        "tag": "1.4.0",
        "digest": f"sha256:{'ab' * 32}",
        "run": "https://ci.example/job/rollcall/7/",
        "knows": HEAD,
        "is_draining": False,
        "since": clock.now(),
        "at": clock.now(),
        "process": "a" * 32,
    }
    return Server(host=host, **{**usual, **values})
