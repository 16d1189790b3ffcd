"""Root file systems made of Debian packages: one that all servers share below their own layer, one for the image."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.deploy.lab.ground import STORE, run

SERVER = (
    *("python3", "python3-apt", "python3-requests", "python3-pymysql", "ca-certificates", "sudo", "procps", "iproute2"),
    *("openssh-server", "cron", "rsync", "socat", "iptables", "tini", "docker.io"),
    *("haproxy", "keepalived", "mariadb-server", "galera-4", "redis-server", "redis-sentinel", "prometheus", "nginx"),
)
"""What Ansible would install; it is there beforehand, because the servers reach no network but their own."""
PYTHON = ("python3", "python3-venv", "ca-certificates")
"""Stands in for the official slim image of Python, which no package registry has."""
BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")


def server_tree() -> Path:
    """Return the tree of a server before anything was set up on it: an account that may do all, by key only."""
    return _tree("server", SERVER, _prepare_server)


def python_tree() -> Path:
    """Return the tree of a small system with Python; it trusts whom this machine trusts to install packages from."""
    return _tree("python", PYTHON, _prepare_python)


def _tree(name: str, packages: tuple[str, ...], prepare: Callable[[Path], None]) -> Path:
    words = " ".join((suite(), *packages, str(_VERSION)))
    tree = STORE / f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
    if tree.is_dir():
        return tree
    unfinished = tree.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    STORE.mkdir(parents=True, exist_ok=True)
    run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite(), unfinished],
        seconds=900,
    )
    for cache in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(unfinished / cache)
        (unfinished / cache / "partial").mkdir(parents=True)
    prepare(unfinished)
    return unfinished.rename(tree)


_VERSION = 1  # of what the functions below do


def _prepare_server(tree: Path) -> None:
    run(["chroot", tree, "useradd", "--create-home", "--shell", "/bin/bash", "deploy"])
    (tree / "etc/sudoers.d/deploy").write_text("deploy ALL=(ALL) NOPASSWD: ALL\n")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # each server makes its own
    (tree / "etc/ssh/sshd_config.d/lab.conf").write_text(
        "PasswordAuthentication no\nPermitRootLogin no\nUseDNS no\nMaxStartups 50\n"
    )


def _prepare_python(tree: Path) -> None:
    shutil.copy("/" / BUNDLE, tree / BUNDLE)
    (tree / "etc/pip.conf").write_text(f"[global]\ncert = /{BUNDLE}\n")


def suite() -> str:
    """Return the name of this machine's Debian release."""
    words = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return words["VERSION_CODENAME"].strip('"')


if __name__ == "__main__":  # beforehand, while something else runs
    server_tree()
    python_tree()
