"""The journal replayed from empty gives the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, update

from app.changes.replay import Gap, compare, replay
from app.changes.tracking import KNOWINGLY
from app.changes.verification import verify
from app.extensions import db
from app.people.role import Role
from tests import sample
from tests.actions.undo.undoing import do, told, undo
from tests.applications import application, migrate
from tests.sample import Sample


@pytest.fixture
def made(fresh_database_url: str) -> Iterator[Sample]:
    """Give the small organisation in a database of its own, with nothing in its journal but itself."""
    with application(fresh_database_url) as app:
        migrate(app)
        with app.app_context():
            yield sample.build()


def past_the_journal(*statements: object) -> None:
    """Change the database as nobody should."""
    db.session.rollback()
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execution_options(**{KNOWINGLY: True}).execute(statement)


def test_replay_gives_what_the_tables_hold(made: Sample) -> None:
    undo(do("leave", employee_ids=[made.people["Eli"]], left_on="2026-01-31"))
    do("delete_role", role_id=made.roles["Clerk"], target_id=made.roles["Engineer"])
    expected = {
        name: {
            row_id: {field: value for field, value in row.items() if value is not None} for row_id, row in rows.items()
        }
        for name, rows in told().items()
    }
    assert replay() == expected
    assert list(compare()) == []
    assert list(verify()) == []


def test_compare_names_rows_and_fields_that_differ(made: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.changes.replay.WINDOW", 2)
    clerk = made.roles["Clerk"]
    values = {"title": "Unheard of", "title_key": "unheard of", "version": 1}
    past_the_journal(
        update(Role).where(Role.id == clerk).values(level=3),
        insert(Role).values(id=clerk + 1, **values),
    )
    gaps = {(gap.id, gap.field): gap for gap in compare()}
    assert gaps.keys() == {(clerk, "level"), (clerk + 1, "")}
    assert gaps[clerk, "level"] == Gap("roles", clerk, "level", None, 3)
    assert gaps[clerk + 1, ""].journal is None


def test_erased_person_is_told_by_what_is_left_of_them(made: Sample) -> None:
    do("raise_pay", employee_ids=[made.people["Bo"]], amount="1", currency="EUR")
    do("erase_person", employee_id=made.people["Bo"])
    assert list(compare()) == []
    assert list(verify()) == []
