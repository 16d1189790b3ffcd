"""`flask migration-report`: what would run, whom it keeps waiting, and whether it needs downtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from app.commands.migration_report import NEEDS_DOWNTIME
from app.core.database import migration, report
from app.core.database.schema import HEAD
from app.extensions import db
from tests.applications import application
from tests.migrations.future import NEXT, Add, future, seen

INDEX = 'op.create_index("ix_employees_hired_on_more", "employees", ["hired_on"])'
NEW_TABLE = 'op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True), **TABLE)'
CHECK = (
    'with op.batch_alter_table("access_roles") as table:',
    '    table.create_check_constraint("more", "length(name) > 0")',
)


@pytest.fixture
def coming(
    migrated_app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, Add]]:
    """Give an application on the database of this run, and a function that adds a migration to come."""
    with future(database_url, tmp_path, monkeypatch) as (app, add):
        yield app, add
        with db.engine.begin() as connection:
            connection.execute(text("DELETE FROM servers"))


def told(app: Flask) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the report."""
    done = app.test_cli_runner().invoke(args=["migration-report", "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return done.exit_code, found


def effect(found: dict[str, Any], does: str) -> dict[str, Any]:
    """Return the one effect of this kind."""
    (step,) = found["migrations"]
    (one,) = [e for s in step["statements"] for e in s["effects"] if e["does"] == does]
    return dict(one)


def test_pending_statements_are_told_with_what_they_lock_and_nothing_is_changed(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    assert told(app) == (0, {**told(app)[1], "verdict": "nothing pending", "migrations": []})
    add(NEW_TABLE, INDEX, head="read_only = True")
    seen("app1", HEAD)
    code, found = told(app)
    assert (code, found["verdict"], found["reasons"]) == (0, "the running version may go on", [])
    assert (found["from"], found["to"]) == (f"{HEAD:04d}", NEXT)
    assert found["running"] == {"number": HEAD, "hosts": ["app1"]}
    (step,) = found["migrations"]
    assert (step["number"], step["title"], step["oldest_code"], step["read_only"]) == (
        NEXT, "Something more", HEAD, True,
    )  # fmt: skip
    assert [statement["sql"].split("(")[0].split()[:3] for statement in step["statements"]][:2] == [
        ["CREATE", "TABLE", "more"],
        ["CREATE", "INDEX", "ix_employees_hired_on_more"],
    ]
    lock, waiting = {
        "sqlite": ("the whole database", "writers"),
        "mysql": ("NOCOPY, LOCK=NONE", "nobody"),
        "postgresql": ("SHARE", "writers"),
    }[db.engine.dialect.name]
    one = effect(found, "add index")
    assert (one["table"], one["lock"], one["waiting"], one["longer_with_rows"]) == ("employees", lock, waiting, True)
    assert migration.current() == f"{HEAD:04d}"
    assert not inspect(db.engine).has_table("more")


def test_waiting_for_many_rows_needs_downtime_unless_writers_are_told(
    coming: tuple[Flask, Add], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, add = coming
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE access_roles"))
    add(*CHECK)
    code, found = told(app)
    assert (code, found["verdict"]) == (0, "the running version may go on")
    monkeypatch.setattr(report, "MANY_ROWS", 3)
    code, found = told(app)
    assert (code, found["verdict"]) == (3, "needs downtime")
    assert any("access_roles waiting" in reason and "about 5" in reason for reason in found["reasons"])
    add(*CHECK, head="read_only = True")
    # PostgreSQL keeps those waiting, too, who only look.
    assert told(app)[0] == (3 if db.engine.dialect.name == "postgresql" else 0)


@pytest.mark.once
def test_code_that_would_be_shut_out_needs_downtime(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(NEW_TABLE, oldest_code=HEAD + 1)
    seen("app2", HEAD)
    code, found = told(app)
    assert (code, found["verdict"]) == (3, "needs downtime")
    assert found["reasons"] == [f"{NEXT} shuts out code older than {HEAD + 1}, and {HEAD} runs now (on app2)."]


@pytest.mark.once
def test_statement_that_is_not_known_is_never_taken_for_harmless(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add('op.execute("REINDEX employees")')
    code, found = told(app)
    assert (code, effect(found, "unknown")["waiting"]) == (3, "unknown")
    assert found["reasons"] == [f"{NEXT} runs what is not known to this report: REINDEX employees"]


@pytest.mark.servers
def test_migration_that_asks_before_it_does_can_t_be_told(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add("for row in op.get_bind().execute(sa.text('SELECT id FROM employees')):", "    print(row)")
    code, found = told(app)
    assert code == 3
    assert "can’t be told beforehand" in found["reasons"][0]


@pytest.mark.once
def test_table_that_sqlite_rebuilds_is_said_to_be_copied(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    add(*CHECK)
    code, found = told(app)
    assert code == 0
    does = [e["does"] for s in found["migrations"][0]["statements"] for e in s["effects"] if e["table"]]
    assert does[:4] == ["create table", "insert rows from a query", "insert rows from a query", "drop table"]
    assert {e["table"] for s in found["migrations"][0]["statements"] for e in s["effects"]} >= {"access_roles"}


@pytest.mark.once
def test_text_says_the_same_in_words(coming: tuple[Flask, Add]) -> None:
    app, add = coming
    done = app.test_cli_runner().invoke(args=["migration-report"])
    assert (done.exit_code, done.stdout) == (0, "Verdict: nothing pending.\n")
    add(INDEX, head="read_only = True")
    done = app.test_cli_runner().invoke(args=["migration-report"])
    assert done.exit_code == 0
    assert f"\n{NEXT} Something more\n  code from {HEAD} on may run after it\n  while it runs everything" in done.stdout
    assert "    CREATE INDEX ix_employees_hired_on_more ON employees (hired_on)\n      → add index on" in done.stdout
    assert done.stdout.endswith("\nVerdict: the running version may go on.\n")


@pytest.mark.once
def test_empty_database_has_nobody_who_could_be_shut_out(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path)) as app, app.app_context():
        code, found = told(app)
    assert (code, found["from"], found["running"]) == (0, None, None)
    assert [step["oldest_code"] for step in found["migrations"]][:2] == [1, 2]
    assert not [step["trouble"] for step in found["migrations"] if step["trouble"]]


def test_guide_names_the_limit_and_the_exit_code() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "migrations.md").read_text(encoding="utf-8")
    assert f"a table of {report.MANY_ROWS:,} rows or more" in guide
    assert f"| needs downtime | see the reasons above the verdict | {NEEDS_DOWNTIME} |" in guide
    assert all(f"| {verdict} |" in guide for verdict in report.Verdict)
