"""Counts of large lists: once in ten minutes, and told as what they are."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.changes.transaction import write
from app.core.clock import now
from app.core.querycache import EVERYBODY, estimates
from app.core.querycache.backends import Memory
from app.core.querycache.cached import of_app
from app.core.querycache.store import Store, Trouble
from app.people.role import Role
from tests.sample import act

pytestmark = pytest.mark.usefixtures("context", "empty_store")


@pytest.fixture
def empty_store(context):
    """Forget what was counted for another test."""
    of_app().store.backend.clear()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, 0),
        (7, 7),
        (999, 999),
        (1000, 1000),
        (1004, 1000),
        (10_049, 10_000),
        (10_051, 10_100),
        (1_234_567, 1_230_000),
    ],
)
def test_three_digits_are_told(number, told):
    assert estimates.rounded(number) == told


def make(*titles):
    """Make roles."""
    for title in titles:
        act("create_role", values={"title": title})


def about(scope=EVERYBODY, level=None):
    """Return about how many roles there are."""
    return estimates.about(select(Role.id).where(Role.level == level if level else Role.id > 0), scope)


def test_counted_once_for_a_while_by_each_scope_and_for_each_list():
    make("One", "Two")
    assert about() == 2
    make("Three")
    assert about() == 2
    assert about("of somebody else") == 3
    assert about(level=4) == 0
    of_app().store.backend.clear()
    assert about() == 3


def test_kept_for_as_long_as_is_told(monkeypatch):
    at = [0.0]
    store = Store(Memory(timer=lambda: at[0]), is_remote=False)
    monkeypatch.setattr(of_app(), "store", store)
    make("One")
    assert about() == 1
    make("Two")
    at[0] = estimates.TOLD_FOR_SECONDS * 0.8
    assert about() == 1
    at[0] = estimates.TOLD_FOR_SECONDS
    assert about() == 2


def test_not_told_inside_an_action_or_with_the_store_in_trouble_or_while_another_counts(monkeypatch):
    assert write(about) is None
    store = of_app().store
    monkeypatch.setattr(store, "is_remote", True)
    monkeypatch.setattr(store, "trouble", Trouble("gone", now()))
    assert about() is None
    monkeypatch.setattr(store, "trouble", None)
    monkeypatch.setattr(store, "claim", lambda key, seconds: False)
    assert about() is None
    monkeypatch.undo()
    assert about() == 0


def test_what_is_no_number_is_not_told(monkeypatch):
    monkeypatch.setattr(of_app().store, "get", lambda key: b"{}")
    assert about() is None


def test_neither_counted_as_a_hit_nor_compared():
    make("One")
    before = of_app().uses.totals()
    assert about() == about() == 1
    assert of_app().uses.totals() == before
