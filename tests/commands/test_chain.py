"""Writers, sealers and workers are killed again and again: the chain has no gap, and the archive all of it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.changes.journal import Segment, Unsealed
from app.changes.opening import open_journal
from app.changes.seals import Seal, Unarchived
from app.extensions import db
from tests.commands.test_worker import ROOT, START, start_worker, wait_until
from tests.writing import empty_journal

__all__ = ["start_worker"]

pytestmark = pytest.mark.everywhere
START_WRITER = Callable[[], subprocess.Popen[str]]


def surroundings(folder: Path) -> dict[str, str]:
    """Return the environment of a program on this run's database."""
    url = db.engine.url.render_as_string(hide_password=False)
    return {"PATH": os.environ["PATH"], "DATABASE_URL": url, "INSTANCE_PATH": str(folder)}


@pytest.fixture
def start_writer(context: Flask, tmp_path: Path) -> Iterator[START_WRITER]:
    """Give a function that starts a writer; what it was answered it writes to a file of its own in `tmp_path`."""
    running: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        name = str(len(running))
        with open(tmp_path / f"{name}.answered", "w", encoding="ascii") as answered:
            command = [sys.executable, "-m", "tests.commands.editing", name]
            running.append(subprocess.Popen(command, cwd=ROOT, env=surroundings(tmp_path), text=True, stdout=answered))
        return running[-1]

    yield begin
    for one in running:
        if one.poll() is None:
            one.kill()
            one.wait()


def acknowledged(folder: Path) -> set[int]:
    """Return the change sets that any writer was told of."""
    lines = [line for file in folder.glob("*.answered") for line in file.read_text().splitlines(keepends=True)]
    return {int(line) for line in lines if line.endswith("\n")}


def archived(folder: Path) -> dict[str, int]:
    """Return the objects of the archive, each with its position."""
    found = folder.joinpath("storage").glob("[0-9]*/*.json")
    return {path.stem: json.loads(path.read_bytes())["position"] for path in found}


def left() -> int:
    """Return how many segments wait for their seal, or for the archive."""
    db.session.rollback()
    return sum(db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Unsealed, Unarchived))


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        pytest.param(3, 5, id="short", marks=pytest.mark.servers),
        pytest.param(8, 60, marks=pytest.mark.slow, id="minute"),
    ],
)
def test_chain_is_dense_and_whole_whoever_is_killed(
    start_writer: START_WRITER, start_worker: START, tmp_path: Path, count: int, seconds: int
) -> None:
    empty_journal()
    open_journal()
    chance = random.Random(7)
    writers = [start_writer() for _ in range(count)]
    workers = [start_worker() for _ in range(2)]
    wait_until(lambda: all(file.stat().st_size for file in tmp_path.glob("*.answered")))
    until, killed = time.monotonic() + seconds, 0
    while time.monotonic() < until or not killed:
        time.sleep(chance.uniform(0.2, 1.5))
        group, begin = chance.choice([(writers, start_writer), (workers, start_worker)])
        victim = group.pop(chance.randrange(len(group)))
        victim.kill()
        if isinstance(victim, subprocess.Popen):
            victim.wait()
        group.append(begin())
        killed += 1
    for writer in writers:
        writer.kill()
        writer.wait()
    for worker in workers:
        worker.kill()
    check_chain(start_worker, tmp_path, at_least=seconds)


def check_chain(start_worker: START, folder: Path, at_least: int) -> None:
    """Let a worker come to an end with everything, and look at what is there."""
    last = start_worker()
    wait_until(lambda: left() == 0, last)
    last.kill()
    sealed = db.session.execute(
        select(Seal.position, Seal.key, Segment.change_set_id).join(Segment, Segment.id == Seal.segment_id)
    ).all()
    assert sorted(row.position for row in sealed) == list(range(1, len(sealed) + 1))
    assert len(sealed) == db.session.scalar(select(func.count(Segment.id)))
    answered = acknowledged(folder)
    assert len(answered) > at_least
    assert answered <= {row.change_set_id for row in sealed}
    assert archived(folder) == {row.key: row.position for row in sealed}
    verify = [sys.executable, "-m", "flask", "--app", "tests.commands.working", "journal", "verify"]
    said = subprocess.run(verify, cwd=ROOT, env=surroundings(folder), capture_output=True, text=True)
    assert "The journal is whole" in said.stdout, said.stderr
