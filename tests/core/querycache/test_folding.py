"""Rows of tokens are folded into one with their sum, beside writers and readers that go on."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.core.querycache import keeper, versions
from app.core.querycache.versions import CacheVersion, Token
from app.extensions import db
from tests.core.querycache.asking import LATEST, impatient, stored, tokens, writing


def spread(count: int) -> dict[str, Token]:
    """Add many rows; return the tokens that they make."""
    with writing() as connection:
        for _ in range(count):
            versions.move(connection, ["employees", "roles"])
            versions.move(connection, ["query folded"], LATEST)
    return tokens()


def test_folding_keeps_the_sums_and_what_changed_them_last(context: Flask) -> None:
    before = spread(30)
    assert versions.rows_present() > 90
    keeper.fold()
    assert tokens() == before
    assert versions.rows_present() == len(before)
    assert {told for name, *_, told in stored() if name == "query folded"} == {LATEST}
    keeper.fold()
    assert (tokens(), versions.rows_present()) == (before, len(before))


def test_very_many_rows_are_folded_in_parts(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "FOLDED_AT_ONCE", 100)
    before = spread(80)
    left = []
    while not left or left[-1] > len(before):
        keeper.fold()
        assert tokens() == before
        left.append(versions.rows_present())
    assert left[0] > 100, "one part was enough"
    assert left == sorted(left, reverse=True)


@pytest.mark.servers
def test_folding_and_writing_do_not_wait_for_each_other(context: Flask) -> None:
    """A folder that stops before its COMMIT stops nobody who writes."""
    spread(30)
    with db.engine.connect() as folder:
        assert versions.fold(folder)
        with impatient() as connection:
            versions.move(connection, ["roles"])
        before = tokens()
        folder.commit()
    assert tokens() == before


def test_a_row_is_folded_by_one_of_two(context: Flask) -> None:
    """The second has read what the first takes away: it does nothing, or is told to stop."""
    before = spread(20)
    folding, done = threading.Barrier(2, timeout=30), []

    def fold() -> None:
        with context.app_context():
            folding.wait()
            keeper.fold()
            done.append(tokens())

    threads = [threading.Thread(target=fold) for _ in range(2)]
    for thread in threads:
        thread.start()
    with writing() as connection:
        versions.move(connection, ["jobs"])
    for thread in threads:
        thread.join()
    assert len(done) == 2
    after = tokens()
    assert after.pop("jobs") != before.pop("jobs")
    assert after == before


@pytest.mark.servers
def test_who_folds_what_another_has_folded_meanwhile_does_nothing(context: Flask) -> None:
    before = spread(5)
    with db.engine.connect() as late:
        late.execute(select(CacheVersion.id)).all()  # its snapshot
        keeper.fold()
        is_done = False
        with suppress(DBAPIError):  # which is how PostgreSQL says it, and a MariaDB that keeps snapshots strictly
            is_done = versions.fold(late)
        late.rollback()
    assert not is_done
    assert tokens() == before
