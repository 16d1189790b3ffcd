"""What people notice when a part of the cluster is lost: failures within the time of the health checks only."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.deploy.conftest import until
from tests.deploy.lab import network
from tests.deploy.lab.inventory import VIRTUAL
from tests.deploy.lab.lab import Lab
from tests.deploy.lab.load import PATIENCE_SECONDS, Load

Figure = Callable[[str], None]
HEALTH_SECONDS = 6.0
"""Two checks a second apart, each given a second, and the 4 s after which a silent connection is given up."""
TAKEOVER_SECONDS = 6.0
"""Three advertisements of a second that did not come, and a connection that has to be made anew."""
WATCHED_SECONDS = PATIENCE_SECONDS + 1
SETTLED_SECONDS = 0.5
"""By then what was answered has left the balancer, and what it was sent is acknowledged."""


def measured(load: Load, figure: Figure, lose: Callable[[], None], allowed: float, *, silent: bool = False) -> None:
    """Lose a part, watch for a while, and look that what failed did so within the time allowed.

    Where nobody is left to tell who waits there that it is lost, who sent a request before waits as long as they like.
    """
    since = load.mark()
    lose()
    lost = time.monotonic()
    time.sleep(WATCHED_SECONDS)
    failed = since.failures()
    untold = [failure for failure in failed if failure.sent < lost and failure.at - since.at > allowed]
    trouble = since.trouble_seconds(lost if silent else 0.0)
    figure(
        f"{len(failed)} requests failed, {len(untold)} of them untold, the last of the others {trouble:.1f} s after;"
        f" {since.answered()} were answered, the slowest in {since.slowest():.1f} s"
    )
    told = "".join(f"\n{one.sent - lost:+.2f} to {one.at - lost:+.2f} s: {one.what}, {one.why[:200]}" for one in failed)
    assert trouble <= allowed, told
    assert bool(untold) == silent, told
    assert since.answered() > WATCHED_SECONDS
    assert not load.lost_edits()


def test_app_server_loses_its_power(serving: Lab, load: Load, figure: Figure) -> None:
    server = serving.servers["app3"]
    somebody_waits(serving)

    def lose() -> None:
        network.pull_cable(server)  # else the kernel would say goodbye for the processes
        server.stop()

    measured(load, figure, lose, HEALTH_SECONDS)
    server.start()
    network.plug_in(server)
    server.run("service", "docker", "start")
    until(lambda: serving.is_up("app3"), 60, "app3 serves again by itself once its engine runs")


def test_redis_master_is_killed(serving: Lab, load: Load, figure: Figure) -> None:
    master = serving.redis_master()
    measured(load, figure, lambda: serving.servers[master].run("pkill", "-KILL", "-x", "redis-server"), 0.0)
    until(lambda: serving.redis_master() != master, 30, "a replica becomes master")
    serving.servers[master].run("service", "redis-server", "start")


def test_load_balancer_with_the_address_loses_its_power(serving: Lab, load: Load, figure: Figure) -> None:
    holder = next(name for name in ("lb1", "lb2") if f" {VIRTUAL}/" in serving.servers[name].run("ip", "address"))
    server = serving.servers[holder]
    somebody_waits(serving)

    def lose() -> None:
        network.pull_cable(server)
        serving.servers["app3"].thaw()  # it answers, and the answer finds nobody

    measured(load, figure, lose, TAKEOVER_SECONDS, silent=True)
    server.stop()
    server.start()
    network.plug_in(server)
    for service in ("haproxy", "keepalived"):
        server.run("service", service, "start")
    since = load.mark()
    time.sleep(WATCHED_SECONDS)
    assert since.trouble_seconds(since.at) <= TAKEOVER_SECONDS, since.failures()


def somebody_waits(serving: Lab) -> None:
    """Let app3 stop answering, until somebody waits for it, and the balancer has acknowledged what they sent."""
    until(lambda: serving.is_served("app3"), 30, "both balancers send requests to the server")
    serving.servers["app3"].freeze()
    time.sleep(SETTLED_SECONDS)  # or a request that was answered just before would be taken for one that waits
    until(lambda: serving.waiting_for("app3") > 0, 5, "somebody waits for an answer of the server")
    time.sleep(SETTLED_SECONDS)


@pytest.mark.parametrize("name", ["app1", "app2", "app3"])
def test_everything_is_back(serving: Lab, name: str) -> None:
    until(lambda: serving.is_served(name), 30, f"{name} serves")
