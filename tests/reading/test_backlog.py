"""How long seals and archive lag behind, and how the page of the installation's state tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.changes.archived import AGAIN
from app.core import signs
from app.core.jobs.job import State as JobState
from app.core.signs import Kind
from app.core.version import VERSION
from app.reading import system
from app.reading.backlog import COUNTED_UP_TO, backlog
from app.reading.system import State
from tests.clock import Clock
from tests.waiting import add_job, add_segment, item, journal, wait_for_archive

__all__ = ["journal"]
pytestmark = pytest.mark.usefixtures("context")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(("age", "state"), [(4 * MINUTE, State.GOOD), (6 * MINUTE, State.WARN), (2 * HOUR, State.BAD)])
def test_archive_is_told_by_the_age_of_what_waits(clock: Clock, age: timedelta, state: State) -> None:
    assert item("archive").state is State.GOOD
    assert item("archive").facts == ["Everything that was sealed is in the archive."]
    add_segment(clock.now() - age, 1)
    wait_for_archive(1, clock.now() + MINUTE)  # somebody is at it, not for the first time
    found = item("archive")
    assert found.state is state
    assert found.facts[0] == "Parts of the journal that wait: 1."
    assert found.remedy == ("" if state is State.GOOD else "Start “flask --app run worker”.")
    signs.note(Kind.WORKER, "one:1", True, VERSION)
    assert (found := item("archive")).remedy.startswith("The log") == (state is not State.GOOD)
    signs.note(Kind.STORAGE, "archive", False, "Gone.")
    assert ("as soon as the storage works" in item("archive").remedy) == (state is not State.GOOD)


@pytest.mark.usefixtures("journal")
def test_what_an_erasure_emptied_waits_since_then_and_not_since_its_seal(clock: Clock) -> None:
    add_segment(clock.now() - 1000 * HOUR, 1, salt=None)
    wait_for_archive(1, clock.now() - 2 * MINUTE)
    assert (backlog().unarchived, backlog().archive_lag) == (1, 2 * MINUTE)
    add_segment(clock.now() - 3 * MINUTE, 2)
    wait_for_archive(2, clock.now() + MINUTE)
    assert (backlog().unarchived, backlog().archive_lag) == (2, 3 * MINUTE)


@pytest.mark.usefixtures("journal")
def test_what_is_written_a_second_time_to_be_sure_does_not_wait_before_its_time(clock: Clock) -> None:
    add_segment(clock.now() - HOUR, 1, salt=None)
    wait_for_archive(1, clock.now() + MINUTE, f"{AGAIN}x")
    assert (backlog().unarchived, backlog().archive_lag) == (0, timedelta(0))
    clock.move(minutes=3)
    assert (backlog().unarchived, backlog().archive_lag) == (1, 2 * MINUTE)


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("age", "state"), [(-MINUTE, State.GOOD), (MINUTE / 2, State.GOOD), (MINUTE, State.WARN), (10 * MINUTE, State.BAD)]
)
def test_seals_are_told_by_the_age_of_what_waits(clock: Clock, age: timedelta, state: State) -> None:
    assert item("seals").facts == ["Sealed parts of the journal: 0."]
    add_segment(clock.now() - HOUR, 1)
    add_segment(clock.now() - age)
    add_segment(clock.now())
    found = item("seals")
    assert found.state is state
    assert found.facts[0] == "Sealed parts of the journal: 1."
    assert found.facts[1].startswith("Waiting for a seal: 2, the oldest for ")
    assert found.remedy == ("" if state is State.GOOD else "Start “flask --app run worker”.")
    signs.note(Kind.WORKER, "one:1", True, VERSION)
    assert item("seals").remedy.startswith("The log of the worker") == (state is not State.GOOD)


def test_counting_stops_where_more_is_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.reading.backlog.COUNTED_UP_TO", 3)
    for _ in range(5):
        add_job(JobState.WAITING)
    assert backlog().jobs_waiting == 3
    assert system._count(COUNTED_UP_TO) == "10,000 or more"
