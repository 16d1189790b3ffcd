"""`flask cache`: what the query cache did, as a table or for programs, and clearing it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.changes.journal import ChangeSet
from app.commands.cache import cache
from app.core import querycache, signs
from app.core.clock import now
from app.core.signs import Kind
from app.extensions import db
from app.people.role import Role
from tests.applications import application
from tests.cache_uses import use
from tests.commands.saying import invoke, said
from tests.sample import Sample
from tests.services.process import free_port
from tests.waiting import add

ROLES = select(Role.title).order_by(Role.id)


def told(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(app, cache, "stats", "--json"))
    return found


def ask(app: Flask) -> None:
    with app.app_context():
        querycache.rows("test.roles", ROLES, querycache.EVERYBODY)


def test_table_is_empty_in_words_and_then_has_a_line_for_each_query(app: Flask, sample: Sample) -> None:
    assert said(app, cache, "stats") == "Memory of each process\n\nNothing was asked yet."
    with app.app_context():
        numbers = {"hits": 97, "misses": 3, "verified": 9, "writing": 2, "miss_seconds": 0.06, "saved_seconds": 1.9}
        add(use("home.count", **numbers, filled_at=now() - timedelta(minutes=5)), use("x", refused=1))
    lines = said(app, cache, "stats").splitlines()
    assert lines[:3] == ["Memory of each process", "97% of 100 were there; that saved 1.9 s in all.", ""]
    assert [" ".join(line.split()) for line in lines[4:]] == [
        "home.count 97 3 97% 2 9 0 20 ms 1.9 s 5 minutes ago",
        "x 0 0 - 1 0 0 - 0 ms -",
    ]
    assert len({len(line) for line in lines[3:]}) == 1


def test_difference_and_likely_cause_are_told(app: Flask) -> None:
    with app.app_context():
        add(use("home.count", hits=1, verified=1, differing=1, differed_at=now()))
    words = "differed from the database: home.count. Most likely, rows were changed past Rollcall"
    assert words in said(app, cache, "stats")


def test_programs_get_all_of_it(app: Flask, sample: Sample) -> None:
    ask(app), ask(app)
    found = told(app)
    assert (found["store"], found["processes"]) == ("memory", [])
    assert 0 < found["used_bytes"] < found["allowed_bytes"]
    query = next(query for query in found["queries"] if query["name"] == "test.roles")
    assert (query["tables"], query["hits"], query["misses"], query["verified"]) == (["roles"], 1, 1, 1)
    assert query["sql"].startswith("SELECT roles.title")
    assert query["filled_at"].endswith("+00:00")


def test_processes_are_told_and_redis_need_not_be_there(app: Flask, database_url: str, tmp_path: Path) -> None:
    with app.app_context():
        signs.note(Kind.CACHE, "one:1", False, "it can’t be reached")
        signs.note(Kind.CACHE, "two:1", True)
    url = f"redis://:S3cret@127.0.0.1:{free_port()}"
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=url) as other:
        text = said(other, cache, "stats")
        assert text.startswith("Redis server\none:1: it can’t be reached since ")
        assert "UTC. Start Redis, or correct REDIS_URL; it is used again as soon as it answers.\ntwo:1: in use" in text
        assert "S3cret" not in text
        found = told(other)
        assert (found["store"], found["used_bytes"]) == ("redis", None)
        assert [(one["name"], one["is_in_use"]) for one in found["processes"]] == [("one:1", False), ("two:1", True)]
        assert said(other, cache, "clear") == "Cleared. Each query asks the database when it is needed next."


@pytest.mark.parametrize("name", [None, "test.roles"])
def test_operator_clears_all_or_one(app: Flask, sample: Sample, name: str | None) -> None:
    ask(app), ask(app)
    whose = "“test.roles” asks" if name else "Each query asks"
    printed = said(app, cache, "clear", *([name] if name else []))
    assert printed == f"Cleared. {whose} the database when it is needed next."
    ask(app)
    query = next(query for query in told(app)["queries"] if query["name"] == "test.roles")
    assert (query["hits"], query["misses"]) == (1, 2)
    with app.app_context():
        found = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
        assert (found.action, found.actor_id, found.source) == ("clear_cache", None, "cli")
        assert query["change_set_id"] == found.id


def test_unknown_name_is_one_sentence_and_no_success(app: Flask) -> None:
    result = invoke(app, cache, "clear", "nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: No query is called “nothing”. It may not have been asked yet.\n"
