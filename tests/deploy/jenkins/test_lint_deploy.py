"""`make lint-deploy` finds what is wrong, and tells what it could not look at; `make test` writes its reports."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.deploy.jenkins import stand_in
from tests.deploy.jenkins.stand_in import ROOT

NEEDED = [
    "git",
    "sh",
    "bash",
    "head",
    "sed",
    "xargs",
    "echo",
    "grep",
    "cmp",
    "mktemp",
    "tail",
    "rm",
    "cp",
    "id",
    "dirname",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a small checkout with the script and the checkers."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "lint-deploy", folder / "scripts")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "Dockerfile").write_text("FROM debian:12-slim\n")
    (folder / "values.yaml").write_text("one: !vault |\n  kept\n")
    (folder / "good.json").write_text("{}")
    stand_in.commit_all(folder)
    return folder


def lint(checkout: Path, *what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script there."""
    return subprocess.run(
        ["scripts/lint-deploy", *what],
        cwd=checkout,
        env={**stand_in.agent_environment(), **environment},
        capture_output=True,
        text=True,
    )


def few_programs(folder: Path) -> Mapping[str, str]:
    """Return a PATH on which neither shellcheck nor Node.js is."""
    folder.mkdir()
    for name in NEEDED:
        (folder / name).symlink_to(shutil.which(name) or "/bin/false")
    return {"PATH": str(folder)}


def test_good_files_pass(checkout: Path) -> None:
    done = lint(checkout, "dockerfile", "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\nChecks of the deployment\n  Dockerfile   passed\n  YAML, JSON   passed\n"


@pytest.mark.parametrize(
    ("what", "name", "text", "fault"),
    [
        ("dockerfile", "Dockerfile", "FROM debian\n", "DL3006"),
        ("shell", "scripts/broken", "#!/bin/sh\nif true; then\n", "scripts/broken"),
        ("data", "twice.yml", "one: 1\none: 2\n", "one stands there twice"),
        ("data", "broken.json", '{"one": 1,}', "broken.json"),
        ("data", "broken.yaml", "one: [\n", "broken.yaml"),
    ],
)
def test_fault_is_found_and_named(checkout: Path, what: str, name: str, text: str, fault: str) -> None:
    (checkout / name).write_text(text)
    done = lint(checkout, what)
    assert done.returncode == 1
    assert fault in done.stdout + done.stderr
    assert "failed" in done.stdout


def test_tool_that_is_missing_is_left_out_by_name(checkout: Path, tmp_path: Path) -> None:
    done = lint(checkout, "shell", "jenkinsfile", **few_programs(tmp_path / "bin"))
    assert done.returncode == 0, done.stderr
    assert "shellcheck   left out: shellcheck is not installed here" in done.stdout
    assert "Jenkinsfile  left out: node, npm, java is not installed here" in done.stdout


def test_tool_that_is_missing_is_a_failure_in_a_pipeline(checkout: Path, tmp_path: Path) -> None:
    done = lint(checkout, "shell", CI="true", **few_programs(tmp_path / "bin"))
    assert done.returncode == 1
    assert "to be installed by root on Debian or Ubuntu: shellcheck" in done.stderr
    assert "shellcheck   failed: shellcheck is not installed here" in done.stdout


def test_unknown_check_is_refused(checkout: Path) -> None:
    done = lint(checkout, "docker")
    assert done.returncode == 1
    assert "knows no" in done.stderr


def test_jenkinsfile_is_checked_by_the_pinned_checker() -> None:
    if any(shutil.which(name) is None for name in ("node", "npm", "java")):
        pytest.skip("Node.js, npm or Java is not installed here")
    done = lint(ROOT, "jenkinsfile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Jenkinsfile  passed" in done.stdout


def test_lock_of_the_checker_holds_no_address() -> None:
    lock = (ROOT / "deploy" / "lint" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 50


def test_reports_are_written_for_each_database_and_old_ones_go(tmp_path: Path) -> None:
    reports = tmp_path / "my reports"
    reports.mkdir()
    (reports / "junit-old.xml").write_text("from before")
    done = subprocess.run(
        ["scripts/test", "tests/test_config.py", "-k", "test_nothing_set"],
        cwd=ROOT,
        env={
            **stand_in.agent_environment(),
            "REPORTS": str(reports),
            "WORKERS": "0",
            "COVERAGE_FILE": str(tmp_path / "c"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = {path.name for path in reports.iterdir()}
    assert {"junit-sqlite.xml", "coverage-sqlite.xml"} <= written
    assert "junit-old.xml" not in written
    (suite,) = ElementTree.parse(reports / "junit-sqlite.xml").getroot()
    assert suite.get("name") == "Rollcall on SQLite"
    assert {case.get("classname") for case in suite} == {"sqlite.tests.test_config"}
    assert ElementTree.parse(reports / "coverage-sqlite.xml").getroot().get("line-rate")
