"""From bare servers to served pages, on to the next version under load, and back from each thing that can go wrong."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable

from tests.deploy.lab.lab import APPS, Lab
from tests.deploy.lab.load import Load, Mark
from tests.deploy.lab.workspace import expands, fails_to_migrate, has_a_red_test, never_is_ready

ROLLBACK_SECONDS = 60
Done = subprocess.CompletedProcess[str]
Figure = Callable[[str], None]


def changed(done: Done) -> dict[str, int]:
    """Return how many tasks changed something on each host, as Ansible's recap tells."""
    found = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", done.stdout, flags=re.M)
    return {host: int(count) for host, count in found}


def good(done: Done) -> Done:
    """Return what ended well; AssertionError with its last words otherwise."""
    assert done.returncode == 0, f"{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return done


def bad(done: Done) -> Done:
    """Return what failed, as it should."""
    assert done.returncode != 0, f"it went well: {done.stdout[-6000:]}"
    return done


def all_was_well(since: Mark, load: Load, figure: Figure, seconds: float) -> None:
    """Look that no request failed and no edit was lost meanwhile, and note what was carried."""
    assert not since.failures(), since.failures()
    assert since.answered() > seconds, f"only {since.answered()} requests in {seconds:.0f} s are no load"
    assert not load.lost_edits()
    figure(
        f"{seconds:.0f} s, {since.answered()} requests answered, none failed, the slowest took {since.slowest():.1f} s"
    )


def test_what_is_set_up_already_is_not_set_up_again(provisioned: Lab) -> None:
    counts = changed(again := good(provisioned.workspace.make("provision")))
    assert set(counts) >= set(provisioned.servers)
    assert not any(counts.values()), again.stdout[-8000:]


def test_main_goes_to_all_servers_through_the_pipeline(serving: Lab) -> None:
    assert serving.running() == dict.fromkeys(APPS, serving.versions["v1"])
    assert serving.told() == [f"success {serving.versions['v1']}"]


def test_second_deployment_of_the_same_image_changes_nothing(serving: Lab) -> None:
    counts = changed(again := good(serving.workspace.make("deploy", TAG=serving.versions["v1"])))
    assert set(counts) >= set(APPS)
    assert not any(counts.values()), again.stdout[-8000:]


def test_release_with_a_migration_fails_no_request(serving: Lab, load: Load, figure: Figure) -> None:
    workspace = serving.workspace
    workspace.change("The second version, with a migration", expands)
    workspace.git("tag", "v2.0.0")
    began, since = time.monotonic(), load.mark()
    assert (done := serving.pipeline(tag="v2.0.0", answer="approve")).code == 0, done.output[-8000:]
    assert serving.running() == dict.fromkeys(APPS, "v2.0.0")
    all_was_well(since, load, figure, time.monotonic() - began)
    assert serving.told() == ["waiting v2.0.0", "success v2.0.0"]
    assert "floor" in serving.database("SHOW COLUMNS FROM departments LIKE 'floor'")


def test_red_test_stops_the_pipeline_before_an_image_is_built(serving: Lab) -> None:
    workspace = serving.workspace
    workspace.git("checkout", "--quiet", "-b", "red")
    workspace.change("A test that fails", has_a_red_test)
    workspace.git("checkout", "--quiet", "main")
    done = serving.pipeline(branch="red", ARGS="tests/test_red.py")
    assert done.code == 1
    assert done.stage("Test") == "FAILURE"
    assert done.commands()[-1] == "make notify"
    assert serving.told() == [f"failure {workspace.git('rev-parse', '--short=12', 'red')}"]
    assert not [command for command in done.commands() if "image" in command]


def test_version_that_never_is_ready_is_taken_back(serving: Lab, load: Load, figure: Figure) -> None:
    tag = serving.workspace.change("A version that does not come up", never_is_ready)
    # A run that was killed when it had replaced the server leaves what ran before it, which is nothing to go back to.
    server, left = serving.servers["app1"], f"{serving.inventory.image}:{serving.versions['v1']}"
    server.run("docker", "create", "--name", "rollcall-app-before", left)
    server.run("sh", "-c", "mkdir /etc/rollcall/before && echo PUBLIC_URL=https://left > /etc/rollcall/before/app.env")
    began, since = time.monotonic(), load.mark()
    done = serving.pipeline(branch="main")
    assert done.stage("Deploy to staging") == "FAILURE"
    assert serving.running() == dict.fromkeys(APPS, "v2.0.0")
    all_was_well(since, load, figure, time.monotonic() - began)
    assert tag in done.output
    assert serving.told() == [f"failure {tag}"]
    serving.workspace.git("revert", "--no-edit", "HEAD")


