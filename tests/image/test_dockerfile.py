"""What the image is made of, read from its Dockerfile; building and running it is for `make test-deploy`."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

import config

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = [
    (line.partition(" ")[0], " ".join(line.partition(" ")[2].split()))
    for line in re.sub(r"\\\n|^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).splitlines()
    if line.strip()
]


def all_of(word: str) -> list[str]:
    return [rest for found, rest in INSTRUCTIONS if found == word]


def copied() -> list[str]:
    """Return what comes from the checkout."""
    return [source for rest in all_of("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]


def settings_of_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in all_of("ENV") for pair in rest.split())


def pattern(text: str) -> re.Pattern[str]:
    """Return what a line of .dockerignore matches, with everything below it."""
    parts = ["(?:.*/)?" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") + "/" for part in text.split("/")]
    return re.compile("".join(parts).removesuffix("/").replace(r"\[", "[").replace(r"\]", "]") + "(?:/.*)?")


def is_sent(path: str) -> bool:
    """Say whether Docker gets a file of the checkout: the last line that matches counts."""
    verdict = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#") and pattern(line.removeprefix("!")).fullmatch(path):
            verdict = line.startswith("!")
    return verdict


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "ansible/inventories/production/group_vars/all/vault.yml",
        "app/.env",
        "app/__pycache__/extensions.cpython-311.pyc",
        "app/core/__pycache__/logs.cpython-311.pyc",
        "app/stray.pyc",
        "app/web/.health.py.swp",
        "compose.yaml",
        "deploy/compose/.env",
        "docs/image.md",
        "instance/config.py",
        "instance/rollcall.sqlite3",
        "instance/secret_key",
        "requirements-dev.txt",
        "rollcall-20261121-210000.backup",
        "tests/conftest.py",
    ],
)
def test_nothing_of_this_machine_reaches_the_builder(path: str) -> None:
    assert not is_sent(path)


def test_the_builder_gets_what_it_copies() -> None:
    for name in copied():
        files = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*.*"))
        assert files, f"the Dockerfile copies {name}, which is not there"
        kept = [file for file in files if file.is_file() and "__pycache__" not in file.parts]
        missing = [str(file.relative_to(ROOT)) for file in kept if not is_sent(str(file.relative_to(ROOT)))]
        assert not missing


def test_an_image_is_of_its_commit_when_all_that_it_is_made_of_is() -> None:
    script = (ROOT / "scripts" / "image").read_text()
    (named,) = re.findall(r"^sources='(.*)'$", script, flags=re.M)
    assert set(named.split()) == {*copied(), "Dockerfile", ".dockerignore"}


def test_the_base_is_pinned_and_each_stage_stands_on_it() -> None:
    (base,) = [rest for rest in all_of("ARG") if rest.startswith("BASE_IMAGE=")]
    assert re.fullmatch(r"BASE_IMAGE=python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert all_of("FROM") == ["${BASE_IMAGE} AS builder", "${BASE_IMAGE}"]


def test_any_builder_can_build_it() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^# *syntax=|--mount|--chmod|--link|<<", text, flags=re.M)
    assert not all_of("ADD")


def test_packages_are_those_of_the_hashes() -> None:
    (install,) = [rest for rest in all_of("RUN") if " install " in rest and "pip" in rest]
    assert "--require-hashes" in install
    assert "--no-deps" in install
    assert "--only-binary :all:" in install


def test_no_secret_is_baked_in() -> None:
    secret = {setting.name for setting in config.SETTINGS if setting.secret}
    baked = settings_of_image().keys() | {rest.partition("=")[0] for rest in all_of("ARG")}
    assert not {name for name in baked if name in secret or re.search("PASSWORD|TOKEN|SECRET|KEY", name)}


def test_it_is_nobody_in_particular_who_writes_in_one_folder_only() -> None:
    assert all_of("USER") == ["10001:10001"]
    assert all_of("VOLUME") == ['["/var/lib/rollcall"]']
    assert "--chown" not in (ROOT / "Dockerfile").read_text()
    settings = settings_of_image()
    assert settings["INSTANCE_PATH"] == "/var/lib/rollcall"
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_settings_are_taken() -> None:
    known = {setting.name for setting in config.SETTINGS}
    ours = {name: value for name, value in settings_of_image().items() if name in known and "$" not in value}
    assert {"HOST", "PORT", "TRUSTED_PROXIES", "LOG_FORMAT", "DEMO", "DRAIN_SECONDS"} <= ours.keys()
    loaded = config.load_config("testing", environ=ours)
    assert (loaded["HOST"], loaded["PORT"], loaded["DEMO"]) == ("0.0.0.0", 8000, 0)
    assert {"IMAGE_COMMIT", "IMAGE_TAG", "IMAGE_TIME"} <= settings_of_image().keys()


def test_it_ends_by_the_signal_that_drains() -> None:
    assert all_of("STOPSIGNAL") == ["SIGTERM"]


def test_what_it_leaves_out_of_the_panels_library_no_page_asks_for() -> None:
    templates = [path for path in (ROOT / "app").rglob("*.html") if "admin_static" in path.read_text()]
    assert not templates, "the image holds no static files of Flask-Admin"


def test_the_page_about_it_tells_each_of_its_settings() -> None:
    page = (ROOT / "docs" / "image.md").read_text()
    known = {setting.name for setting in config.SETTINGS}
    for name, value in settings_of_image().items():
        if name in known and "$" not in value:
            assert f"| `{name}` | `{value}` |" in page, f"docs/image.md lacks {name}"


def test_the_entrypoint_becomes_the_command(tmp_path: Path) -> None:
    flask = tmp_path / "flask"
    flask.write_text('#!/bin/sh\necho "$$"\nprintf "%s\\n" "$@"\n')
    flask.chmod(0o755)
    started = subprocess.Popen(
        [ROOT / "deploy/image/entrypoint", "people", "import", "a staff list.csv"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said = started.communicate()[0].splitlines()
    assert said == [str(started.pid), "--app", "run", "people", "import", "a staff list.csv"]


@pytest.fixture
def healthcheck() -> ModuleType:
    specification = importlib.util.spec_from_file_location("healthcheck", ROOT / "deploy/image/healthcheck.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def answering() -> Iterator[type[BaseHTTPRequestHandler]]:
    """Serve `status` on `port`; both are the handler's own."""

    class Answer(BaseHTTPRequestHandler):
        status, port = 200, 0

        def do_GET(self) -> None:
            assert self.path == "/healthz"
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Answer.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Answer
        server.shutdown()
        thread.join()


def test_health_is_what_the_server_says(
    healthcheck: ModuleType, answering: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healthcheck, "is_serving", lambda: True)  # what the container's first process would tell
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", str(answering.port))
    healthcheck.main()
    answering.status = 500
    with pytest.raises(SystemExit, match="500"):
        healthcheck.main()
    monkeypatch.setenv("PORT", "1")
    with pytest.raises(SystemExit, match="nothing answers"):
        healthcheck.main()


def test_what_does_not_serve_is_healthy_as_long_as_it_runs() -> None:
    check = [sys.executable, "-IS", ROOT / "deploy/image/healthcheck.py"]
    assert b"serve" not in Path("/proc/1/cmdline").read_bytes().split(b"\0"), (
        "this test runs inside a serving container"
    )
    assert subprocess.run(check, env={"PORT": "1"}).returncode == 0
