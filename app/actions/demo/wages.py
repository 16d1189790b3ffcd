"""One person's pay history: what they started with, yearly reviews, and rises that come with a new job."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random

from app.actions.demo.careers import Step
from app.actions.demo.catalogue import FAMILIES
from app.actions.demo.records import DemoPay, DemoRole
from app.actions.demo.sites import Site
from app.people.employee import EmploymentType
from app.people.history import PayPeriod

# US dollars a year in New York, by level.
YEARLY = {1: 43_000, 2: 61_000, 3: 84_000, 4: 108_000, 5: 138_000, 6: 205_000, 7: 380_000}
WORKING_HOURS = 1_800
REVIEW_MONTH = 4
REVIEW_SHARE = 0.4
SETTLING_DAYS = 180
_WAGES = {family.name: family.wage for family in FAMILIES.values()}
CENT = Decimal("0.01")


def pay(
    taken: list[Step], roles: list[DemoRole], site: Site, terms: EmploymentType, left: int, today: int, rng: Random
) -> tuple[DemoPay, ...]:
    """Return the pay history as rows without gaps over the same days as the job history."""
    last = roles[taken[-1].role]
    yearly = YEARLY[last.level] * _WAGES.get(last.family, 0.8) * site.wage * site.rate * (0.9 + rng.random() * 0.22)
    period = PayPeriod.HOUR if terms is EmploymentType.CONTRACTOR else PayPeriod(site.pay_period)
    if terms is EmploymentType.INTERN:
        yearly *= 0.6
    rises = _rises(taken, roles, left or today, terms, rng)
    amounts = []
    for _, _, factor in reversed(rises):
        amounts.append(_amount(yearly, period, site))
        yearly /= factor
    amounts.reverse()
    rows = []
    for position, ((day, reason, _), amount) in enumerate(zip(rises, amounts, strict=True)):
        following = rises[position + 1][0] if position + 1 < len(rises) else left and left + 1
        rows.append(
            DemoPay(
                valid_from=date.fromordinal(day),
                valid_to=date.fromordinal(following) if following else None,
                amount=amount,
                currency=site.currency,
                period=period,
                reason=reason,
            )
        )
    return tuple(rows)


def _rises(
    taken: list[Step], roles: list[DemoRole], end: int, terms: EmploymentType, rng: Random
) -> list[tuple[int, str, float]]:
    """Return (day, reason, factor on what was paid before), beginning with the day of hiring."""
    hired = taken[0].start
    rises: dict[int, tuple[str, float]] = {}
    if terms is not EmploymentType.INTERN:
        for year in range(date.fromordinal(hired).year, date.fromordinal(end).year + 1):
            review = date(year, REVIEW_MONTH, 1).toordinal()
            if hired + SETTLING_DAYS < review <= end and rng.random() < REVIEW_SHARE:
                rises[review] = ("Annual review", 1.02 + rng.random() * 0.04)
    for before, step in pairwise(taken):
        if roles[step.role].level > roles[before.role].level:
            rises[step.start] = ("Promotion", 1.08 + rng.random() * 0.08)
        else:
            rises[step.start] = ("Change of position", 1.01 + rng.random() * 0.04)
    rises[hired] = ("Starting pay", 1.0)
    return [(day, *rises[day]) for day in sorted(rises)]


def _amount(yearly: float, period: PayPeriod, site: Site) -> Decimal:
    """Return a year's money as an amount for the period, as round as amounts of that currency usually are."""
    if period is PayPeriod.HOUR:
        return (Decimal(max(1, round(yearly / WORKING_HOURS * 4))) / 4).quantize(CENT)
    money = yearly / 12 if period is PayPeriod.MONTH else yearly
    return Decimal(max(1, round(money / site.pay_step)) * site.pay_step).quantize(CENT)
