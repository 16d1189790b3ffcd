"""All of it together: servers, switch, agent, inventory, workspace; and how to take it away again."""

from __future__ import annotations

import csv
import fcntl
import json
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.deploy.jenkins.hook import listening
from tests.deploy.jenkins.stand_in import Outcome
from tests.deploy.lab import network
from tests.deploy.lab.agent import Agent
from tests.deploy.lab.ground import ROOT, STORE, LabError, run, take_away
from tests.deploy.lab.inventory import VIRTUAL, Inventory
from tests.deploy.lab.network import NETWORK
from tests.deploy.lab.server import Server
from tests.deploy.lab.trees import server_tree
from tests.deploy.lab.workspace import Workspace
from tests.services.certificates import write_certificate

ADDRESSES = {
    **{f"app{number}": 10 + number for number in (1, 2, 3)},
    **{f"lb{number}": 20 + number for number in (1, 2)},
    **{f"data{number}": 30 + number for number in (1, 2, 3)},
}


APPS = ("app1", "app2", "app3")


class Lab:
    """The servers by name, what ships to them, and the tags of the versions that were made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions: dict[str, str] = {}
        self.builds = 0
        self.opened = ExitStack()
        tree = server_tree()
        self.servers = {
            name: Server(name, f"{NETWORK}.{number}", folder / "servers", tree) for name, number in ADDRESSES.items()
        }
        self.agent = Agent(folder / "agent")
        certificate, key = write_certificate(folder, VIRTUAL)
        self.inventory = Inventory(folder, self.servers, self.agent, certificate, key)

    def start(self) -> None:
        """Start everything; nothing is set up on the servers yet."""
        servers = list(self.servers.values())
        key = self.inventory.key
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", key])
        hosts = "127.0.0.1 localhost\n" + "".join(f"{server.address} {server.name}\n" for server in servers)
        network.connect(servers)
        self.hook = self.opened.enter_context(listening(network.AGENT))
        for server in servers:
            server.install(hosts, key.with_suffix(".pub").read_text())
            server.start()
        self.agent.start()
        self.inventory.write()
        self.workspace = Workspace(self.folder, {**self.agent.environment, **self.inventory.environment})

    def stop(self) -> None:
        """Stop everything and take it away; one part that fails keeps no other."""
        servers = list(self.servers.values())
        with ExitStack() as rest:
            rest.callback(network.disconnect, servers)
            for server in servers:
                rest.callback(server.remove)
            rest.callback(self.agent.stop)
            rest.callback(self.opened.close)

    def flask(self, *words: str, given: str | None = None, on: str = "app1") -> str:
        """Run a command of Rollcall's in the container that serves on a server."""
        interactive = ["--interactive"] if given is not None else []
        return self.servers[on].run("docker", "exec", *interactive, "rollcall-app", "flask", *words, given=given)

    def journal(self, limit: int = 200) -> list[dict[str, object]]:
        """Return the latest change sets, the newest first."""
        return [
            json.loads(line) for line in self.flask("journal", "list", "--json", "--limit", str(limit)).splitlines()
        ]

    def running(self) -> dict[str, str]:
        """Return the tag that each app server's container runs."""
        return {name: self.running_on(name) for name in APPS}

    def running_on(self, name: str) -> str:
        """Return the tag that an app server's container runs; "" where none does."""
        words = ("docker", "inspect", "--format", "{{if .State.Running}}{{.Config.Image}}{{end}}", "rollcall-app")
        return self.servers[name].outcome(*words).stdout.strip().rpartition(":")[2]

    def is_up(self, name: str) -> bool:
        """Say whether an app server is ready, as it tells itself."""
        try:
            with urllib.request.urlopen(f"http://{self.servers[name].address}:8000/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def at_balancer(self, name: str, words: str) -> str:
        """Return what the HAProxy of a load balancer answers to a command of its administrator."""
        return self.servers[name].run("sh", "-c", f"echo '{words}' | socat - /run/haproxy/admin.sock")

    def waiting_for(self, name: str) -> int:
        """Return how many requests are at an app server."""
        return sum(int(row["scur"]) for row in self._counted(name))

    def is_served(self, name: str) -> bool:
        """Say whether both balancers send requests to an app server."""
        return [row["status"] for row in self._counted(name)] == ["UP", "UP"]

    def _counted(self, name: str) -> list[dict[str, str]]:
        """Return what each balancer counts of an app server."""
        tables = [self.at_balancer(lb, "show stat").removeprefix("# ").splitlines() for lb in ("lb1", "lb2")]
        rows = [row for table in tables for row in csv.DictReader(table)]
        return [row for row in rows if (row["pxname"], row["svname"]) == ("rollcall", name)]

    def database(self, sql: str) -> str:
        """Return what the database answers to its own administrator."""
        return self.servers["data1"].run("mariadb", "--batch", "rollcall", "--execute", sql)

    def redis_master(self) -> str:
        """Return the name of the server whose Redis the sentinels call master."""
        words = ("redis-cli", "-p", "26379", "-a", self.inventory.secrets.sentinel, "--no-auth-warning")
        said = self.servers["data3"].run(*words, "sentinel", "get-master-addr-by-name", "mymaster")
        return next(name for name, server in self.servers.items() if server.address == said.split()[0])

    def told(self) -> list[str]:
        """Return how the latest build ended, and what was asked during it, as whoever is notified was told."""
        told, self.hook.posted = self.hook.posted, []
        return [f"{notice['status']} {notice['tag']}" for notice in told]

    def pipeline(self, branch: str = "", tag: str = "", answer: str = "nobody", **environment: str) -> Outcome:
        """Build a branch or a tag of the workspace as Jenkins would; docs/pipeline.md says what the stand-in is not."""
        self.builds += 1
        folder = self.folder / f"build-{self.builds}"
        folder.mkdir()
        settings = {**self.agent.settings, **self.inventory.settings, **environment}
        settings |= {"SCANNER": str(self._scanner()), "CHECKS": "dockerfile shell"}  # all of them run elsewhere
        (folder / "credentials.json").write_text(json.dumps(self._credentials()))
        words = ["--branch", branch] if branch else ["--tag", tag]
        for name, value in settings.items():
            words += ["--env", f"{name}={value}"]
        module = [str(ROOT / ".venv/bin/python"), "-m", "tests.deploy.jenkins.stand_in"]
        places = ["--in-place", "--source", str(ROOT), "--workspace", str(folder)]
        given = ["--credentials", str(folder / "credentials.json"), "--answer", answer]
        done = self.workspace.run(*module, *places, *given, *words)
        told = folder / "report.json"
        if not told.exists():
            raise LabError(f"the build did not begin:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return Outcome(done.returncode, done.stdout + done.stderr, json.loads(told.read_text()))

    def _credentials(self) -> dict[str, dict[str, str]]:
        return {
            "registry": {"kind": "usernamePassword", "username": self.agent.user, "password": self.agent.password},
            "ansible-vault": {"kind": "file", "path": str(self.inventory.password)},
            "deploy-ssh-key": {"kind": "file", "path": str(self.inventory.key)},
            "notify-url": {"kind": "string", "secret": self.hook.url},
        }

    def _scanner(self) -> Path:
        """Return a stand-in for Trivy, which no package registry has; it says that it looked at nothing."""
        scanner = self.folder / "scanner"
        scanner.write_text('#!/bin/sh\necho "Stand-in for a scanner: nothing was looked at ($*)."\n')
        scanner.chmod(0o755)
        return scanner

    def build_and_push(self, tag: str) -> None:
        """Build the image of the workspace's commit and push it, as the pipeline would."""
        for target in ("image", "push"):
            done = self.workspace.make(target, TAG=tag)
            if done.returncode:
                raise LabError(f"make {target}: {done.stdout[-3000:]}{done.stderr[-3000:]}")

    @contextmanager
    def freezing(self, name: str, when: Callable[[], bool]) -> Iterator[None]:
        """Let a server hang from the moment at which `when` says so, until the end of the block."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.2):
                if when():
                    self.servers[name].freeze()
                    break

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self.servers[name].thaw()


@contextmanager
def lab() -> Iterator[Lab]:
    """Give a running lab; there can be only one at a time on a machine."""
    STORE.mkdir(parents=True, exist_ok=True)
    with (STORE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LabError("another run of the deployment tests has the network: wait for it to end") from error
        for old in STORE.glob("run-*"):  # of a run that was killed
            take_away(old)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=STORE))
        made = Lab(folder)
        try:
            made.start()
            yield made
        finally:
            made.stop()
            take_away(folder)
