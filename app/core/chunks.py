"""Long lists in parts: what one statement, or one transaction, can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
STATEMENT = 500
"""So many values one IN of a statement takes on each engine."""


def chunks(items: Iterable[Item], size: int = STATEMENT) -> Iterator[list[Item]]:
    """Yield lists of at most `size` items, in order."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
