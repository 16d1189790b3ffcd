"""What is on the servers in the end: confined containers, an image without secrets, a console that knows, backups."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tests.deploy.lab.agent import BASE_IMAGE
from tests.deploy.lab.inventory import BACKUP_COPIES
from tests.deploy.lab.lab import APPS, Lab
from tests.deploy.lab.load import Load
from tests.deploy.lab.server import SUDO_LOG

LARGEST_BYTES = 120 * 1000**2
CONTAINERS = ("rollcall-app", "rollcall-worker")
Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def image(serving: Lab) -> str:
    """Return the name of the image that the first server runs."""
    return f"{serving.inventory.image}:{serving.running_on('app1')}"


@pytest.fixture(scope="module")
def layers(serving: Lab, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the image as one archive."""
    path = tmp_path_factory.mktemp("image") / "image.tar"
    serving.agent.docker("save", "--output", path, image)
    return path


def files(archive: Path, skip: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of an image's layers, without the lowest ones."""
    with tarfile.open(archive) as whole:
        manifest = json.load(whole.extractfile("manifest.json") or open("/dev/null"))  # noqa: SIM115 for types only
        for layer in manifest[0]["Layers"][skip:]:
            with tarfile.open(fileobj=whole.extractfile(layer)) as inner:
                for member in inner:
                    content = inner.extractfile(member) if member.isfile() else None
                    yield member.name, content.read() if content else b""


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", APPS)
def test_containers_are_confined(serving: Lab, name: str, container: str) -> None:
    found = json.loads(serving.servers[name].run("docker", "inspect", container))[0]
    assert found["Config"]["User"].partition(":")[0] not in ("", "0", "root")
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert not found["HostConfig"]["CapAdd"]
    assert not found["HostConfig"]["Privileged"]
    assert any(option.startswith("no-new-privileges") for option in found["HostConfig"]["SecurityOpt"])
    words = json.dumps(found)
    assert not [secret for secret in serving.inventory.secrets.all() if secret in words]


def test_container_can_write_nothing_but_its_data(serving: Lab) -> None:
    tried = serving.servers["app1"].outcome(
        "docker", "exec", "rollcall-app", "touch", "/app/x", "/opt/venv/x", "/etc/x"
    )
    assert tried.returncode != 0
    assert tried.stderr.count("Read-only file system") == 3
    assert serving.servers["app1"].run("docker", "exec", "rollcall-app", "id", "-u").strip() == "10001"


def test_image_holds_the_program_only(serving: Lab, image: str, layers: Path, figure: Figure) -> None:
    base = len(json.loads(serving.agent.docker("image", "inspect", BASE_IMAGE))[0]["RootFS"]["Layers"])
    secrets = [secret.encode() for secret in [*serving.inventory.secrets.all(), serving.agent.password]]
    size, names = 0, set()
    for name, content in files(layers, base):
        size += len(content)
        names.add(name)
        assert not [secret for secret in secrets if secret in content], name
    below_app = {name.split("/")[1] for name in names if name.startswith("app/") and "/" in name}
    assert below_app - {""} <= {"LICENSE", "__pycache__", "app", "config.py", "migrations", "run.py"}, below_app
    assert not [name for name in names if name.endswith((".git", ".env", ".sqlite3")) or "/tests/deploy" in name]
    figure(f"{size / 1000**2:.0f} MB above the base image")
    assert size <= LARGEST_BYTES


def test_image_tells_what_it_is(serving: Lab, image: str) -> None:
    config = json.loads(serving.agent.docker("image", "inspect", image))[0]["Config"]
    labels = config["Labels"]
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert labels["org.opencontainers.image.version"] == image.rpartition(":")[2]
    assert labels["org.opencontainers.image.created"]
    assert config["Healthcheck"]["Test"]


def test_installation_passes_its_own_checks(serving: Lab) -> None:
    done = serving.servers["app1"].outcome("docker", "exec", "rollcall-app", "flask", "check", "--deploy")
    assert done.returncode == 0, done.stdout


def test_no_secret_is_in_an_argument_or_a_log(serving: Lab) -> None:
    for name, server in serving.servers.items():
        words = server.run("ps", "axww", "-o", "args") + (done := server.run("cat", SUDO_LOG))
        assert "COMMAND=/bin/sh" in done, "what Ansible did is not in the log"
        for container in CONTAINERS if name in APPS else ():
            words += server.run("sh", "-c", f"docker logs {container} 2>&1")
        assert not [secret for secret in serving.inventory.secrets.all() if secret in words], name


def test_nightly_backup_is_made_and_copied(serving: Lab) -> None:
    server = serving.servers["app1"]
    assert "/usr/local/sbin/rollcall-backup" in server.run("cat", "/etc/cron.d/rollcall-backup")
    server.run("/usr/local/sbin/rollcall-backup")
    disk = server.folder / "upper"
    (made,) = (disk / "var/lib/rollcall/backups").glob("*.backup")
    with zipfile.ZipFile(made) as archive:
        tables = json.loads(archive.read("manifest.json"))["tables"]
    assert tables["employees"]["rows"] == int(serving.database("SELECT COUNT(*) FROM employees").split()[-1])
    assert (disk / BACKUP_COPIES.lstrip("/") / made.name).read_bytes() == made.read_bytes()
    assert made.stat().st_mode & 0o077 == 0


def test_console_shows_each_server_and_its_build(serving: Lab, load: Load) -> None:
    page = load.people[0].get("/admin/system/")
    text = BeautifulSoup(page.text, "html.parser").get_text(" ", strip=True)
    for name, tag in serving.running().items():
        assert name in text
        assert tag in text


def test_journal_tells_of_each_deployment(serving: Lab) -> None:
    told = [entry for entry in serving.journal(limit=100_000) if entry["action"] == "note_deployment"]
    assert len(told) >= 4, told


def test_journal_is_whole_and_sealed(serving: Lab, load: Load) -> None:
    load.stop()
    assert not load.lost_edits()
    edits = _edits(serving.journal(limit=100_000))
    assert edits >= load.acknowledged()
    done: subprocess.CompletedProcess[str] = serving.servers["app1"].outcome(
        "docker", "exec", "rollcall-worker", "flask", "journal", "verify", seconds=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _edits(sets: list[dict[str, Any]]) -> int:
    return sum(entry["action"] == "change_employee" for entry in sets)
