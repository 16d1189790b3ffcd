"""Within a request every read sees the same moment, whatever others commit meanwhile."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from tests.browsing import Browser
from tests.core.database.conftest import scalar
from tests.sample import Sample, act
from tests.writing import write

TITLES = "SELECT COUNT(*) FROM roles"


def commit_elsewhere(title: str) -> None:
    """Commit a row on another connection."""
    with db.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO roles (title, title_key, version) VALUES ('{title}', '{title}', 1)"))


def test_reads_of_one_request_see_one_moment(context: Flask) -> None:
    before = scalar(TITLES)
    commit_elsewhere("a")
    assert scalar(TITLES) == before
    assert scalar("SELECT COUNT(*) FROM departments") == 0
    commit_elsewhere("b")
    assert scalar(TITLES) == before
    db.session.rollback()
    assert scalar(TITLES) == before + 2


def test_after_an_action_the_new_state_is_seen(context: Flask) -> None:
    before = scalar(TITLES)
    commit_elsewhere("a")
    act("create_role", values={"title": "b"})
    assert scalar(TITLES) == before + 2
    commit_elsewhere("c")
    assert scalar(TITLES) == before + 2


def test_an_action_works_on_what_is_there_when_it_begins(context: Flask) -> None:
    scalar(TITLES)
    commit_elsewhere("a")
    assert write(lambda: scalar(TITLES)) == 1


@pytest.fixture
def page_that_reads_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the directory's page count before and after somebody else's commit."""
    counted: list[int] = []
    view = app.view_functions["web.directory"]

    def read_twice(**arguments: object) -> object:
        counted.append(scalar(TITLES))
        commit_elsewhere("while the page is made")
        counted.append(scalar(TITLES))
        return view(**arguments)

    monkeypatch.setitem(app.view_functions, "web.directory", read_twice)
    return counted


def test_a_page_reads_one_moment_from_who_is_asking_to_the_last_row(
    app: Flask, sample: Sample, page_that_reads_twice: list[int]
) -> None:
    browser = Browser(app).sign_in(sample.users["staff"])
    assert browser.get("/directory").status_code == 200
    assert page_that_reads_twice == [3, 3]
