"""The query cache cleared: tokens move, so everybody asks the database again, whatever the store does."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access.actor import by_user, operator
from app.actions import Source, run
from app.changes.journal import ChangeSet
from app.core import querycache
from app.core.problems import Forbidden, Invalid
from app.core.querycache import versions
from app.core.querycache.versions import CacheVersion
from app.extensions import db
from app.people.department import Department
from app.people.role import Role
from tests.sample import Sample

pytestmark = pytest.mark.usefixtures("context")
QUERIES = {"one": select(func.count(Department.id)), "other": select(Department.name), "roles": select(Role.title)}


def outcomes(app: Flask) -> dict[str, str]:
    """Ask each query once more; return which were hits."""
    uses = app.extensions["querycache"].uses
    before = {name: use.hits for name, use in uses.totals().items()}
    db.session.rollback()
    for name, statement in QUERIES.items():
        querycache.rows(name, statement, querycache.EVERYBODY)
    after = uses.totals()
    return {name: "hit" if after[name].hits > before.get(name, 0) else "miss" for name in QUERIES}


def clear(query: str | None = None) -> int | None:
    return run("clear_cache", actor=operator(), source=Source.CLI, query=query).change_set_id


def test_all_or_one_is_asked_of_the_database_again(app: Flask, sample: Sample) -> None:
    assert set(outcomes(app).values()) == {"miss"}
    assert set(outcomes(app).values()) == {"hit"}
    clear("one")
    assert outcomes(app) == {"one": "miss", "other": "hit", "roles": "hit"}
    clear()
    assert outcomes(app) == {"one": "miss", "other": "miss", "roles": "miss"}
    assert set(outcomes(app).values()) == {"hit"}


def test_it_stands_in_the_journal_and_its_tokens_lead_there(app: Flask) -> None:
    outcomes(app)
    set_id = clear()
    told = db.session.get_one(ChangeSet, set_id)
    assert (told.action, told.source, told.arguments) == ("clear_cache", "cli", None)
    moved = select(CacheVersion.name).where(CacheVersion.change_set_id == set_id)
    assert sorted(db.session.scalars(moved)) == sorted({*versions.groups().values(), versions.EVERYTHING})
    set_id = clear("one")
    moved = select(CacheVersion.name).where(CacheVersion.change_set_id == set_id)
    assert set(db.session.scalars(moved)) == {"query one", "journal"}


@pytest.mark.parametrize("query", ["nothing", "", "query one", "x" * 300])
def test_query_that_was_never_asked_is_a_clear_error_and_nothing_is_cleared(app: Flask, query: str) -> None:
    outcomes(app)
    with pytest.raises(Invalid, match=f"No query is called “{query}”"):
        clear(query)
    assert set(outcomes(app).values()) == {"hit"}


def test_it_takes_the_right_to_administer_the_system(app: Flask, sample: Sample) -> None:
    outcomes(app)
    for who in ("auditor", "hr", "manager", "staff"):
        actor = by_user(sample.users[who])
        assert actor is not None
        with pytest.raises(Forbidden):
            run("clear_cache", actor=actor, source=Source.PANEL, query=None)
    assert set(outcomes(app).values()) == {"hit"}
