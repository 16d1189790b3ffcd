"""What the parts of the lab stand on: where things are kept, and running a program with its words kept."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
STORE = Path("/var/tmp/rollcall-test-deploy")
"""Trees of packages stay here between runs: making them takes minutes, and they are the same each time."""


class LabError(RuntimeError):
    """Something the tests stand on did not come up; holds the last words of the program that failed."""


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: str | None = None,
    seconds: float = 300,
) -> str:
    """Run a program to its end and return what it printed; LabError with its last words when it fails."""
    done = outcome(command, cwd=cwd, environment=environment, given=given, seconds=seconds)
    if done.returncode:
        words = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise LabError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{words}")
    return done.stdout


def outcome(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: str | None = None,
    seconds: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, however that is."""
    source = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=dict(environment) if environment is not None else None,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        **source,
    )


def take_away(folder: Path) -> None:
    """Remove a folder with all in it, and what an engine left mounted there before."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in mounted[::-1]:
        if Path(place).is_relative_to(folder):
            outcome(["umount", "--lazy", place])
    shutil.rmtree(folder, ignore_errors=True)
