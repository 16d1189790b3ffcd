"""The query cache of the application at hand, for tests that look into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.core.database.engine import end_transaction
from app.core.querycache.cached import QueryCache
from app.core.querycache.uses import Uses


@pytest.fixture
def mine(context: Flask) -> Iterator[QueryCache]:
    """Give the query cache, empty, whose differences are this test's business."""
    found: QueryCache = context.extensions["querycache"]
    found.store.backend.clear()
    end_transaction()
    yield found
    found.uses = Uses()
    found.store.backend.clear()
