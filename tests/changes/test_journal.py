"""What stands in the journal: who, what, when and why, in the same transaction as the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import JSON, Boolean, Date, Enum, Integer, Numeric, func, insert, select

from app import actions
from app.access.actor import operator
from app.accounts.models import AccessRole, User
from app.actions.registry import ACTIONS, action
from app.changes import opening
from app.changes.journal import (
    ChangeRow,
    ChangeSet,
    Segment,
    change_of,
    content_hash,
    digest,
    plain,
    told_arguments,
    value_of,
)
from app.changes.tracking import KNOWINGLY, TRACKED, Change, Operation, told_fields
from app.core.clock import now, today
from app.core.columns import UtcDateTime
from app.core.problems import Invalid
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.role import Role
from tests.applications import application
from tests.browsing import Browser
from tests.sample import Sample

RUN: dict[str, Any] = {"actor": operator(), "source": actions.Source.CLI}


def last_set() -> ChangeSet:
    """Return the newest change set."""
    return db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()


def rows_of(change_set_id: int | None) -> list[ChangeRow]:
    """Return the changes of a set, in order."""
    query = select(ChangeRow).join(Segment, Segment.id == ChangeRow.segment_id)
    return list(db.session.scalars(query.where(Segment.change_set_id == change_set_id).order_by(ChangeRow.id)))


def counted(model: type[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def named() -> Iterator[Callable[..., Any]]:
    """Give `action`; what a test registers by it goes after the test."""
    before = dict(ACTIONS)
    yield action
    ACTIONS.clear()
    ACTIONS.update(before)


@pytest.mark.usefixtures("context")
def test_change_set_tells_what_was_done_by_whom_and_why() -> None:
    before = now()
    done = actions.run("create_role", **RUN, reason="  For the new office ", values={"title": "Cook", "level": 3})
    db.session.rollback()
    made = db.session.get_one(ChangeSet, done.change_set_id)
    assert before <= made.at <= now()
    assert (made.action, made.source, made.reason, made.actor_id) == ("create_role", "cli", "For the new office", None)
    (segment,) = db.session.scalars(select(Segment).where(Segment.change_set_id == made.id))
    (row,) = rows_of(made.id)
    assert (segment.number, segment.count, segment.content_hash) == (1, 1, content_hash([row.digest]))
    assert (row.entity, row.row_id, row.operation, row.before) == ("roles", done.value, Operation.CREATE, {})
    assert row.after == {"title": "Cook", "level": 3}
    assert row.fields.split() == ["title", "level"]
    assert row.digest == digest(vars(row))


def test_change_from_a_page_tells_account_session_address_and_request(app: Flask, sample: Sample) -> None:
    browser = Browser(app).sign_in(sample.users["hr"])
    page = browser.submit(f"/admin/roles/edit/?id={sample.roles['Clerk']}", family="Office")
    assert page.status_code == 303
    with app.app_context():
        made = last_set()
        assert (made.action, made.source, made.actor_id) == ("change_role", "panel", sample.users["hr"])
        assert made.session_id is not None
        assert (made.address, made.request_id) == ("127.0.0.1", page.headers["X-Request-Id"])


@pytest.mark.usefixtures("context")
def test_whose_record_was_changed_is_told_also_of_their_history_and_account(sample: Sample) -> None:
    eli = sample.people["Eli"]
    version = db.session.get_one(Employee, eli).version
    values = {"department_id": sample.departments["Board"]}
    done = actions.run("change_employee", **RUN, employee_id=eli, version=version, values=values, valid_from=today())
    assert {(row.entity, row.person_id) for row in rows_of(done.change_set_id)} == {
        ("employees", eli),
        ("assignments", eli),
    }
    user = db.session.get_one(User, sample.users["staff"])
    done = actions.run("change_user", **RUN, user_id=user.id, version=user.version, values={"is_active": False})
    assert [(row.entity, row.person_id) for row in rows_of(done.change_set_id)] == [("users", eli)]


@pytest.mark.usefixtures("context")
def test_what_fails_or_is_a_preview_or_changes_nothing_leaves_nothing(sample: Sample) -> None:
    before = [counted(model) for model in (ChangeSet, Segment, ChangeRow)]
    actions.run("create_role", **RUN, preview=True, values={"title": "Cook"})
    with pytest.raises(Invalid):
        actions.run("create_role", **RUN, values={"title": "clerk"})  # there is one
    clerk = db.session.get_one(Role, sample.roles["Clerk"])
    done = actions.run("change_role", **RUN, role_id=clerk.id, version=clerk.version, values={"title": "Clerk"})
    assert done.change_set_id is None
    db.session.rollback()
    assert [counted(model) for model in (ChangeSet, Segment, ChangeRow)] == before


@pytest.mark.usefixtures("context")
def test_further_segments_belong_to_the_same_set(named: Callable[..., Any]) -> None:
    first = actions.run("create_role", **RUN, values={"title": "Cook"})
    second = actions.run("create_role", **RUN, within=first.change_set_id, values={"title": "Baker"})
    assert second.change_set_id == first.change_set_id
    query = select(Segment.number, Segment.count).where(Segment.change_set_id == first.change_set_id)
    assert [tuple(row) for row in db.session.execute(query.order_by(Segment.number))] == [(1, 1), (2, 1)]
    assert [row.after["title"] for row in rows_of(first.change_set_id) if row.after] == ["Cook", "Baker"]


@pytest.mark.usefixtures("context")
def test_what_runs_along_is_saved_with_the_segment_or_not_at_all() -> None:
    seen: list[int | None] = []

    def also(change_set_id: int | None) -> None:
        seen.append(change_set_id)
        raise Invalid({"": "no"})

    with pytest.raises(Invalid):
        actions.run("create_role", **RUN, also=also, values={"title": "Cook"})
    db.session.rollback()
    assert seen != [None]
    assert db.session.get(ChangeSet, seen[0]) is None
    assert db.session.scalar(select(Role).where(Role.title == "Cook")) is None


@pytest.mark.usefixtures("context")
def test_action_that_matters_without_a_change_is_told_all_the_same(sample: Sample) -> None:
    done = actions.run("make_sign_in_link", **RUN, user_id=sample.users["staff"])
    made = db.session.get_one(ChangeSet, done.change_set_id)
    assert made.arguments == {"user_id": sample.users["staff"]}
    assert rows_of(made.id) == []
    assert done.value not in repr(vars(made))


def test_arguments_keep_ids_days_and_names_of_fields_but_nothing_typed() -> None:
    told = told_arguments(
        {
            "employee_ids": [1, 2],
            "many": list(range(100)),
            "valid_from": date(2026, 1, 2),
            "status": Status.LEFT,
            "is_last": True,
            "values": {"phone": "+1 555", "birth_date": "2000-01-01"},
            "password": "secret",
            "nothing": None,
        }
    )
    assert told == {
        "employee_ids": [1, 2],
        "many": 100,
        "valid_from": "2026-01-02",
        "status": "left",
        "is_last": True,
        "values": ["birth_date", "phone"],
    }


def examples(column: Any) -> list[Any]:
    """Return values that a column may hold."""
    kind = column.type
    if isinstance(kind, Enum) and kind.enum_class:
        return list(kind.enum_class)
    if isinstance(kind, UtcDateTime):
        return [datetime(2024, 2, 29, 23, 59, 59, 123456, UTC)]
    if isinstance(kind, Date):
        return [date(1900, 1, 1)]
    if isinstance(kind, Numeric):
        return [Decimal("0.75"), Decimal("12345.6"), Decimal(100)]
    if isinstance(kind, JSON):
        return [{"a": [1, None, "ü"], "b": {"c": True}}]
    if isinstance(kind, Boolean):
        return [True, False]
    return [0, 2**31 - 1] if isinstance(kind, Integer) else ["", "O'Hara 山 😀", "null"]


def test_every_tracked_value_comes_back_as_its_column_takes_it() -> None:
    for entity, model in TRACKED.items():
        for field in told_fields(model):
            for value in [None, *examples(db.metadata.tables[entity].columns[field])]:
                found = value_of(entity, field, plain(value))
                assert found == value, f"{entity}.{field}"
                assert type(found) is type(value)
                assert not isinstance(plain(value), StrEnum | date | Decimal)


@pytest.mark.usefixtures("context")
def test_change_read_back_is_the_change_that_was_told(sample: Sample) -> None:
    values = {
        "number": "9",
        "first_name": "Zoë",
        "hired_on": "2020-01-01",
        "fte": "0.5",
        "custom": {"shoe": [43, None]},
    }
    done = actions.run("hire", **RUN, values={**values, "birth_date": "1990-05-05"})
    db.session.rollback()
    told = {(change.entity, change.id): change for change in done.changes}
    found = {(change.entity, change.id): change for change in map(change_of, rows_of(done.change_set_id))}
    assert found == told
    assert found["employees", done.value] == Change(
        "employees", done.value, done.value, Operation.CREATE, {}, told["employees", done.value].after
    )


def test_opening_tells_of_all_that_was_there_and_only_once(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        upgrade()
        opened = db.session.scalars(select(ChangeSet)).one()
        assert (opened.action, opened.source, opened.actor_id) == (opening.ACTION, "system", None)
        rows = rows_of(opened.id)
        assert {row.entity for row in rows} == {"access_roles", "grants"}
        assert len(rows) == counted(AccessRole) + db.session.scalar(select(func.count()).select_from(TRACKED["grants"]))
        upgrade()
        assert (counted(ChangeSet), len(rows_of(opened.id))) == (1, len(rows))


def test_opening_cut_short_goes_on_where_it_ended(
    fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        monkeypatch.setattr(opening, "open_journal", lambda: None)
        upgrade()
        monkeypatch.undo()
        rows = [{"title": f"{n}", "title_key": f"{n}", "version": 1} for n in range(25)]
        with db.engine.begin() as connection:
            connection.execute(insert(Role), rows, execution_options={KNOWINGLY: True})
        monkeypatch.setattr(opening, "CHUNK", 10)
        record, calls = opening.record, []

        def cut(*arguments: Any) -> int:
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return record(*arguments)

        monkeypatch.setattr(opening, "record", cut)
        with pytest.raises(KeyboardInterrupt):
            opening.open_journal()
        opening.open_journal()
        told = [(row.entity, row.row_id) for row in rows_of(last_set().id)]
        there = [(name, row_id) for name, model in TRACKED.items() for row_id in db.session.scalars(select(model.id))]
        assert sorted(told) == sorted(there)
        assert counted(ChangeSet) == 1
