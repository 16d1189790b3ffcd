"""What the query cache does for a page, as tests look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app.core.querycache.uses import Uses


@contextmanager
def believed(app: Flask) -> Iterator[None]:
    """Have hits believed as in production, not compared: so they take no statement."""
    cache = app.extensions["querycache"]
    share, cache.verified_share = cache.verified_share, 0.0
    try:
        yield
    finally:
        cache.verified_share = share


def taken(app: Flask) -> dict[str, tuple[int, int]]:
    """Return hits and misses of each query since this was asked last; a bypass of any kind is an error."""
    cache = app.extensions["querycache"]
    found, cache.uses = cache.uses.totals(), Uses()
    wrong = ("refused", "away", "too_large", "differing")
    assert not {name: use for name, use in found.items() if any(getattr(use, kind) for kind in wrong)}
    return {name: (use.hits, use.misses) for name, use in found.items()}
