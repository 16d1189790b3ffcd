"""The house of these tests, and actions that change any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.access.grants import Action, Subject
from app.actions import registry
from tests.actions.counting import make_roles
from tests.actions.four_eyes.house import House, build, touch
from tests.sample import Sample


@pytest.fixture
def house(sample: Sample, context: Flask) -> House:
    """Give a house with two administrators."""
    return build(sample)


@pytest.fixture
def named(context: Flask) -> Iterator[Callable[..., Any]]:
    """Give the decorator that registers an action, for this test alone."""
    before = dict(registry.ACTIONS)
    yield registry.action
    registry.ACTIONS.clear()
    registry.ACTIONS.update(before)


@pytest.fixture
def roles(named: Callable[..., Any]) -> list[int]:
    """Give 250 job titles, and `touch`, which changes some of them."""
    named("touch", needs=(Action.EDIT, Subject.ORGANISATION), over="role_ids")(touch)
    return make_roles(250)
