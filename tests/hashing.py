"""A cheap argon2 that tells how often it was asked."""

from __future__ import annotations

from argon2 import PasswordHasher


class CountingHasher(PasswordHasher):
    """Hashes in a millisecond; for tests only."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 as the base calls it
        """Count and verify."""
        self.verified += 1
        return super().verify(hash, password)
