"""`scripts/setup` says in one sentence what it lacks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.process import account, as_account

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "dirname", "head", "grep", "sed", "cmp", "id", "cut", "cp", "mktemp", "rm", "tail", "cat")


@pytest.fixture
def machine() -> Iterator[Path]:
    """Return a folder that every user can enter: `checkout` in it, and in `bin` a few tools but no Python."""
    with tempfile.TemporaryDirectory(prefix="rollcall-tests-") as folder:
        path = Path(folder)
        (path / "bin").mkdir()
        for tool in TOOLS:
            (path / "bin" / tool).symlink_to(str(shutil.which(tool)))
        shutil.copytree(ROOT / "scripts", path / "checkout" / "scripts")
        shutil.copy(ROOT / "requirements.txt", path / "checkout")
        path.chmod(0o755)
        yield path


def add_python(machine: Path, name: str, version: str, has_venv: bool = True) -> None:
    """Put a Python of this version into the machine: it says its version, and fails when told to import venv."""
    program = machine / "bin" / name
    has_it = "exit 0" if has_venv else "exit 1"
    program.write_text(f'#!/bin/sh\ncase "$*" in\n*ensurepip*) {has_it} ;;\n*version_info*) echo {version} ;;\nesac\n')
    program.chmod(0o755)


def set_up(machine: Path, user: str | None = None, **environment: str) -> tuple[int, list[str]]:
    """Run the script and return its exit code and the lines it says."""
    command = [str(machine / "bin" / "sh"), str(machine / "checkout" / "scripts" / "setup")]
    done = subprocess.run(
        as_account(command, user),
        env={"PATH": str(machine / "bin"), **environment},
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_machine_without_python_is_told_what_to_install(machine: Path) -> None:
    code, said = set_up(machine)
    assert (code, len(said)) == (1, 1)
    assert "install Python 3.11 or newer" in said[0]


def test_old_python_is_named_with_the_version_needed(machine: Path) -> None:
    add_python(machine, "python3", "3.9.2")
    code, said = set_up(machine)
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith("Rollcall needs Python 3.11 or newer, but python3 is Python 3.9.2: install")


def test_newer_python_beside_an_old_one_is_taken(machine: Path) -> None:
    add_python(machine, "python3", "3.9.2")
    add_python(machine, "python3.12", "3.12.1")
    _, said = set_up(machine)
    assert said[0] == "Making .venv with Python 3.12.1 …"


def test_named_python_is_taken_before_all_others(machine: Path) -> None:
    add_python(machine, "python3", "3.12.1")
    add_python(machine, "mine", "3.10.0")
    code, said = set_up(machine, PYTHON=str(machine / "bin" / "mine"))
    assert (code, len(said)) == (1, 1)
    assert "is Python 3.10.0" in said[0]


def test_python_without_venv_is_told_the_package(machine: Path) -> None:
    add_python(machine, "python3", "3.11.2", has_venv=False)
    code, said = set_up(machine)
    assert (code, len(said)) == (1, 1)
    assert "apt-get install python3.11-venv" in said[0]


def test_folder_that_can_not_be_written_is_named(machine: Path) -> None:
    add_python(machine, "python3", "3.11.2")
    checkout = machine / "checkout"
    checkout.chmod(0o555)
    code, said = set_up(machine, user=account())
    checkout.chmod(0o755)
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith(f"{checkout} can't be written by")
