"""Rules of the house that no linter knows; each says what is wrong, where, and what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400
VAGUE = {"utils", "helpers", "common", "misc", "util"}
# Written in pieces, so that this file does not break its own rule.
PLACES = re.compile(
    "|".join(
        (
            "pythonh" + "osted",
            "pypi" + r"\.org",
            "npm" + r"js\.(org|com)",
            "debi" + r"an\.org",
            "/wo" + "rk/",
            "/ro" + "ot/",
        )
    )
)


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the project that match, committed or not yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_no_module_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in tracked("*.py") if (n := len(p.read_text().splitlines())) > LONGEST}
    assert not long, f"longer than {LONGEST} lines, so the design asks for another room: {long}"


def test_no_module_has_a_vague_name() -> None:
    vague = [str(p.relative_to(ROOT)) for p in tracked("*.py") if p.stem in VAGUE or p.parent.name in VAGUE]
    assert not vague, f"name these by what they hold: {vague}"


def test_the_factory_reads_as_a_table_of_contents() -> None:
    lines = len((ROOT / "app" / "__init__.py").read_text().splitlines())
    assert lines < 60, f"app/__init__.py has {lines} lines; move what it does into the rooms it calls"


def test_no_path_of_one_machine_and_no_registry_is_committed() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".png", ".woff2"} or ".min." in path.name:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if PLACES.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found, f"names a package registry or a folder of one machine: {found}"


def test_requirements_are_pinned_with_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-deploy.txt"):
        text = (ROOT / name).read_text()
        for block in re.findall(r"^[a-z][^\n]*(?:\n[ \t]+[^\n]*)*", text, flags=re.M):
            assert "==" in block, f"{name}: not pinned: {block.splitlines()[0]}"
            assert "--hash=sha256:" in block, f"{name}: no hash: {block.splitlines()[0]}"


def test_vendored_files_match_their_checksums() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "vendor", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_but_config_reads_the_environment() -> None:
    readers = [
        str(p.relative_to(ROOT))
        for p in tracked("app/*.py", "app/**/*.py")
        if re.search(
            r"os\.environ|os\.getenv|from os import .*environ|^(from|import) config\b", p.read_text(), flags=re.M
        )
    ]
    assert not readers, f"ask app.config instead; only config.py reads the environment: {readers}"


def test_only_actions_and_the_rooms_below_write() -> None:
    faces = ("app/web", "app/admin", "app/commands", "app/ui", "app/reading")
    writers = [
        str(p.relative_to(ROOT))
        for p in tracked("app/*.py", "app/**/*.py")
        if str(p.relative_to(ROOT)).startswith(faces)
        and re.search(
            r"session\.(add|delete|merge|commit|flush)\b|\b(insert|update|delete)\(\w+\)\.(where|values)", p.read_text()
        )
    ]
    assert not writers, f"every change is an action; these write by themselves: {writers}"


def test_browser_tests_wait_for_what_they_look_at() -> None:
    asked_once = re.compile(r"assert .*\.(is_(visible|hidden|checked|enabled|disabled)|count|input_value)\(\)")
    hasty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("tests/browser/*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if asked_once.search(line) or re.search(r"(button|link)\".*\.click\(\)", line)
    ]
    assert not hasty, f"use expect(…), which waits, and follow(…) for what leads to another page: {hasty}"


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".editorconfig", ".ci/run"]
)
def test_what_a_stranger_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).is_file()
