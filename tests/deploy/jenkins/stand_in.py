"""Run the Jenkinsfile by the stand-in for Jenkins, which is Groovy: real commands, made-up agents.

    .venv/bin/python -m tests.deploy.jenkins.stand_in --workspace FOLDER --branch main --credentials FILE.json
    .venv/bin/python -m tests.deploy.jenkins.stand_in --workspace FOLDER --tag v1.0.0 --answer approve --in-place …

It is not Jenkins: docs/pipeline.md says what it shows and what it does not.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LEFT_OUT = re.compile(r"^(MAKE.*|MFLAGS|GIT_.*|PYTEST_.*|VIRTUAL_ENV|COV_.*|COVERAGE_.*|CI|TAG|ENV|IMAGE|REPORTS)$")
"""What the caller's shell says to its own make, git and tests; an agent knows nothing of it."""


@dataclass
class Build:
    """What is built, and how Jenkins is set up around it; `answer` is what becomes of a request for approval.

    Each agent is an empty folder below `workspace`. Where `source` is built `in_place`, it is the workspace of every
    agent and keeps what git ignores; what was checked out there is checked out again in the end.
    """

    workspace: Path
    source: Path = ROOT
    branch: str = ""
    tag: str = ""
    revision: str = ""
    jenkinsfile: Path | None = None
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    answer: str = "nobody"
    approver: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ("docker",)
    number: int = 1
    in_place: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a build ended, what it printed, and what it did, stage by stage."""

    code: int
    output: str
    report: dict[str, Any]

    @property
    def result(self) -> str:
        """Return SUCCESS, UNSTABLE, FAILURE, ABORTED, or REFUSED for a Jenkinsfile that can't be run."""
        return str(self.report["result"])

    def stage(self, name: str) -> str:
        """Return how a stage ended."""
        return next(stage["result"] for stage in self.report["stages"] if stage["name"] == name)

    def commands(self) -> list[str]:
        """Return what `sh` ran, in order."""
        return [command["script"] for command in self.report["commands"]]


def java_home() -> str:
    """Return the folder of the Java on PATH; Debian's groovy looks in a place of its own otherwise."""
    java = shutil.which("java")
    return str(Path(java).resolve().parents[1]) if java else ""


def lacking() -> list[str]:
    """Return the programs that the stand-in needs and this machine does not have."""
    return [name for name in ("groovy", "groovyc", "java", "git", "setsid") if shutil.which(name) is None]


def git(folder: Path, *words: str) -> str:
    """Run git in a repository and return what it says."""
    who = ("-c", "user.name=Rollcall", "-c", "user.email=rollcall@example.com")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, env=agent_environment()
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)} in {folder}: {done.stderr}")
    return done.stdout.strip()


def revision_of(build: Build) -> str:
    """Return the commit that is built."""
    name = build.revision or (f"refs/tags/{build.tag}" if build.tag else f"refs/heads/{build.branch}")
    return git(build.source, "rev-parse", "--verify", f"{name}^{{commit}}")


def variables_of(build: Build) -> dict[str, str]:
    """Return the variables that Jenkins gives to a build of a multibranch pipeline."""
    name = build.tag or build.branch
    job = f"rollcall/{name}"
    address = f"https://jenkins.example.com/job/rollcall/job/{name}"
    return {
        "JENKINS_URL": "https://jenkins.example.com/",
        "JOB_NAME": job,
        "JOB_BASE_NAME": name,
        "JOB_URL": f"{address}/",
        "BUILD_NUMBER": str(build.number),
        "BUILD_ID": str(build.number),
        "BUILD_TAG": f"jenkins-{job.replace('/', '-')}-{build.number}",
        "BUILD_URL": f"{address}/{build.number}/",
        "BRANCH_NAME": name,
        **({"TAG_NAME": build.tag} if build.tag else {}),
        **build.environment,
    }


def agent_environment() -> dict[str, str]:
    """Return the environment of an agent's process, which knows nothing of a make or test run around it."""
    kept = {name: value for name, value in os.environ.items() if not LEFT_OUT.match(name)}
    return {"JAVA_OPTS": "-XX:TieredStopAtLevel=1", **kept, "JAVA_HOME": kept.get("JAVA_HOME") or java_home()}


