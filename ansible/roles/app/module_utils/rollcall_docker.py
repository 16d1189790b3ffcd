"""Docker's command line on a server, each command with a limit: a daemon that hangs must not hold up a deployment."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

REVISION = "org.opencontainers.image.revision"
MADE_OF = "rollcall.made-of"
TIMED_OUT = (124, 137)


class Trouble(Exception):
    """What went wrong, in a sentence for who reads the end of the run; `log` holds a container's last lines."""

    def __init__(self, message: str, log: Sequence[str] = ()) -> None:
        """Keep the sentence and the lines."""
        super().__init__(message)
        self.log = list(log)


class Hangs(Trouble):
    """Docker did not answer in time."""


class Docker:
    """Docker as the modules need it; `module` runs the commands."""

    def __init__(self, module: Any, config: str | None = None) -> None:
        """Use `config` as folder of the credentials, where a registry asks for some."""
        self.module = module
        self.options = ["--config", config] if config else []

    def ask(self, *words: str, limit: int = 20, given: str | None = None) -> tuple[int, str, str]:
        """Return exit code, output and errors of a command, or say that Docker did not answer in time."""
        command = ["timeout", "-k", "2", str(limit), "docker", *self.options, *words]
        code, out, err = self.module.run_command(command, data=given)
        if code in TIMED_OUT:
            raise Hangs(f"Docker did not answer within {limit} s (docker {words[0]}).")
        return code, out, err

    def do(self, *words: str, limit: int = 60, given: str | None = None) -> str:
        """Return the output of a command that has to succeed."""
        code, out, err = self.ask(*words, limit=limit, given=given)
        if code:
            raise Trouble(f"docker {words[0]} failed: {_end(err or out)}")
        return out.strip()

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return id, digest and commit of an image that is on this server, or None."""
        code, out, err = self.ask("image", "inspect", reference)
        if code:
            if "no such image" in err.lower():
                return None
            raise Trouble(f"docker image inspect failed: {_end(err)}")
        found = json.loads(out)[0]
        name = repository(reference)
        digests = [d.partition("@")[2] for d in found.get("RepoDigests") or () if d.partition("@")[0] == name]
        labels = found["Config"].get("Labels") or {}
        return {"id": found["Id"], "digest": digests[0] if digests else "", "commit": labels.get(REVISION, "")}

    def containers(self, *names: str) -> dict[str, dict[str, Any]]:
        """Return how the containers of these names stand; one that is not there is left out."""
        code, out, err = self.ask("container", "inspect", *names)
        if code and "no such container" not in err.lower():
            raise Trouble(f"docker container inspect failed: {_end(err)}")
        return {
            found["Name"].lstrip("/"): {
                "image": found["Image"],
                "made_of": (found["Config"].get("Labels") or {}).get(MADE_OF, ""),
                "is_running": bool(found["State"]["Running"]) and not found["State"].get("Restarting"),
                "is_ended": found["State"]["Status"] in ("exited", "created", "dead"),
                "restarts": found.get("RestartCount", 0),
            }
            for found in json.loads(out or "[]")
        }

    def pull(self, reference: str, limit: int) -> None:
        """Fetch an image; the error says that nothing was replaced, for pulling comes before."""
        try:
            self.do("pull", "-q", reference, limit=limit)
        except Trouble as trouble:
            raise Trouble(f"{reference} could not be pulled: {trouble}") from trouble

    def log(self, name: str, lines: int = 20) -> list[str]:
        """Return the last lines that a container wrote; nothing where Docker can't tell."""
        try:
            _code, out, err = self.ask("logs", "--tail", str(lines), name)
        except Trouble:
            return []
        return [line[:300] for line in (out + err).splitlines()[-lines:]]


class Login:
    """A folder with a registry's credentials that is gone afterwards: nothing of them stays on the server."""

    def __init__(self, module: Any, reference: str, user: str, password: str) -> None:
        """Note where and as whom to sign in; without a user nobody is signed in."""
        self.module, self.user, self.password = module, user, password
        first = reference.partition("/")[0]
        # As Docker tells them apart: a first part with a dot or a port is a registry, another one a folder of its own.
        self.registry = first if "." in first or ":" in first or first == "localhost" else ""
        self.folder: str | None = None

    def __enter__(self) -> Docker:
        """Return a Docker that is signed in."""
        if not self.user:
            return Docker(self.module)
        shared = "/run" if os.path.isdir("/run") else None
        self.folder = tempfile.mkdtemp(prefix="rollcall-login-", dir=shared)
        docker = Docker(self.module, self.folder)
        words = ["login", "--username", self.user, "--password-stdin"] + ([self.registry] if self.registry else [])
        try:
            docker.do(*words, limit=30, given=self.password)
        except Trouble as trouble:
            self.__exit__()
            raise Trouble(f"The registry did not take user name and password: {trouble}") from trouble
        return docker

    def __exit__(self, *_: object) -> None:
        """Remove the credentials."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def repository(reference: str) -> str:
    """Return the name of an image without tag and digest; a port of its registry stays."""
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def _end(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-2:])[:400] or "it said nothing"
