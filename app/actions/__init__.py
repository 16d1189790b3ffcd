"""What people do: each change is a named action, and `run` is the only door to them."""

from app.actions import (
    accounts,
    careers,
    closing,
    demo,
    employees,
    erasure,
    leaving,
    organisation,
    pay,
    planned,
    undo,
    work,
)
from app.actions.imports import writing
from app.actions.registry import Outcome, Source, action, run

__all__ = [
    "Outcome",
    "Source",
    "accounts",
    "action",
    "careers",
    "closing",
    "demo",
    "employees",
    "erasure",
    "leaving",
    "organisation",
    "pay",
    "planned",
    "run",
    "undo",
    "work",
    "writing",
]
