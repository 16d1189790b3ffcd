"""What the query cache did, put there by hand for tests that look how it is shown."""

from __future__ import annotations

from typing import Any

from flask import Flask

from app.core.clock import now
from app.core.querycache import keeper
from app.core.querycache.uses import COUNTED, CacheUse, Uses


def use(name: str, **numbers: Any) -> CacheUse:
    """Return a row of numbers; those that are not given are 0."""
    told = {"sql": "SELECT 1", "tables": "employees", "refusal": "", "used_at": now()}
    return CacheUse(name=name, **{**dict.fromkeys(COUNTED, 0), **told, **numbers})


def counted(app: Flask) -> None:
    """Add up what this process counted, as its keeper does, and begin anew: a difference was meant."""
    cache = app.extensions["querycache"]
    keeper.add_up(cache)
    cache.uses = Uses()
