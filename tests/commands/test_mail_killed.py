"""A worker that dies between the server's yes and the end of the job: the message goes again, under the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.actions.notices import Notice, notify
from app.changes.transaction import write
from app.core.jobs.job import Job, JobLease, State
from app.extensions import db
from tests.mailing import MailServer
from tests.sample import account

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def worker(server: MailServer, url: str, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "INSTANCE_PATH": str(folder),
        "MAIL_URL": f"smtp://127.0.0.1:{server.port}?starttls=no",
    }
    command = [sys.executable, "-m", "flask", "--app", "tests.commands.working", "worker", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_message_of_a_killed_worker_is_sent_again_as_the_same_one(
    context: Flask, database_url: str, server: MailServer, tmp_path: Path
) -> None:
    ana = account("staff", "ana@sample.example")
    write(lambda: notify(Notice.ACCESS_CHANGED, ana))
    first = worker(server, database_url, tmp_path)
    # The server has the message and is about to say so when the power goes.
    server.inbox.at_taking = lambda: os.kill(first.pid, signal.SIGKILL)
    try:
        assert first.wait(timeout=WAIT_SECONDS) == -signal.SIGKILL
    finally:
        first.kill()
    server.inbox.at_taking = lambda: None
    assert len(server.inbox.messages) == 1
    assert state() is State.RUNNING
    db.session.execute(update(JobLease).values(leased_until=datetime(2000, 1, 1, tzinfo=UTC)))
    db.session.commit()
    second = worker(server, database_url, tmp_path, "--once")
    assert second.wait(timeout=WAIT_SECONDS) == 0
    ids = [found["Message-ID"] for found in server.inbox.messages]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert state() is State.DONE


def state() -> State:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        db.session.rollback()
        found = db.session.scalars(select(Job.state).where(Job.action == "send_mail")).one()
        if found is not State.WAITING:
            return found
        assert time.monotonic() < deadline
