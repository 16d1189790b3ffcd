"""What administrators of the system have done at once instead of waiting for it to be done anyway."""

from __future__ import annotations

from flask_babel import gettext as _

from app.access.actor import Actor, refreshed
from app.access.grants import Action, Subject
from app.actions.archive.sending import SIGN
from app.core import signs
from app.core.patience import within
from app.core.problems import Problem
from app.core.signs import Kind
from app.core.storage import storage

CHECK_SECONDS = 5.0
"""Whoever presses a button waits for so long; a store that needs more is no store to count on."""


def check_storage(actor: Actor) -> str | None:
    """Write, read and remove a small file in the store, and note how that went; return what is wrong, if anything.

    Nothing that has a history changes, so it is no action. Raises `Forbidden`.
    """
    refreshed(actor).require(Action.ADMINISTER, Subject.SYSTEM)
    store = storage()
    try:
        within(CHECK_SECONDS, "storage", store.check)
        wrong = None
    except TimeoutError:
        words = _("%(where)s did not answer within %(count)s seconds.", where=store.where, count=int(CHECK_SECONDS))
        wrong = str(words)
    except Problem as problem:
        wrong = str(problem)
    signs.note(Kind.STORAGE, SIGN, wrong is None, wrong)
    return wrong
