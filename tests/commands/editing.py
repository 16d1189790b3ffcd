"""Somebody who edits without end, as a program: each change set that was acknowledged is a line on stdout.

python -m tests.commands.editing NAME
"""

from __future__ import annotations

import sys
from itertools import count

from app import create_app
from app.access.actor import operator
from app.actions.registry import Source, run
from app.core.problems import Busy, OutcomeUnknown, Unavailable
from config import load_config

SECOND_SEGMENT_EVERY = 5


def main(name: str) -> None:
    """Add job titles; every few sets take in a second transaction."""
    with create_app(load_config("testing")).app_context():
        set_id: int | None = None
        for number in count():
            within = set_id if number % SECOND_SEGMENT_EVERY == 1 else None
            values = {"title": f"Title {name} {number}"}
            try:
                done = run("create_role", actor=operator(), source=Source.CLI, within=within, values=values)
            except (Busy, OutcomeUnknown, Unavailable):
                continue
            set_id = done.change_set_id
            sys.stdout.write(f"{set_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
