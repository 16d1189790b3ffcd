"""What people do: each change is a named action, and `run` is the only door to them."""

from app.actions import accounts, demo, employees, organisation
from app.actions.imports import writing
from app.actions.registry import Outcome, Source, action, run

__all__ = ["Outcome", "Source", "accounts", "action", "demo", "employees", "organisation", "run", "writing"]
