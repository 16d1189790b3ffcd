"""The part of the page of the installation's state that tells whether anything can be changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from app.access.actor import operator
from app.actions import Source, run
from app.core.jobs.job import State as JobState
from app.reading.system import State
from tests.waiting import add_job, item

pytestmark = pytest.mark.usefixtures("context")
MINUTE = timedelta(minutes=1)


def test_read_only_is_told_with_what_ends_it_and_jobs_wait_for_that(
    context: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = item("read_only")
    assert (found.state, found.facts, found.remedy) == (State.GOOD, ["Off: everything can be changed."], "")
    add_job(JobState.WAITING, ago=2 * MINUTE)
    run("switch_read_only", actor=operator(), source=Source.CLI, is_on=True, why="New disks")
    found = item("read_only")
    assert (found.state, found.facts[1]) == (State.WARN, "Reason: New disks")
    assert found.remedy.startswith("Switch it off")
    assert (item("jobs").state, "go on by themselves" in item("jobs").remedy) == (State.WARN, True)
    monkeypatch.setitem(context.config, "READ_ONLY", True)
    assert "Take the setting READ_ONLY away" in item("read_only").remedy
