"""The time, in one place, so that tests can stop it."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the present day in UTC, the zone that all stored dates are in."""
    return now().date()
