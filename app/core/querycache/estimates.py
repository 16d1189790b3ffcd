"""How many rows a large list has, counted now and then: of no snapshot, and outside what the cache promises.

Counting a million rows for each page costs more than the page. So they are counted once in ten minutes, and whoever
shows the number says so.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import func, select

from app.core.database.engine import WRITING
from app.core.database.schema import HEAD
from app.core.querycache.cached import of_app
from app.core.querycache.statements import Question
from app.core.querycache.store import JITTER, Away
from app.extensions import db

TOLD_FOR_SECONDS = 600
COUNTING_SECONDS = 30
"""So long nobody else begins to count the same, which is as long as a statement may take."""
DIGITS = 3


def about(statement: Question, scope: str) -> int | None:
    """Return about how many rows a SELECT finds, as of some moment of the last ten minutes.

    None where that can't be told: somebody is counting just now, the store is in trouble, or this is inside an action.
    """
    mine = of_app()
    counting = select(func.count()).select_from(statement.order_by(None).subquery())
    plan, values = mine.plans.of(counting, db.engine.dialect)
    if plan.refusal or db.session().info.get(WRITING):
        return None
    key = mine.key("about", HEAD, scope, plan.told, values)
    try:
        kept = mine.store.get(key)
        if kept is not None:
            return int(kept)
        if not mine.store.claim(f"{key}:counting", COUNTING_SECONDS):
            return None
    except (Away, ValueError):
        return None
    number = rounded(db.session.execute(counting).scalar_one())
    with suppress(Away):
        mine.store.put(key, b"%d" % number, seconds=TOLD_FOR_SECONDS / (1 + JITTER))
    return number


def rounded(number: int) -> int:
    """Return a number to three significant digits: more would say what nobody knows."""
    return round(number, min(0, DIGITS - len(str(number))))
