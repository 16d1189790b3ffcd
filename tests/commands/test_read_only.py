"""`flask read-only` and `flask deployed`: the operator's switch, and the pipeline's last word."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from app.access.actor import operator
from app.actions.read_only import read_only_while
from app.changes.deployments import Deployment, Result
from app.changes.journal import ChangeSet
from app.commands.deployed import deployed
from app.commands.journal import journal
from app.commands.people import people
from app.commands.read_only import read_only
from app.commands.users import create_user
from app.extensions import db
from app.reading.journal import latest
from tests.commands.saying import invoke, said
from tests.sample import Sample

TOLD = ("--tag", "1.4.0", "--commit", "8d0f2c17a4b3" + "0" * 28, "--outcome")


def newest() -> ChangeSet:
    return db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()


def test_operator_switches_it_on_and_off(app: Flask) -> None:
    assert said(app, read_only, "status") == "Read-only is off: everything can be changed."
    assert said(app, read_only, "on", "--reason", "New disks") == "Read-only is on: New disks"
    assert said(app, read_only, "status") == "Read-only is on: New disks"
    with app.app_context():
        assert (newest().action, newest().source, newest().reason) == ("switch_read_only", "cli", "New disks")
    again = invoke(app, read_only, "on")
    assert (again.exit_code, "on already" in again.stderr) == (1, True)
    assert said(app, read_only, "off") == "Read-only is off: everything can be changed."
    assert said(app, read_only, "on") == "Read-only is on."


def test_status_tells_a_setting_and_a_migration(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context(), read_only_while("a new column"):
        assert "because of a migration" in said(app, read_only, "status")
    monkeypatch.setitem(app.config, "READ_ONLY", True)
    assert "by the setting READ_ONLY" in said(app, read_only, "status")


def test_commands_that_write_end_with_the_sentence(app: Flask, sample: Sample) -> None:
    said(app, read_only, "on", "--reason", "New disks")
    for command, arguments in (
        (create_user, ["new@sample.example", "--access-role", "staff"]),
        (people, ["erase", "104"]),
        (journal, ["undo", "1"]),
    ):
        result = invoke(app, command, *arguments)
        assert (result.exit_code, "for the moment: New disks. Nothing was saved" in result.stderr) == (1, True), command
    assert "nothing was erased" in said(app, people, "erase", "104", "--dry-run")


def test_a_deployment_stands_in_the_journal(app: Flask) -> None:
    said(app, read_only, "on")
    more = (
        "--digest",
        "sha256:ab",
        "--run",
        "https://ci.example/7",
        "--servers",
        "app1,app2",
        "--summary",
        "All well.",
    )
    number = int(said(app, deployed, *TOLD, "done", *more))
    with app.app_context():
        told = newest()
        assert (told.id, told.action, told.actor_id, told.source) == (number, "note_deployment", None, "cli")
        assert told.reason == "1.4.0 (8d0f2c17a4b3), done, on app1, app2. All well."
        assert told.arguments == {"result": "done"}
        row = db.session.scalars(select(Deployment)).one()
        assert (row.result, row.tag, row.change_set_id) == (Result.DONE, "1.4.0", number)
        assert (row.commit_hash, row.digest) == ("8d0f2c17a4b3" + "0" * 28, "sha256:ab")
        assert (row.run, row.servers, row.summary) == ("https://ci.example/7", "app1, app2", "All well.")
        assert next(latest(operator(), 1)).records == 0
    listed = json.loads(said(app, journal, "list", "--limit", "1", "--json"))
    assert listed["action"] == "note_deployment"
    assert listed["reason"] == "1.4.0 (8d0f2c17a4b3), done, on app1, app2. All well."
    assert "Deployment (0)" in said(app, journal, "list", "--limit", "1")


def test_a_deployment_takes_a_tag_and_an_outcome_that_is_one(app: Flask) -> None:
    assert invoke(app, deployed, "--tag", "1", "--outcome", "perhaps").exit_code == 2
    assert invoke(app, deployed, "--outcome", "done").exit_code == 2
    result = invoke(app, deployed, "--tag", " ", "--outcome", "failed")
    assert (result.exit_code, "Enter something here" in result.stderr) == (1, True)
    result = invoke(app, deployed, "--tag", "1", "--outcome", "back", "--summary", "x" * 501)
    assert (result.exit_code, "at most 500" in result.stderr) == (1, True)
    with app.app_context():
        assert db.session.scalars(select(Deployment)).all() == []
