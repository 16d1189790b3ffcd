"""A clock that tests move, in place of the one that all rooms read."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core import clock as real


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 5, 20, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment it shows."""
        return self.moment

    def move(self, **by: float) -> None:
        """Let time pass, in the words of `timedelta`."""
        self.moment += timedelta(**by)

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        """Put this clock wherever the real one was imported by name."""
        was: Any = real.now
        for name, module in list(sys.modules.items()):
            if name.startswith("app.") and getattr(module, "now", None) is was:
                monkeypatch.setattr(module, "now", self.now)
        return self
