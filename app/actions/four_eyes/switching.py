"""Four eyes switched on and off: off by the operator at once, from a panel only with a second administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts.administrators import FEWEST, active_administrators
from app.actions.four_eyes.rules import SWITCHING, is_switched_on
from app.actions.registry import action
from app.changes.approvals import FOUR_EYES, Switch
from app.core.clock import now
from app.core.problems import Invalid
from app.extensions import db


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with four eyes: wanted or not, since when (None: ever since), and how many could agree."""

    is_on: bool
    since: datetime | None
    administrators: int

    @property
    def is_in_force(self) -> bool:
        """Say whether anything waits."""
        return self.is_on and self.administrators >= FEWEST


def state() -> State:
    """Return how it stands now."""
    found = db.session.get(Switch, FOUR_EYES)
    return State(is_switched_on(), found.at if found else None, len(active_administrators()))


@action(SWITCHING, needs=(Action.ADMINISTER, Subject.SYSTEM), is_always_told=True)
def switch_four_eyes(actor: Actor, is_on: bool) -> None:
    """Switch four eyes on or off for the whole installation."""
    if is_switched_on() == is_on:
        raise Invalid({"": _l("It is switched on already.") if is_on else _l("It is switched off already.")})
    found = db.session.get(Switch, FOUR_EYES)
    if found is None:
        found = Switch(name=FOUR_EYES)
        db.session.add(found)
    found.is_on, found.at = is_on, now()
    db.session.flush()
