"""What people do: each change is a named action, and `run` is the only door to them."""

from app.actions import (
    accounts,
    cache,
    careers,
    closing,
    demo,
    deployments,
    employees,
    erasure,
    leaving,
    notices,
    organisation,
    passwords_forgotten,
    pay,
    planned,
    read_only,
    undo,
    work,
)
from app.actions.archive import restoring
from app.actions.four_eyes import deciding, switching
from app.actions.imports import writing
from app.actions.registry import Outcome, Source, action, run

__all__ = [
    "Outcome",
    "Source",
    "accounts",
    "action",
    "cache",
    "careers",
    "closing",
    "deciding",
    "demo",
    "deployments",
    "employees",
    "erasure",
    "leaving",
    "notices",
    "organisation",
    "passwords_forgotten",
    "pay",
    "planned",
    "read_only",
    "restoring",
    "run",
    "switching",
    "undo",
    "work",
    "writing",
]
