"""`flask seed-demo`: made-up people to try Rollcall with."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _

from app.actions import demo
from app.actions.demo.plan import MOST_EMPLOYEES
from app.core.problems import Problem

STEPS = 20


@click.command("seed-demo")
@click.option("--employees", type=int, default=300, show_default=True, help="How many people, leavers among them.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes other people.")
@with_appcontext
def seed_demo(employees: int, seed: int) -> None:
    """Add a made-up organisation, its people numbered D-00001 and on.

    Safe to run twice: what is there already stays as it is. A larger number adds the people that are missing.
    """
    if not 0 <= employees <= MOST_EMPLOYEES:
        click.echo(_("Choose a number of employees from 0 to %(most)s.", most=f"{MOST_EMPLOYEES:,}"), err=True)
        sys.exit(2)
    try:
        seeded = demo.seed(employees, seed, _Progress())
    except Problem as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
    click.echo(
        _(
            "Added %(people)d people, %(departments)d departments and %(roles)d job titles;"
            " %(present)d people were there already.",
            people=seeded.people,
            departments=seeded.departments,
            roles=seeded.roles,
            present=seeded.present,
        )
    )


class _Progress:
    """Tells how far seeding is, on standard error, in steps rather than for each thousand people."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, done: int, total: int) -> None:
        step = done * STEPS // total
        if step > self._told:
            self._told = step
            click.echo(_("%(done)d of %(total)d people", done=done, total=total), err=True)
