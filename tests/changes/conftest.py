"""The page of a test's own, as the tests of the database layer have it."""

from tests.core.database.conftest import serve, served

__all__ = ["serve", "served"]
