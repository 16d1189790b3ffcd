"""Docker Compose for real: compose.yaml on an engine, with images of Debian's packages in place of the official ones.

The tests go in the order in which they stand, each from where the one before ended: first start, what runs there, then
everything stopped and started again, with a certificate. Fixtures: `docker` runs Docker's commands on the engine,
`debian_tree` is a tree with MariaDB, Redis and nginx, `built_image` the name of Rollcall's image on that engine.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup

from tests.services.certificates import write_certificate
from tests.services.process import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "standins"
TREE = "rollcall-lab/compose-tree:1"
LEFT_OUT = (
    *("usr/share/javascript", "usr/share/locale", "usr/share/doc", "usr/share/man", "var/cache", "var/lib"),
    *("usr/bin/prom*", "usr/bin/docker*", "usr/bin/containerd*", "usr/bin/ctr", "usr/sbin/dockerd"),
)
"""What a server has beside, which would only make the images larger."""
EMAIL = "first@example.com"
PASSWORD = secrets.token_urlsafe(16)
CLAIMED = "203.0.113.9"
"""What a client claims to be its address."""


class Docker(Protocol):
    """Docker's commands on one engine."""

    socket: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one to its end."""
        ...


@dataclass
class Answer:
    """What a request got."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def form(self) -> dict[str, str]:
        """Return the fields of the page's form."""
        inputs = BeautifulSoup(self.text, "html.parser").select("main form input[name]")
        return {str(control["name"]): str(control.get("value") or "") for control in inputs}


@dataclass
class Visitor:
    """Asks nginx as a browser would, and claims to be somebody else in each header there is for that."""

    port: int
    certificate: Path | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """Ask once; redirects are not followed."""
        if self.certificate:
            trust = ssl.create_default_context(cafile=str(self.certificate))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection("127.0.0.1", self.port, context=trust)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name: CLAIMED for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded")}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            body, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
            headers["Referer"] = f"https://127.0.0.1:{self.port}{path}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or []:
                self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def submit(self, path: str, **changes: str) -> Answer:
        """Send the form of a page, with some fields changed."""
        return self.ask("POST", path, form=self.ask("GET", path).form() | changes)


