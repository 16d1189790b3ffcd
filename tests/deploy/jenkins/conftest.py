"""A repository with the real Jenkinsfile, and a `make` that writes down how it was called instead of doing it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.jenkins import stand_in
from tests.deploy.jenkins.stand_in import ROOT, Build, Outcome

PASSWORD = "pass'word $HOME \"3"
"""With everything that a shell or Groovy might trip over."""
NOTIFY_URL = "https://hooks.example.com/4f1c9a"
MAKE = r"""#!/usr/bin/env python3
import json, os, pathlib, sys, time

def argv_of_ancestors():
    pid, found = os.getpid(), []
    while pid > 1:
        found.append(pathlib.Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found

def content(name):
    return pathlib.Path(os.environ[name]).read_text() if name in os.environ else ""

words = sys.argv[1:]
call = {"words": words, "environment": dict(os.environ), "argv": argv_of_ancestors(), "folder": os.getcwd(),
        "vault": content("ANSIBLE_VAULT_PASSWORD_FILE"), "key": content("ANSIBLE_PRIVATE_KEY_FILE")}
with open(os.environ["FAKE_CALLS"], "a") as calls:
    calls.write(json.dumps(call) + "\n")
for name in ("REGISTRY_PASSWORD", "NOTIFY_URL", "ANSIBLE_VAULT_PASSWORD_FILE"):
    if name in os.environ:
        print("It is:", os.environ[name])
if words[0] in os.environ.get("FAKE_HANGING", "").split():
    time.sleep(60)
if words[0] == os.environ.get("FAKE_REAL"):
    script = f"{os.environ['FAKE_ROOT']}/scripts/image"
    sys.stdout.flush()
    os.execv("/bin/sh", ["sh", script, words[0]])
red = words[0] in os.environ.get("FAKE_RED", "").split()
if words[0] == "test" and not os.environ.get("FAKE_NO_REPORTS"):
    reports = pathlib.Path("reports")
    reports.mkdir()
    (reports / "junit-sqlite.xml").write_text(
        f'<testsuites><testsuite tests="3" failures="{int(red)}" errors="0" skipped="1"/></testsuites>')
    (reports / "coverage-sqlite.xml").write_text('<coverage line-rate="0.75"/>')
sys.exit(3 if red else 0)
"""


@dataclass
class Calls:
    """What became of a build, and how `make` was called in it."""

    outcome: Outcome
    made: list[dict[str, Any]]

    @property
    def targets(self) -> list[str]:
        """Return the targets, in order, with what else was said, but for the commit."""
        return [" ".join(word for word in call["words"] if not word.startswith("COMMIT=")) for call in self.made]

    def call(self, target: str) -> dict[str, Any]:
        """Return the last call of a target."""
        return next(call for call in reversed(self.made) if call["words"][0] == target)


class Jenkins:
    """Runs builds of a small repository with a Jenkinsfile and without anything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.source = folder / "source"
        self.source.mkdir()
        shutil.copy(ROOT / "Jenkinsfile", self.source)
        stand_in.commit_all(self.source, tag="v1.2.0")
        stand_in.git(self.source, "branch", "feature/floors")
        (folder / "bin").mkdir()
        (folder / "bin" / "make").write_text(MAKE)
        (folder / "bin" / "make").chmod(0o755)
        for name in ("vault-password", "deploy-key"):
            (folder / name).write_text(f"content of {name}")
        self.runs = 0

    def credentials(self) -> dict[str, dict[str, str]]:
        """Return the credentials that docs/pipeline.md asks for."""
        return {
            "registry": {"kind": "usernamePassword", "username": "robot", "password": PASSWORD},
            "ansible-vault": {"kind": "file", "path": str(self.folder / "vault-password")},
            "deploy-ssh-key": {"kind": "file", "path": str(self.folder / "deploy-key")},
            "notify-url": {"kind": "string", "secret": NOTIFY_URL},
        }

    def build(self, **how: Any) -> Calls:
        """Run a build; `red` and `hanging` name the targets that fail, or never end."""
        fakes = {f"FAKE_{name.upper()}": how.pop(name, "") for name in ("red", "hanging", "no_reports")}
        self.runs += 1
        self.calls.unlink(missing_ok=True)
        environment = {
            "FAKE_CALLS": str(self.calls),
            "FAKE_ROOT": str(ROOT),
            **fakes,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            **how.pop("environment", {}),
        }
        build = Build(
            workspace=self.folder / f"build-{self.runs}",
            source=self.source,
            credentials=self.credentials(),
            environment=environment,
        )
        outcome = stand_in.run(dataclasses.replace(build, **how))
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return Calls(outcome, [json.loads(line) for line in lines])

    def write(self, jenkinsfile: str) -> Path:
        """Write another Jenkinsfile, for a build that is to run it."""
        path = self.folder / f"Jenkinsfile-{self.runs}"
        path.write_text(jenkinsfile)
        return path


@pytest.fixture
def jenkins(tmp_path: Path) -> Jenkins:
    """Give what a build needs around it."""
    if missing := stand_in.lacking():
        text = f"{', '.join(missing)} is not installed here"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return Jenkins(tmp_path)
