"""The demo organisation: made-up people, decided by a seed, to try Rollcall with."""

from app.actions.demo.fill import Seeded, seed

__all__ = ["Seeded", "seed"]
