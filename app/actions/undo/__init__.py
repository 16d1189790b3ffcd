"""Undo: a change set, or a part of it, taken back by an action of its own, which can be undone in turn."""

from app.actions.undo import accounts, organisation, people
from app.actions.undo.apply import Undone, steps
from app.actions.undo.inverses import Inverse, inverse
from app.actions.undo.parts import AlreadyUndone, Kind, Refused, State, Unit
from app.actions.undo.planning import Plan, check_set, is_large, mark, plan

__all__ = [
    "AlreadyUndone",
    "Inverse",
    "Kind",
    "Plan",
    "Refused",
    "State",
    "Undone",
    "Unit",
    "accounts",
    "check_set",
    "inverse",
    "is_large",
    "mark",
    "organisation",
    "people",
    "plan",
    "steps",
]
