"""`make notify` against a real server that takes it, refuses it, hangs or is not there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.deploy.jenkins.hook import Hook, listening
from tests.deploy.jenkins.stand_in import ROOT

BUILD = {
    "STATUS": "FAILURE",
    "JOB_NAME": "rollcall/main",
    "BUILD_NUMBER": "7",
    "BUILD_URL": "https://jenkins.example.com/job/rollcall/job/main/7/",
    "TAG": "",
}


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as server:
        yield server


def notify(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as the pipeline does, without what this run itself is called."""
    kept = {name: value for name, value in os.environ.items() if name not in (*BUILD, "NOTIFY_URL", "MAKEFLAGS")}
    return subprocess.run(
        ["make", "--no-print-directory", "notify"],
        cwd=ROOT,
        env={**kept, **BUILD, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_what_is_told(hook: Hook) -> None:
    done = notify(NOTIFY_URL=hook.url)
    assert (done.returncode, done.stdout) == (0, "Told.\n"), done.stderr
    (told,) = hook.posted
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    assert told == {
        "text": f"Rollcall: rollcall/main #7 ({commit[:12]}): failure {BUILD['BUILD_URL']}",
        "status": "failure",
        "job": "rollcall/main",
        "build": "7",
        "url": BUILD["BUILD_URL"],
        "commit": commit,
        "tag": commit[:12],
    }


def test_without_an_address_it_is_printed() -> None:
    done = notify(TAG="v1.2.0", STATUS="waiting")
    assert done.returncode == 0
    assert done.stdout.startswith("Rollcall: rollcall/main #7 (v1.2.0): waiting https://")


def test_trouble_on_the_other_side_is_tried_again(hook: Hook) -> None:
    hook.codes = [503, 429, 204]
    done = notify(NOTIFY_URL=hook.url)
    assert (done.returncode, done.stdout) == (0, "Told.\n")
    assert len(hook.posted) == 3


@pytest.mark.parametrize(("code", "tries"), [(404, 1), (302, 1), (500, 3)])
def test_nobody_being_told_fails_no_build(hook: Hook, code: int, tries: int) -> None:
    hook.codes = [code]
    done = notify(NOTIFY_URL=hook.url)
    assert done.returncode == 0
    assert f"Nobody was told: the other side answers {code}." in done.stderr
    assert "rollcall/main #7" in done.stdout
    assert len(hook.posted) == tries
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/s3cret", "ftp://hooks.example.com/s3cret", "s3cret", "http://[s3cret"]
)
def test_address_that_leads_nowhere_is_told_without_naming_it(url: str) -> None:
    done = notify(NOTIFY_URL=url)
    assert done.returncode == 0
    assert "Nobody was told: " in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
