"""The query cache cleared: every process has to ask the database again, and the store needn't even be there."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.registry import action
from app.core.problems import Invalid
from app.core.querycache import versions
from app.core.querycache.cached import of_app
from app.core.querycache.uses import CacheUse
from app.extensions import db


@action("clear_cache", needs=(Action.ADMINISTER, Subject.SYSTEM), is_always_told=True, goes_on=True)
def clear_cache(actor: Actor, query: str | None = None) -> None:
    """Move the tokens of all groups of tables, or the one of the query of this name, so that nothing kept fits.

    What is kept under the old ones stays in the store until its time is over; nobody looks for it any more.
    """
    if query is not None and not _is_known(query):
        raise Invalid({"": _l("No query is called “%(name)s”. It may not have been asked yet.", name=query)})
    everything = {versions.EVERYTHING, *versions.groups().values()}
    versions.touch(db.session.connection(), everything if query is None else {versions.of_query(query)})


def _is_known(name: str) -> bool:
    """Say whether the query was asked: counted in the database, or so far in this process only."""
    found = db.session.scalar(select(CacheUse.name).where(CacheUse.name == name))
    return found is not None or name in of_app().uses.totals()
