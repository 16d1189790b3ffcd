"""What is odd about a server, told in words that say what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.access.actor import by_user, operator
from app.core.clock import now
from app.core.database.schema import HEAD, SchemaState
from app.core.problems import Forbidden
from app.core.servers import Part
from app.reading import servers
from app.reading.servers import Mark
from app.reading.system import State
from tests.clock import Clock
from tests.sample import Sample
from tests.servers import server
from tests.waiting import add, item

pytestmark = pytest.mark.usefixtures("context")


def marks(number: int = HEAD, oldest_code: int = HEAD) -> dict[str, set[Mark]]:
    """Return what is odd about each host, with tables at this migration."""
    schema = SchemaState(number=number, revision="x", oldest_code=oldest_code, applied_at=now())
    found = servers.running(operator(), schema)
    return {host: {mark for row in found if row.host == host for mark in row.marks} for host in {r.host for r in found}}


def test_servers_that_run_the_same_are_good() -> None:
    assert item("servers").state is State.OFF
    add(server("app1"), server("app1", part=Part.WORKER), server("app2"))
    found = item("servers")
    assert (found.state, found.facts, found.remedy) == (State.GOOD, ["2 servers are known."], "")
    assert marks() == {"app1": set(), "app2": set()}


def test_one_that_was_not_seen_for_three_minutes_is_named(clock: Clock) -> None:
    add(server("app1"), server("app2"))
    clock.move(minutes=2)
    add(server("app3"))
    clock.move(seconds=61)
    assert marks() == {"app1": {Mark.UNSEEN}, "app2": {Mark.UNSEEN}, "app3": set()}
    found = item("servers")
    assert (found.state, found.facts[1]) == (State.WARN, "Not seen for three minutes: app1, app2")
    assert "Look whether it runs" in found.remedy


def test_one_of_another_build_than_most_is_named_and_of_two_the_older_one(clock: Clock) -> None:
    add(server("app1"), server("app2"), server("app3", tag="1.5.0"))
    assert marks() == {"app1": set(), "app2": set(), "app3": {Mark.OTHER_BUILD}}
    assert "Another build than most: app3" in item("servers").facts
    clock.move(minutes=1)
    add(server("app4", tag="1.5.0"))
    assert marks() == {"app1": {Mark.OTHER_BUILD}, "app2": {Mark.OTHER_BUILD}, "app3": set(), "app4": set()}


@pytest.mark.parametrize(
    ("number", "oldest_code", "mark"),
    [
        (HEAD + 1, HEAD, Mark.BEHIND),
        (HEAD + 1, HEAD + 1, Mark.SHUT_OUT),
        (HEAD - 1, HEAD - 1, Mark.AHEAD),
    ],
)
def test_one_whose_code_does_not_fit_the_tables_is_named(number: int, oldest_code: int, mark: Mark) -> None:
    add(server("app1", is_draining=True))
    assert marks(number, oldest_code) == {"app1": {mark, Mark.DRAINING}}
    schema = SchemaState(number=number, revision="x", oldest_code=oldest_code, applied_at=now())
    found = servers.item(servers.running(operator(), schema))
    assert found.state is (State.BAD if mark is Mark.SHUT_OUT else State.WARN)
    assert found.facts[1].endswith(": app1")
    assert found.remedy


def test_they_are_for_who_may_see_the_system(sample: Sample) -> None:
    actor = by_user(sample.users["hr"])
    assert actor is not None
    with pytest.raises(Forbidden):
        servers.running(actor, None)


def test_a_server_that_ends_as_it_should_is_nothing_odd() -> None:
    add(server("app1", is_draining=True, since=now() - timedelta(days=3)))
    assert item("servers").state is State.GOOD
