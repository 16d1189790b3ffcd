"""A server of the lab: a network namespace on the switch, a root of its own, processes that see only each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.deploy.lab.ground import LabError, outcome, run
from tests.services.process import as_account, descendants, signal_all

PREFIX = "rollcall-"
SUDO_LOG = "/var/log/sudo.log"
"""What became root, with all its words: Ansible's steps."""
START_SECONDS = 20
# A mount namespace of its own, so that nothing of this is seen outside, and all of it goes with the last process. Its
# root is exchanged for the server's, or who enters a container would start from this machine's. Docker lays overlays of
# its own, which can't lie on another.
START = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$TREE,upperdir=$HOME_OF/upper,workdir=$HOME_OF/work" "$HOME_OF/root"
cd "$HOME_OF/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p var/lib/docker run/sshd run/lock
mount --bind "$HOME_OF/docker" var/lib/docker
hostname "$NAME"
pivot_root . .
umount -l .
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
    /usr/bin/tini -- /usr/sbin/sshd -D -e
"""


class Server:
    """One server; `address` is its own on the switch, `port` the switch's end of its cable."""

    def __init__(self, name: str, address: str, folder: Path, tree: Path) -> None:
        self.name, self.address, self.tree = name, address, tree
        self.folder = folder / name
        self.namespace = f"{PREFIX}{name}"
        self.port = f"rc-{name}"
        self.process: subprocess.Popen[bytes] | None = None

    def install(self, hosts: str, public_key: str) -> None:
        """Make its layer of the root: names of the others, a host key, and who may come in."""
        for part in ("upper", "work", "root", "docker"):
            (self.folder / part).mkdir(parents=True)
        upper = self.folder / "upper"
        (upper / "etc/ssh").mkdir(parents=True)
        (upper / "etc/hosts").write_text(hosts)
        (upper / "etc/hostname").write_text(f"{self.name}\n")
        (upper / "etc/resolv.conf").write_text("")
        key = upper / "etc/ssh/ssh_host_ed25519_key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key])
        (upper / "etc/sudoers.d").mkdir()
        (upper / "etc/sudoers.d/log").write_text(f'Defaults logfile="{SUDO_LOG}", loglinelen=0\n')
        home = upper / "home/deploy"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        (home / ".ssh/authorized_keys").write_text(public_key)
        owner = (self.tree / "home/deploy").stat()
        for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
            os.chown(path, owner.st_uid, owner.st_gid)

    @property
    def host_key(self) -> str:
        """Return the line of `known_hosts` that pins this server."""
        kind, key = (self.folder / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
        return f"{self.address} {kind} {key}"

    def start(self) -> None:
        """Boot it, and wait until one can come in."""
        environment = {**os.environ, "TREE": str(self.tree), "HOME_OF": str(self.folder), "NAME": self.name}
        console = self.folder / "console.log"
        with console.open("wb") as log:  # of this boot; what the one before told is no sign of life
            self.process = subprocess.Popen(
                as_account(
                    [
                        *("nsenter", f"--net=/run/netns/{self.namespace}"),
                        *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", START),
                    ],
                    None,  # ourselves; it ends when the tests end, however they do
                ),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while "Server listening" not in (told := console.read_text(errors="replace")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LabError(f"{self.name} did not start:\n{told[-2000:]}")
            time.sleep(0.05)

    def command(self, *words: str | Path) -> list[str]:
        """Return the command that runs a program on this server."""
        return [
            *("nsenter", "-t", str(self._init()), "-a", "-r", "env", "-i", "-C", "/", "HOME=/tmp", "LANG=C.UTF-8"),
            *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *map(str, words)),
        ]

    def run(self, *words: str | Path, given: str | None = None, seconds: float = 60) -> str:
        """Run a program there and return what it printed."""
        return run(self.command(*words), given=given, seconds=seconds)

    def outcome(self, *words: str | Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program there to its end, however that is."""
        return outcome(self.command(*words), seconds=seconds)

    def freeze(self) -> None:
        """Stop everything on it where it stands: connections stay open, and nobody answers."""
        assert self.process
        for _ in range(2):  # what was being started during the first
            signal_all(self.process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let everything go on."""
        assert self.process
        signal_all(self.process, signal.SIGCONT)

    def stop(self) -> None:
        """Cut its power: every process on it is gone at once."""
        if self.process is None:
            return
        signal_all(self.process, signal.SIGKILL)
        self.process.wait(START_SECONDS)
        self.process = None

    def remove(self) -> None:
        """Stop it and forget its disk."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _init(self) -> int:
        """Return the process id, outside, of its first process."""
        assert self.process
        below = descendants(self.process.pid)
        if not below:
            raise LabError(f"{self.name} is not running")
        return below[0]
