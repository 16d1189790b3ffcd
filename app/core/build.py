"""What is running here: the release, and the image that it came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.version import VERSION


def build(config: Mapping[str, Any]) -> dict[str, str]:
    """Return release, commit and tag; the last two are empty outside an image."""
    return {"version": VERSION, "commit": config["IMAGE_COMMIT"], "tag": config["IMAGE_TAG"]}