def test_migration_that_fails_replaces_nothing(serving: Lab, load: Load, figure: Figure) -> None:
    tag = serving.workspace.change("A version whose migration fails", fails_to_migrate)
    serving.build_and_push(tag)
    began, since = time.monotonic(), load.mark()
    bad(serving.workspace.make("deploy", TAG=tag))
    assert serving.running() == dict.fromkeys(APPS, "v2.0.0")
    all_was_well(since, load, figure, time.monotonic() - began)
    serving.workspace.git("revert", "--no-edit", "HEAD")


def test_registry_that_dies_replaces_nothing(serving: Lab, load: Load, figure: Figure) -> None:
    tag = serving.versions["v5"] = serving.workspace.change("A good version")
    serving.build_and_push(tag)
    serving.agent.stop_registry()
    began, since = time.monotonic(), load.mark()
    bad(serving.workspace.make("deploy", TAG=tag))
    assert serving.running() == dict.fromkeys(APPS, "v2.0.0")
    all_was_well(since, load, figure, time.monotonic() - began)
    serving.agent.start_registry()


def test_dry_run_says_what_it_would_do_and_does_nothing(serving: Lab) -> None:
    told = good(serving.workspace.make("deploy", TAG=serving.versions["v5"], CHECK="1"))
    assert set(changed(told)) >= set(APPS)
    assert all(changed(told)[name] for name in APPS), told.stdout[-3000:]
    assert serving.running() == dict.fromkeys(APPS, "v2.0.0")


def test_rollback_takes_under_a_minute_and_leaves_the_schema(serving: Lab, load: Load, figure: Figure) -> None:
    began, since = time.monotonic(), load.mark()
    good(serving.workspace.make("rollback", TO=serving.versions["v1"]))
    seconds = time.monotonic() - began
    assert serving.running() == dict.fromkeys(APPS, serving.versions["v1"])
    assert seconds < ROLLBACK_SECONDS
    assert "floor" in serving.database("SHOW COLUMNS FROM departments LIKE 'floor'")
    all_was_well(since, load, figure, seconds)


def test_server_that_hangs_is_left_drained_and_the_others_go_back(serving: Lab, load: Load, figure: Figure) -> None:
    since, (v1, v5) = load.mark(), (serving.versions["v1"], serving.versions["v5"])
    with serving.freezing("app2", when=lambda: serving.running_on("app1") == v5):
        done = bad(serving.workspace.make("deploy", TAG=v5))
        assert re.search(r"app2 .*(hang|drained)", done.stdout), done.stdout[-3000:]
        assert {name: serving.running_on(name) for name in ("app1", "app3")} == {"app1": v1, "app3": v1}
        figure(f"{len(since.failures())} requests failed, the last {since.trouble_seconds():.0f} s after the start")
        # What runs may be what does the harm: a rollback leaves out who does not answer.
        since = load.mark()
        done = bad(serving.workspace.make("rollback", TO="v2.0.0"))
        assert re.search(r"app2 .*(hang|drained)", done.stdout), done.stdout[-3000:]
        assert {name: serving.running_on(name) for name in ("app1", "app3")} == {"app1": "v2.0.0", "app3": "v2.0.0"}
        assert not since.failures(), since.failures()
    assert not load.lost_edits()


def test_next_deployment_brings_back_the_server_that_hung(serving: Lab, load: Load, figure: Figure) -> None:
    began, since = time.monotonic(), load.mark()
    done = good(serving.workspace.make("deploy", TAG=serving.versions["v5"]))
    assert serving.running() == dict.fromkeys(APPS, serving.versions["v5"])
    replaced = done.stdout.partition("TASK [app : Replace application and worker")[2]
    assert re.findall(r"^changed: \[(app\d)\]", replaced, flags=re.M)[0] == "app2", "who serves nobody goes first"
    all_was_well(since, load, figure, time.monotonic() - began)
    for name in ("lb1", "lb2"):
        told = serving.at_balancer(name, "show servers state")
        states = {line.split()[3]: " ".join(line.split()[5:7]) for line in told.splitlines() if " app" in line}
        assert states == dict.fromkeys(APPS, "2 0"), told  # running, and nobody took it out of service


def test_what_another_run_deployed_is_not_rolled_back(serving: Lab) -> None:
    told = good(serving.workspace.make("rollback", OF="a build that found it there"))
    assert "nothing to do" in told.stdout
    assert not any(changed(told).values()), told.stdout[-3000:]
    assert serving.running() == dict.fromkeys(APPS, serving.versions["v5"])
