"""The names under which the archive holds what it holds, for those who write there and those who read."""

from __future__ import annotations

import re
from datetime import datetime

ERASURES, RESTORES = "erasures/", "restores/"
KEY = re.compile(r"[A-Za-z0-9_-]{20}")
OBJECT = re.compile(r"([0-9]{8})/([A-Za-z0-9_-]{20})\.json")
AGAIN = "again-"
"""So begins the token of what the archive holds already, but is to be written there once more to be sure."""


def object_name(at: datetime, key: str) -> str:
    """Return the name of the object of a segment: by the day of it, in UTC, and the random key of its seal."""
    return f"{at:%Y%m%d}/{key}.json"


def entry_name(key: str) -> str:
    """Return the name of the entry that tells of the erasure which the segment with this key did."""
    return f"{ERASURES}{key}.json"


def manifest_name(digest: str) -> str:
    """Return the name of the list of what a restored database lost; `digest` is that of its bytes."""
    return f"{RESTORES}{digest}.json"
