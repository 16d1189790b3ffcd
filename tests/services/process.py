"""A server process in a folder of its own, under an unprivileged user, gone when the tests are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 20


class ServerError(RuntimeError):
    """A server that didn't start; holds the end of its log."""


def account(*names: str) -> str | None:
    """Return the account that a server runs as: None (our own) unless we are root, which databases refuse."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)


def as_account(command: list[str], user: str | None) -> list[str]:
    """Return the command as run by `user` and, where the system can, killed when the thread that started it ends."""
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return command if user is None else ["su", "-s", "/bin/sh", user, "-c", 'exec "$0" "$@"', *command]
    change = [f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"] if user else []
    return [setpriv, *change, "--pdeathsig=KILL", "--", *command]


def own_folder(folder: Path, user: str | None) -> Path:
    """Make a folder that only `user` may read."""
    folder.mkdir(mode=0o700, parents=True)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def run_once(command: list[str], user: str | None, folder: Path) -> None:
    """Run a preparing program to its end; ServerError with its words when it fails."""
    done = subprocess.run(
        as_account(command, user),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise ServerError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(command: list[str], user: str | None, folder: Path, answers: Callable[[], object]) -> subprocess.Popen[bytes]:
    """Start a server and wait until `answers()` stops raising; ServerError with the end of its log otherwise."""
    log = folder.parent / f"{folder.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            as_account(command, user),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests, which then stop the servers themselves.
        )
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answers()
        except Exception as error:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            process.kill()
            process.wait()
            tail = log.read_text(errors="replace")[-3000:]
            raise ServerError(f"{command[0]} did not start ({error}):\n{tail}") from error
        return process


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End a server by a signal, paused or not, and by force when it doesn't listen."""
    if process.poll() is None:
        signal_all(process, signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            signal_all(process, signal.SIGKILL)
    process.wait()


def signal_all(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """Send a signal to a server and all processes below it (PostgreSQL has one for each connection)."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


def descendants(pid: int) -> list[int]:
    """Return the processes below one; none on systems without /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in brackets, may hold anything; the parent is the second word after it.
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # It ended meanwhile.
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
