"""What the build agent needs beside the checkout: a Docker Engine, a registry with a password, a store for files."""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.deploy.lab.ground import LabError, run
from tests.deploy.lab.network import AGENT
from tests.services.process import start, stop

REGISTRY_PORT, STORE_PORT = 5000, 9000
REGISTRY = f"{AGENT}:{REGISTRY_PORT}"
BASE_IMAGE = "rollcall-lab/python:3"
"""What images are built on here; the official one can only be had from a registry."""


class Agent:
    """The build agent's services; each is started once, the registry can be taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user, self.password = "pipeline", secrets.token_urlsafe(12)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def settings(self) -> dict[str, str]:
        """Return what makes Docker's programs talk to this engine, and images be built here."""
        return {
            "DOCKER_HOST": f"unix://{self.folder / 'docker/docker.sock'}",
            "DOCKER_BUILDKIT": "0",
            "DOCKER_BUILD_FLAGS": "--network=host",
            "BASE_IMAGE": BASE_IMAGE,
        }

    @property
    def environment(self) -> dict[str, str]:
        """Return the same, and what opens the registry."""
        return {**self.settings, "REGISTRY_USER": self.user, "REGISTRY_PASSWORD": self.password}

    def docker(self, *words: str | Path, given: str | None = None, seconds: float = 300) -> str:
        """Run a command of Docker's and return what it printed."""
        return run(["docker", *words], environment={**os.environ, **self.environment}, given=given, seconds=seconds)

    def import_tree(self, tree: Path, name: str) -> None:
        """Make an image of a tree of packages."""
        environment = {**os.environ, **self.environment}
        with subprocess.Popen(["tar", "--directory", tree, "--create", "."], stdout=subprocess.PIPE) as archive:
            done = subprocess.run(["docker", "import", "-", name], stdin=archive.stdout, env=environment, timeout=120)
        if archive.returncode or done.returncode:
            raise LabError(f"{tree} could not be made an image")

    def start(self) -> None:
        """Start all of it."""
        self.start_engine()
        self.start_registry()
        self._start("store", [sys.executable, "-m", "moto.server", "-H", AGENT, "-p", str(STORE_PORT)], self._ask_store)

    def start_engine(self) -> None:
        """Start the engine alone."""
        place = self.folder / "docker"
        place.mkdir(parents=True, exist_ok=True)
        # Images are built on the agent's own network, so it needs no bridge, and leaves this machine's rules alone.
        command = ["dockerd", "--bridge=none", "--iptables=false", "--ip-masq=false", "--insecure-registry", REGISTRY]
        places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        for option, name in places.items():
            command += [option, str(place / name)]
        self._start(
            "engine", [*command, "--host", f"unix://{place}/docker.sock"], lambda: self.docker("info"), "docker"
        )

    def start_registry(self) -> None:
        """Start the registry; what was pushed before is still there."""
        folder = self.folder / "registry"
        folder.mkdir(parents=True, exist_ok=True)
        accounts = folder / "accounts"
        if not accounts.exists():
            accounts.write_text(run(["htpasswd", "-niB", self.user], given=self.password).strip() + "\n")
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: warn}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/files}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{REGISTRY}', secret: {secrets.token_hex(8)}}}\n"
            f"auth: {{htpasswd: {{realm: registry, path: {accounts}}}}}\n"
        )
        command = ["docker-registry", "serve", str(folder / "config.yml")]
        self._start("registry", command, _ask_registry, "registry")

    def stop_registry(self) -> None:
        """Let the registry die."""
        stop(self.processes.pop("registry"), signal.SIGKILL)

    def stop(self) -> None:
        """Stop everything."""
        for name in list(self.processes)[::-1]:
            stop(self.processes.pop(name), signal.SIGTERM)

    def _start(self, name: str, command: list[str], answers: Callable[[], object], folder: str = "") -> None:
        place = self.folder / (folder or name)
        place.mkdir(parents=True, exist_ok=True)
        self.processes[name] = start(command, None, place, answers)

    def _ask_store(self) -> None:
        with urllib.request.urlopen(f"http://{AGENT}:{STORE_PORT}/", timeout=2):
            pass
        bucket = urllib.request.Request(f"http://{AGENT}:{STORE_PORT}/rollcall", method="PUT")
        with urllib.request.urlopen(bucket, timeout=5):
            pass


def _ask_registry() -> None:
    connection = http.client.HTTPConnection(AGENT, REGISTRY_PORT, timeout=2)
    try:
        connection.request("GET", "/v2/")
        if connection.getresponse().status not in (200, 401):
            raise OSError("the registry does not answer as one")
    finally:
        connection.close()
