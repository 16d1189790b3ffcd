"""The journal replayed from empty gives the tables, and its hashes tell what was tampered with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, insert, text, update

from app.changes.journal import ChangeRow, Segment
from app.changes.replay import Fault, Gap, compare, replay, verify
from app.changes.tracking import KNOWINGLY
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


def test_verify_finds_what_was_changed_removed_or_emptied(made: Sample, app: Flask) -> None:
    clean = db.session.query(ChangeRow).filter_by(entity="roles", row_id=made.roles["Clerk"]).one()
    other = db.session.query(ChangeRow).filter_by(entity="roles", row_id=made.roles["Engineer"]).one()
    third = db.session.query(ChangeRow).filter_by(entity="roles", row_id=made.roles["Director"]).one()
    ids = [(row.segment_id, row.id) for row in (clean, other, third)]
    without_triggers()
    past_the_journal(
        update(ChangeRow).where(ChangeRow.id == ids[0][1]).values(after={"title": "Forged"}),
        delete(ChangeRow).where(ChangeRow.id == ids[1][1]),
        update(ChangeRow).where(ChangeRow.id == ids[2][1]).values(before=None, after=None, salt=None),
    )
    assert set(verify()) == {
        Fault("does not fit its digest", *ids[0]),
        Fault("holds 0 changes instead of 1", ids[1][0]),
        Fault("is empty without an erasure", *ids[2]),
    }
    past_the_journal(update(Segment).where(Segment.id == ids[2][0]).values(content_hash="0" * 64))
    assert Fault("does not fit its hash", ids[2][0]) in set(verify())


def without_triggers() -> None:
    """Take away what keeps the journal, as somebody with the database's rights could."""
    kind = db.engine.dialect.name
    drops = {
        "sqlite": "DROP TRIGGER keep_{0}_{1}",
        "mysql": "DROP TRIGGER keep_{0}_{1}",
        "mariadb": "DROP TRIGGER keep_{0}_{1}",
    }
    statements = [
        drops[kind].format(table, event) if kind in drops else f"ALTER TABLE {table} DISABLE TRIGGER ALL"
        for table in ("changes", "segments")
        for event in ("update", "delete")
    ]
    past_the_journal(*(text(statement) for statement in statements))