class Installation:
    """A checkout of its own with its Compose project, and what scripts/compose said last."""

    def __init__(self, folder: Path, docker: Docker, image: str) -> None:
        self.folder, self.docker = folder, docker
        self.name = f"rollcall-{secrets.token_hex(3)}"
        self.plain, self.tls = free_port(), free_port()
        name, _, tag = image.rpartition(":")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")},
            "DOCKER_HOST": f"unix://{docker.socket}",
            "COMPOSE_PROJECT_NAME": self.name,
            "IMAGE": name,
            "TAG": tag,
            "ADMIN_EMAIL": EMAIL,
            "PATIENCE_SECONDS": "300",
            "HTTP_PORT": str(self.plain),
            "HTTPS_PORT": str(self.tls),
            **{f"{what}_IMAGE": f"rollcall-lab/{of}:1" for what, of in STOOD_IN.items()},
        }
        (folder / "scripts").mkdir()
        for file in ("compose.yaml", "scripts/compose", "scripts/bootstrap-mariadb.sql"):
            shutil.copy(ROOT / file, folder / file)
        committed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "deploy/compose"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for file in committed:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/compose."""
        command = [str(self.folder / "scripts/compose"), *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=400
        )

    def up(self) -> subprocess.CompletedProcess[str]:
        """Start everything."""
        done = self.compose("up")
        assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-6000:]}"
        return done

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what Docker knows of a service's container."""
        found: list[dict[str, Any]] = json.loads(self.docker.run("inspect", f"{self.name}_{service}_1").stdout)
        return found[0]

    def inside(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run something in a service's container."""
        return self.docker.run("exec", f"{self.name}_{service}_1", *words)

    def rows(self, sql: str, setting: str = "DATABASE_URL") -> str:
        """Run SQL with the account of the application and return what came, or the error."""
        program = (
            "from run import app\nfrom app.extensions import db\nfrom sqlalchemy import text\n"
            f"with app.app_context():\n    print(db.session.execute(text({sql!r})).all())"
        )
        done = self.inside("app", "python", "-c", program)
        return done.stdout + done.stderr


STOOD_IN = {"DATABASE": "mariadb", "REDIS": "redis", "NGINX": "nginx"}
RUNNING = ("nginx", "app", "worker", "database", "redis")


@pytest.fixture(scope="module")
def stand_ins(docker: Docker, debian_tree: Path) -> None:
    """Make the images that stand in for official ones."""
    leave_out = [f"--exclude=./{name}" for name in LEFT_OUT]
    command = ["tar", "--directory", str(debian_tree), *leave_out, "--create", "."]
    environment = {**os.environ, "DOCKER_HOST": f"unix://{docker.socket}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE) as archive:
        subprocess.run(["docker", "import", "-", TREE], stdin=archive.stdout, env=environment, check=True, timeout=120)
    for name in STOOD_IN.values():
        words = ("--network", "none", "--build-arg", f"TREE={TREE}", "--tag", f"rollcall-lab/{name}:1")
        built = docker.run("build", "--quiet", *words, str(STAND_INS / name))
        assert built.returncode == 0, built.stderr


@pytest.fixture(scope="module")
def installation(
    docker: Docker, stand_ins: None, built_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Give an installation that was started for the first time."""
    installation = Installation(tmp_path_factory.mktemp("compose"), docker, built_image)
    try:
        installation.first = installation.up()  # type: ignore[attr-defined]
        yield installation
    finally:
        installation.compose("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="module")
def visitor(installation: Installation) -> Visitor:
    """Give the first administrator, whom the printed link let in and who then chose a password."""
    link = installation.first.stdout.strip()  # type: ignore[attr-defined]
    start = f"http://127.0.0.1:{installation.plain}"
    assert link.startswith(f"{start}/sign-in/"), link
    visitor = Visitor(installation.plain)
    signed_in = visitor.submit(link.removeprefix(start))
    assert signed_in.status == 303, signed_in.text
    changed = visitor.submit("/account/password", new_password=PASSWORD, repeat=PASSWORD)
    assert changed.status == 303, changed.text
    return visitor


def test_each_part_starts_when_those_it_needs_are_ready(installation: Installation) -> None:
    migrated = installation.inspect("migrate")["State"]
    assert migrated["ExitCode"] == 0
    for name in RUNNING:
        assert installation.inspect(name)["State"]["Health"]["Status"] == "healthy"
    for name in ("app", "worker"):
        assert installation.inspect(name)["State"]["StartedAt"] > migrated["FinishedAt"]
    # Docker keeps the last five checks; nginx came after the first good one.
    good = min(log["End"] for log in installation.inspect("app")["State"]["Health"]["Log"] if log["ExitCode"] == 0)
    first_five = len(installation.inspect("app")["State"]["Health"]["Log"]) < 5
    assert not first_five or installation.inspect("nginx")["State"]["StartedAt"] > good[:19]


@pytest.mark.parametrize("service", RUNNING)
def test_each_container_is_confined(installation: Installation, service: str) -> None:
    found = installation.inspect(service)
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert not found["HostConfig"]["CapAdd"]
    status = installation.inside(service, "cat", "/proc/1/status").stdout
    words = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
    assert words["Uid"] != "0"
    assert int(words["CapEff"], 16) == int(words["CapBnd"], 16) == 0
    assert words["NoNewPrivs"] == "1"
    assert "Read-only" in installation.inside(service, "touch", "/etc/new").stderr


def test_no_secret_can_be_seen_from_outside(installation: Installation) -> None:
    shown = "".join(json.dumps(installation.inspect(name)) for name in (*RUNNING, "migrate"))
    processes = "".join(installation.docker.run("top", f"{installation.name}_{name}_1").stdout for name in RUNNING)
    for file in (installation.folder / "deploy/compose/secrets").glob("[a-z]*"):
        value = file.read_text().strip()
        assert not value or value not in shown + processes, f"{file.name} is there to be read"


def test_only_nginx_is_published_and_the_database_has_no_way_out(installation: Installation) -> None:
    published = {
        name for name in RUNNING if any((installation.inspect(name)["NetworkSettings"]["Ports"] or {}).values())
    }
    assert published == {"nginx"}
    assert installation.inspect("database")["NetworkSettings"]["Networks"].keys() == {f"{installation.name}_back"}
    network = json.loads(installation.docker.run("network", "inspect", f"{installation.name}_back").stdout)
    assert network[0]["Internal"]


def test_the_application_can_not_change_tables(installation: Installation) -> None:
    assert "denied" in installation.rows("CREATE TABLE new (id INT)")
    assert "migration_database_url" not in installation.inside("app", "ls", "/run/secrets").stdout


def test_signing_in_through_nginx_shows_the_real_address(installation: Installation, visitor: Visitor) -> None:
    assert visitor.ask("GET", "/admin/system/").status == 200
    network = json.loads(installation.docker.run("network", "inspect", f"{installation.name}_front").stdout)
    gateway = network[0]["IPAM"]["Config"][0]["Gateway"]
    addresses = installation.rows("SELECT DISTINCT address FROM sessions")
    assert addresses.strip() == f"[('{gateway}',)]", "neither what the client claims nor nginx itself"


def test_nginx_keeps_to_the_limits(installation: Installation, visitor: Visitor) -> None:
    assert visitor.ask("POST", "/login", body=bytes(17 * 1024**2)).status == 413
    assert visitor.ask("GET", "/login").headers["Server"] == "nginx"
    for path in ("/metrics", "//metrics", "/%6detrics", "/static/../metrics"):
        assert visitor.ask("GET", path).status == 404
    page = visitor.ask("GET", "/account").text
    styles = visitor.ask("GET", str(BeautifulSoup(page, "html.parser").select("link[rel=stylesheet]")[0]["href"]))
    assert styles.status == 200
    assert "max-age=31536000" in styles.headers["Cache-Control"]


def test_the_worker_archives_what_the_administrator_did(installation: Installation, visitor: Visitor) -> None:
    # The application's container does no background work; it sees what the worker wrote into the volume they share.
    for _ in range(100):
        found = installation.inside("app", "find", "/var/lib/rollcall/storage", "-name", "*.json").stdout
        if found:
            break
        time.sleep(0.3)
    assert found, "what the administrator did is not in the archive"
    assert "worker begins" in installation.docker.run("logs", f"{installation.name}_worker_1").stderr


def test_while_the_application_is_away_nginx_says_so(installation: Installation, visitor: Visitor) -> None:
    installation.docker.run("stop", "--time", "20", f"{installation.name}_app_1")
    away = visitor.ask("GET", "/login")
    assert (away.status, away.headers["Retry-After"]) == (503, "5")


def test_data_outlives_a_stop_and_a_certificate_makes_it_https(installation: Installation, visitor: Visitor) -> None:
    stopped = installation.compose("down")
    assert stopped.returncode == 0, stopped.stderr
    certificate, key = write_certificate(installation.folder)
    for file, name in ((certificate, "tls_certificate"), (key, "tls_key")):
        shutil.copy(file, installation.folder / "deploy/compose/secrets" / name)
    installation.environment["PUBLIC_URL"] = f"https://127.0.0.1:{installation.tls}"
    done = installation.up()
    assert done.stdout == "", "a second first administrator was made"
    sent_on = visitor.ask("GET", "/login?next=/admin/")
    assert (sent_on.status, sent_on.headers["Location"]) == (
        308,
        f"https://127.0.0.1:{installation.tls}/login?next=/admin/",
    )
    again = Visitor(installation.tls, certificate)
    assert again.submit("/login", email=EMAIL, password=PASSWORD).status in (302, 303)
    assert "__Host-rollcall" in again.cookies
    page = again.ask("GET", "/account")
    assert page.status == 200
    assert EMAIL in page.text
    assert "max-age" in page.headers["Strict-Transport-Security"]
