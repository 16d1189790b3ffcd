"""One lab for the whole run; its tests go in the order in which they stand, each from where the one before ended."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.lab import lab as labs
from tests.deploy.lab import trees
from tests.deploy.lab.agent import BASE_IMAGE
from tests.deploy.lab.ground import outcome
from tests.deploy.lab.inventory import URL
from tests.deploy.lab.lab import Lab
from tests.deploy.lab.load import Load

EDITORS, READERS = 2, 2
PAUSE_SECONDS = 0.5
"""Between two requests of one person: what two cores carry beside three servers that are being replaced."""
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Give bare servers, the agent with its engine and registry, and a workspace."""
    with labs.lab() as made:
        made.agent.import_tree(trees.python_tree(), BASE_IMAGE)
        yield made


@pytest.fixture(scope="session")
def provisioned(lab: Lab) -> Lab:
    """Give the servers with everything set up on them that Rollcall needs."""
    # The whole suite runs elsewhere; for one file, processes side by side take longer to start than they save.
    lab.workspace.environment |= {"ARGS": "tests/core/test_text.py", "WORKERS": "0"}
    done = lab.workspace.make("provision")
    assert done.returncode == 0, f"{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return lab


@pytest.fixture(scope="session")
def serving(provisioned: Lab) -> Lab:
    """Give servers that serve version v1, which came there from a commit on main through the pipeline."""
    lab = provisioned
    lab.versions["v1"] = lab.workspace.change("The first version to be shipped")
    done = lab.pipeline(branch="main")
    assert done.code == 0, done.output[-8000:]
    return lab


@pytest.fixture(scope="session")
def load(serving: Lab) -> Iterator[Load]:
    """Give people at work, signed in once for the whole run."""
    load = Load(URL, serving.inventory.certificate, PAUSE_SECONDS)
    serving.flask("seed-demo", "--employees", "60", "--seed", "1")
    for number in range(EDITORS + READERS):
        email, password = f"person{number}@example.com", secrets.token_urlsafe(12)
        # One administrator only: with a second one, what somebody changes beyond 200 rows an hour waits for the other.
        role = "hr" if number else "administrator"
        serving.flask("create-user", email, "--access-role", role, "--password-stdin", given=password)
        load.add(email, password, f"D-{number + 1:05d}" if number < EDITORS else None)
    load.start()
    yield load
    load.stop()


class Engine:
    """Docker's commands on the agent's engine."""

    def __init__(self, lab: Lab) -> None:
        self.environment = {**os.environ, **lab.agent.environment}
        self.socket = Path(lab.agent.environment["DOCKER_HOST"].removeprefix("unix://"))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one to its end."""
        return outcome(["docker", *words], environment=self.environment)


@pytest.fixture(scope="session")
def docker(lab: Lab) -> Engine:
    """Give the agent's engine."""
    return Engine(lab)


@pytest.fixture(scope="session")
def built_image(serving: Lab) -> str:
    """Give the name of an image of this checkout on the agent's engine."""
    return f"{serving.inventory.image}:{serving.versions['v1']}"


@pytest.fixture(scope="session")
def debian_tree() -> Path:
    """Give the tree of packages that the servers have below their own layer."""
    return trees.server_tree()


@pytest.fixture
def figure(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Any:
    """Return a function that notes what was measured, to be printed at the end of the run."""

    def note(words: str) -> None:
        pytestconfig.stash.setdefault(FIGURES, []).append(f"{request.node.name}: {words}")

    return note


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was measured."""
    if config.stash.get(FIGURES, []):
        terminalreporter.section("measured")
        for words in config.stash[FIGURES]:
            terminalreporter.line(words)


def until(is_so: Any, seconds: float, what: str) -> float:
    """Wait until something is so and return the seconds that took; AssertionError when it does not come."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"within {seconds} s it did not come to: {what}"
        time.sleep(0.2)
    return time.monotonic() - began