@functools.cache
def compiled() -> Path:
    """Compile the stand-in once for this process: that takes longer than most of its runs."""
    folder = Path(tempfile.mkdtemp(prefix="rollcall-stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = ["groovyc", "-d", str(folder), *map(str, sorted(HERE.glob("*.groovy")))]
    done = subprocess.run(command, capture_output=True, text=True, env=agent_environment())
    if done.returncode:
        raise RuntimeError(f"The stand-in can't be compiled:\n{done.stdout}{done.stderr}")
    return folder


def run(build: Build, *, is_shown: bool = False) -> Outcome:
    """Run the build."""
    build.workspace.mkdir(parents=True, exist_ok=True)
    checked_out = git(build.source, "rev-parse", "--abbrev-ref", "HEAD") if build.in_place else ""
    config, told = build.workspace / "config.json", build.workspace / "report.json"
    told.unlink(missing_ok=True)
    revision, jenkinsfile = revision_of(build), build.jenkinsfile
    if jenkinsfile is None:
        jenkinsfile = build.workspace / "Jenkinsfile"
        jenkinsfile.write_text(git(build.source, "show", f"{revision}:Jenkinsfile"))
    config.touch(mode=0o600)
    config.write_text(
        json.dumps(
            {
                "jenkinsfile": str(jenkinsfile),
                "source": str(build.source),
                "revision": revision,
                "workspace": str(build.source if build.in_place else build.workspace / "agents"),
                "temporary": str(build.workspace / "temporary"),
                "in_place": build.in_place,
                "labels": list(build.labels),
                "credentials": build.credentials,
                "answer": build.answer,
                "approver": build.approver,
                "variables": variables_of(build),
            }
        )
    )
    command = ["groovy", "-cp", str(compiled()), "-e", "StandIn.main(args)", str(config), str(told)]
    lines = []
    try:
        with subprocess.Popen(
            command, env=agent_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if is_shown:
                    sys.stdout.write(line)
                    sys.stdout.flush()
    finally:
        config.unlink()
        if build.in_place:
            git(build.source, "checkout", "--quiet", "--force", checked_out)
    if not told.exists():
        raise RuntimeError(f"The stand-in itself broke:\n{''.join(lines)}")
    return Outcome(process.returncode, "".join(lines), json.loads(told.read_text()))


def snapshot(source: Path, folder: Path) -> Path:
    """Make a repository of what lies in a checkout, committed or not, so that a build sees just that."""
    names = git(source, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name, follow_symlinks=False)
    commit_all(folder)
    return folder


def commit_all(folder: Path, *, tag: str = "") -> None:
    """Commit everything in a folder to its branch main, and tag that."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "--no-verify", "-m", "As it is")
    if tag:
        git(folder, "tag", tag)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one build as the command line says, and show it."""
    parser = argparse.ArgumentParser(description="Run the Jenkinsfile without Jenkins.")
    parser.add_argument("--workspace", type=Path, required=True, help="a folder for the agents and report.json")
    parser.add_argument("--source", type=Path, default=ROOT, help="the repository that is checked out")
    parser.add_argument("--in-place", action="store_true", help="let every agent work in the source itself")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--branch", default="")
    what.add_argument("--tag", default="")
    parser.add_argument("--revision", default="", help="the commit, where it is not what the branch or tag names")
    parser.add_argument("--credentials", type=Path, help="JSON: id to kind and username, password, path or secret")
    parser.add_argument("--answer", choices=["approve", "abort", "nobody"], default="nobody")
    parser.add_argument("--approver", default="", help="who answers; unset: the first who may")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable of all builds")
    given = parser.parse_args(arguments)
    if missing := lacking():
        parser.error(f"install these first: {', '.join(missing)}")
    outcome = run(
        Build(
            workspace=given.workspace.resolve(),
            source=given.source.resolve(),
            in_place=given.in_place,
            branch=given.branch,
            tag=given.tag,
            revision=given.revision,
            credentials=json.loads(given.credentials.read_text()) if given.credentials else {},
            answer=given.answer,
            approver=given.approver,
            environment=dict(pair.split("=", 1) for pair in given.env),
        ),
        is_shown=True,
    )
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
