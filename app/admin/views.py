"""What views that are no panels of records have in common."""

from __future__ import annotations

from typing import Any

from flask_admin import BaseView

from app.access.actor import Actor
from app.access.grants import Action, Subject


class Direct:
    """Mixed in before a view of Flask-Admin, which calls a page again differently after a TypeError.

    That would hide where the error came from.
    """

    def _run_view(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(self, *args, **kwargs)


class OfSystem(Direct, BaseView):
    """A view for who may see the system."""

    def is_for(self, who: Actor) -> bool:
        """Say whether the view is for this actor."""
        return who.can(Action.VIEW, Subject.SYSTEM)
