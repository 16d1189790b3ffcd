"""Sizes and lengths of time in words, as closely as one wants to know them."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import format_decimal, format_timedelta
from flask_babel import gettext as _

MINUTE = timedelta(minutes=1)
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(number: int) -> str:
    """Return a number of bytes as disks are sold, with three digits at the most."""
    amount, step = float(number), 0
    while amount >= 1000 and step < len(UNITS) - 1:
        amount, step = amount / 1000, step + 1
    return f"{format_decimal(round(amount, 1 if amount < 100 else 0))} {UNITS[step]}"


def duration(time: timedelta) -> str:
    """Return how long that is; more closely than a minute, clocks and signs don't say."""
    return _("less than a minute") if time < MINUTE else str(format_timedelta(time))


def spent(seconds: float) -> str:
    """Return a time that was measured: milliseconds, seconds, minutes, or hours."""
    if seconds < 1:
        return _("%(count)s ms", count=format_decimal(round(seconds * 1000, 1 if seconds < 0.1 else 0)))
    if seconds < 100:
        return _("%(count)s s", count=format_decimal(round(seconds, 1)))
    if seconds < 6000:
        return _("%(count)s min", count=format_decimal(round(seconds / 60)))
    return _("%(count)s h", count=format_decimal(round(seconds / 3600)))
