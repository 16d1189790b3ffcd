"""What a server notes about its releases, and the files and containers that a release is made of."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.rollcall_docker import MADE_OF, Docker, Trouble

USER = 10001
APP, WORKER = "rollcall-app", "rollcall-worker"
BOTH = (APP, WORKER)
BEFORE = "-before"
ASIDE = (APP + BEFORE, WORKER + BEFORE)
OFTEN = 3
LOOKED_EVERY_SECONDS = 2
SECURED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")  # noqa: S108 theirs
KEPT_LOG = ("--log-opt", "max-size=20m", "--log-opt", "max-file=3")
SHAPE = 1
"""Counted up whenever the way containers are made changes, so that the next deployment replaces them."""

Release = dict[str, Any]


class Notes:
    """The files of a server's state; each is written whole under another name first."""

    def __init__(self, folder: str) -> None:
        """Look into `folder`, which provisioning made."""
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise Trouble(f"{folder} is not there: provision the server first.")

    def releases(self) -> dict[str, Any]:
        """Return what runs, and what ran before, what ran last first."""
        return self._read("releases.json") or {"current": None, "previous": []}

    def replacing(self) -> dict[str, Any] | None:
        """Return what a replacement that is under way, or that failed, leads from and to."""
        return self._read("replacing")

    def begin(self, way: str, start: Release | None, end: Release | None, run: str) -> dict[str, Any]:
        """Note that the containers are about to change; what an earlier, failed replacement began with stays."""
        kept = self.replacing()
        if kept and way == "forth":
            start = good_one(kept)
        if way == "forth" and end:
            end["instead_of"] = _alone(start)
        note = {"way": way, "from": _alone(start), "to": end, "run_id": run, "since": _now()}
        self.write("replacing", note)
        return note

    def settle(self, keep: int) -> Release | None:
        """Make what was replaced the current release, and end the replacement."""
        note = self.replacing()
        releases = self.releases()
        if note is None:
            return releases["current"]
        now, old = note["to"], note["from"]
        rest = [releases["current"], old, *releases["previous"]]
        previous: list[Any] = []
        for release in rest:
            if release and release["digest"] not in [r["digest"] for r in [now or {"digest": None}, *previous]]:
                previous.append(_alone(release))
        if note["way"] == "back":
            # What did not work is nothing to go back to later, unless it once did.
            previous = [r for r in previous if r["run_id"] != note["run_id"] or r.get("is_known")]
        self.write("releases.json", {"current": now, "previous": previous[: keep - 1]})
        self.remove("replacing")
        return now

    def lock(self, holder: str, run: str) -> str:
        """Let this run deploy, or return who does already and since when; "" where the lock is ours."""
        path = self.folder / "deploying"
        fresh = self.folder / f".deploying-{os.getpid()}"
        fresh.write_text(json.dumps({"holder": holder, "run_id": run, "since": _now()}), encoding="utf-8")
        try:
            os.link(fresh, path)
        except FileExistsError:
            held = self._read("deploying") or {"holder": "unknown", "run_id": None, "since": _now()}
            if held["run_id"] != run:
                minutes = int((time.time() - held["since"]) // 60)
                return f"{held['holder']}, since {minutes} min"
        finally:
            fresh.unlink()
        return ""

    def is_locked_by_another(self, run: str) -> bool:
        """Say whether another run holds the lock."""
        held = self._read("deploying")
        return held is not None and held["run_id"] != run

    def unlock(self, run: str) -> None:
        """Let others deploy, where the lock is ours."""
        if not self.is_locked_by_another(run):
            self.remove("deploying")

    @contextmanager
    def alone(self, limit: int) -> Iterator[None]:
        """Change containers alone: the step of a run that was broken off may still be at work here."""
        until = time.monotonic() + limit
        with (self.folder / ".changing").open("w", encoding="utf-8") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if time.monotonic() > until:
                        raise Trouble("An earlier run is still changing containers here: try again later.") from error
                time.sleep(0.5)
            yield

    def write(self, name: str, content: Any) -> None:
        """Write a file of JSON that is there whole or not at all, also after a crash."""
        write_file(self.folder / name, json.dumps(content, indent=1, sort_keys=True) + "\n", 0o644)

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.folder / name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Trouble(f"{self.folder / name} is no JSON: mend it or remove it.") from error


class Containers:
    """The two containers of a release on this server."""

    def __init__(self, docker: Docker, notes: Notes, params: dict[str, Any]) -> None:
        """Take settings, address and limits from the module's parameters."""
        self.docker, self.notes, self.params = docker, notes, params

    def made_of(self, image_id: str) -> str:
        """Return a digest of all that makes a container; another one means that it has to be replaced."""
        names = ("settings", "secrets", "address", "port", "data")
        parts = [SHAPE, image_id, *(self.params[name] for name in names)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def are(self, made_of: str) -> bool:
        """Say whether both run and are made of this."""
        found = self.docker.containers(APP, WORKER)
        return len(found) == 2 and all(c["is_running"] and c["made_of"] == made_of for c in found.values())

    def put_aside(self) -> None:
        """Stop both and keep them under another name; where some are kept already, those that run go."""
        found = self.docker.containers(*BOTH, *ASIDE)
        self._end({name: found[name] for name in BOTH if name in found})
        for name in BOTH:
            if name in found and name + BEFORE not in found:
                self.docker.do("rename", name, name + BEFORE)
            elif name in found:
                self.docker.do("rm", "-f", name)

    def _end(self, found: dict[str, dict[str, Any]]) -> None:
        """End containers at once with what they are doing done: nobody sends them requests any more."""
        running = [name for name, container in found.items() if container["is_running"]]
        others = [name for name, container in found.items() if not (container["is_running"] or container["is_ended"])]
        if running:
            # SIGINT ends without the pause that SIGTERM makes for load balancers.
            self.docker.ask("kill", "--signal", "INT", *running)
            try:
                self.docker.ask("wait", *running, limit=self.params["stop_timeout"])
            except Trouble:
                others += running
        if others:  # what restarts all the time, too
            self.docker.do("stop", "-t", "1", *others)

    def start(self, release: Release, run: str) -> None:
        """Start both from an image with the settings in place; the worker once the application is ready."""
        made_of = self.made_of(release["id"])
        self._tag(release)
        self._start_app(release, made_of, run)
        self.wait_until_ready(release)
        self._start(WORKER, "worker", release, made_of, run, "--no-healthcheck")

    def _tag(self, release: Release) -> None:
        """Give the image its tag here, which may have moved on, or be missing where the image came by its digest."""
        reference = f"{release['image']}:{release['tag']}"
        if (self.docker.image(reference) or {}).get("id") != release["id"]:
            self.docker.do("tag", release["id"], reference)

    def _start_app(self, release: Release, made_of: str, run: str) -> None:
        published = f"{self.params['address']}:{self.params['port']}:8000"
        self._start(APP, "serve", release, made_of, run, "--publish", published)

    def _start(self, name: str, word: str, release: Release, made_of: str, run: str, *more: str) -> None:
        config, data = self.notes.folder, self.params["data"]
        words = ["run", "--detach", "--name", name, "--restart", "unless-stopped", *SECURED, *KEPT_LOG]
        words += ["--label", f"{MADE_OF}={made_of}", "--env-file", f"{config}/app.env"]
        words += ["--env", f"IMAGE_DIGEST={release['digest']}", "--env", f"DEPLOY_RUN={run}"]
        words += ["--volume", f"{config}/secrets:/run/secrets:ro", "--volume", f"{data}:/var/lib/rollcall"]
        try:
            self.docker.do(*words, *more, f"{release['image']}:{release['tag']}", word)
        except Trouble as trouble:
            raise Trouble(f"{name} could not be started: {trouble}", self.docker.log(name)) from trouble

    def remove_new(self, old: Release | None) -> None:
        """End and remove those that took the place of `old`; what a failure came too early for stays."""
        found = self.docker.containers(*BOTH, *ASIDE)
        new = {
            name: found[name]
            for name in BOTH
            if name in found and (old is None or name + BEFORE in found or found[name]["image"] != old["id"])
        }
        self._end(new)
        if new:
            self.docker.do("rm", "-f", *new)

    def start_those_before(self, release: Release, run: str) -> None:
        """Start the two that were put aside; one that is gone is made anew."""
        found = self.docker.containers(*BOTH, *ASIDE)
        for name in BOTH:
            if name + BEFORE in found:
                self.docker.do("rename", name + BEFORE, name)
        made_of = self.made_of(release["id"])
        there = {name.removesuffix(BEFORE) for name in found}
        if there != set(BOTH):
            self._tag(release)
        if APP in there:
            self.docker.do("start", APP)
        else:
            self._start_app(release, made_of, run)
        self.wait_until_ready(release)
        if WORKER in there:
            self.docker.do("start", WORKER)
        else:
            self._start(WORKER, "worker", release, made_of, run, "--no-healthcheck")

    def remove_those_before(self) -> bool:
        """Remove the two that were put aside, and their settings; say whether there were any."""
        there = self.docker.containers(*ASIDE)
        if there:
            self.docker.do("rm", "-f", *there)
        shutil.rmtree(self.notes.folder / "before", ignore_errors=True)
        return bool(there)

    def wait_until_ready(self, release: Release) -> None:
        """Wait until the application is ready and is the commit that was meant."""
        began = time.monotonic()
        looked = began
        while True:
            said = _why_not_ready(self.params["address"], self.params["port"], release["commit"])
            if not said:
                return
            now = time.monotonic()
            if now - looked > LOOKED_EVERY_SECONDS:
                looked = now
                found = self.docker.containers(APP).get(APP)
                if found is None or found["restarts"] >= OFTEN:
                    said = "it ends again and again"
                    break
            if now - began > self.params["ready_timeout"]:
                break
            time.sleep(0.2)
        seconds = time.monotonic() - began
        raise Trouble(f"{APP} of {release['tag']} is not ready after {seconds:.0f} s: {said}.", self.docker.log(APP))

    def worker_lives(self) -> None:
        """Stop where the worker does not stay alive."""
        found = self.docker.containers(WORKER).get(WORKER)
        if not found or not found["is_running"] or found["restarts"] >= OFTEN:
            raise Trouble(f"{WORKER} does not stay alive.", self.docker.log(WORKER))


def put_settings(folder: Path, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
    """Write settings and secrets; those that were there move to `before`, unless an earlier failure filled it."""
    before = folder / "before"
    if (folder / "app.env").exists() and not before.exists():
        before.mkdir(mode=0o700)
        for name in ("app.env", "secrets"):
            if (folder / name).exists():
                (folder / name).rename(before / name)
    # A container that still runs keeps the folder it was given, which now is elsewhere.
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    write_settings(folder, folder / "secrets", settings, secrets)


def put_settings_back(folder: Path) -> None:
    """Bring back the settings that `put_settings` moved away."""
    before = folder / "before"
    if not (before / "app.env").exists():
        return
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    for name in ("app.env", "secrets"):
        if (before / name).exists():
            (before / name).replace(folder / name)
    shutil.rmtree(before, ignore_errors=True)


def write_settings(folder: Path, secret_folder: Path, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
    """Write `app.env` for Docker, and each secret into a file that only the application's user may read."""
    secret_folder.mkdir(mode=0o500)
    os.chown(secret_folder, USER, USER)
    lines = {name: str(value) for name, value in settings.items() if value not in (None, "")}
    for name, value in secrets.items():
        if value:
            lines[f"{name}_FILE"] = f"/run/secrets/{name.lower()}"
            write_file(secret_folder / name.lower(), str(value), 0o400, USER)
    broken = sorted(name for name, value in lines.items() if "\n" in value or "\r" in value)
    if broken:
        raise Trouble(f"{', '.join(broken)} holds a line break, which a setting can't.")
    write_file(folder / "app.env", "".join(f"{n}={v}\n" for n, v in sorted(lines.items())), 0o640)


def write_file(path: Path, text: str, mode: int, owner: int = 0) -> None:
    """Write a file that is never open to others, not even for a moment, and never half."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
        os.fchown(descriptor, owner, owner)
        os.fchmod(descriptor, mode)
    fresh.replace(path)


def _why_not_ready(address: str, port: int, commit: str) -> str:
    """Return "" when the application is ready and right, else what it answers."""
    connection = http.client.HTTPConnection(address, port, timeout=3)
    try:
        connection.request("GET", "/readyz", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(20_000)
    except (OSError, http.client.HTTPException) as error:
        return f"/readyz gives no answer ({type(error).__name__})"
    finally:
        connection.close()
    if answer.status != 200:
        return f"/readyz answers {answer.status} {body.decode(errors='replace')[:300].strip()}"
    try:
        serving = json.loads(body).get("build", {}).get("commit", "")
    except (ValueError, AttributeError):
        serving = ""
    if commit and serving != commit:
        return f"/readyz answers for commit {serving or 'unknown'} where {commit} was meant"
    return ""


def good_one(note: dict[str, Any]) -> Release | None:
    """Return the release that a replacement began with, also where the way back from it was begun."""
    release: Release | None = note["from"] if note["way"] == "forth" else note["to"]
    return release


def older_than(release: Release, replaced: Release | None) -> Release | None:
    """Return what a release took the place of; the same image with other settings is no other release."""
    if replaced and replaced["digest"] == release["digest"]:
        return replaced.get("older")
    return {key: replaced[key] for key in ("image", "tag", "digest")} if replaced else None


def _alone(release: Release | None) -> Release | None:
    """Return a release without what it took the place of."""
    return {key: value for key, value in release.items() if key != "instead_of"} if release else None


def _now() -> int:
    return int(time.time())
