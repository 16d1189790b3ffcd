"""The state of the installation: each part in each state, with the words that say what to do."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.access.actor import by_user, operator
from app.accounts.models import AccessRole, User
from app.changes.approvals import FOUR_EYES, Switch, Verdict
from app.core import signs
from app.core.clock import now
from app.core.database.schema import HEAD, SchemaState
from app.core.jobs.job import State as JobState
from app.core.problems import Forbidden
from app.core.querycache.uses import CacheUse
from app.core.signs import Kind
from app.core.version import VERSION
from app.extensions import db
from app.reading import amounts, machine, system
from app.reading.machine import Disk
from app.reading.system import State
from tests.applications import application
from tests.asking import asked
from tests.cache_uses import use
from tests.clock import Clock
from tests.sample import Sample
from tests.servers import server
from tests.services.process import free_port
from tests.waiting import add, add_approval, add_job, add_segment, item, journal, wait_for_archive
from tests.writing import KNOWINGLY, commit

__all__ = ["journal"]
pytestmark = pytest.mark.usefixtures("context")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_everything_is_there_and_what_is_bad_comes_first() -> None:
    found = system.report(operator())
    assert len({one.key for one in found}) == len(found)
    expected = {"database", "storage", "archive", "seals", "mail", "workers", "jobs", "four_eyes"}
    expected |= {"cache", "disk", "versions", "servers", "read_only"}
    assert {one.key for one in found} == expected | ({"clock"} - ({"clock"} if is_sqlite() else set()))
    order = [list(State).index(one.state) for one in found]
    assert order == sorted(order)
    assert found[0].key == "workers"
    for one in found:
        assert one.facts
        assert all(one.facts)
        assert bool(one.remedy) >= (one.state in (State.BAD, State.WARN)), one
        assert not (one.remedy and one.state is State.GOOD), one


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def test_it_is_for_who_may_see_the_system(sample: Sample) -> None:
    for who in ("staff", "manager", "hr"):
        actor = by_user(sample.users[who])
        assert actor is not None
        with pytest.raises(Forbidden):
            system.report(actor)
    for who in ("auditor", "administrator"):
        actor = by_user(sample.users[who])
        assert actor is not None
        assert system.report(actor)


@pytest.mark.usefixtures("journal")
def test_it_takes_few_statements_however_much_there_is() -> None:
    with asked() as few:
        system.report(operator())
    for position in range(1, 6):
        add_segment(now() - HOUR, position)
        add_segment(now() - HOUR)
        wait_for_archive(position, now() - HOUR)
        signs.note(Kind.WORKER, f"one:{position}", True, VERSION)
        add_job(JobState.WAITING, ago=HOUR)
        add(server(f"app{position}"))
    with asked() as many:
        system.report(operator())
    assert len(many) == len(few) <= 9


def test_database_is_named_with_its_version() -> None:
    name = {"sqlite": "SQLite 3.", "mysql": "MariaDB 1", "postgresql": "PostgreSQL 1"}[db.engine.dialect.name]
    found = item("database")
    assert found.state is State.GOOD
    assert found.facts[0].startswith(name)
    has_size = re.search(r", [0-9.]+ [kM]B$", found.facts[0]) is not None
    assert has_size == (db.engine.dialect.name != "mysql")
    assert found.facts[1] == f"Its tables are at migration {HEAD}; this version needs {HEAD}."


@pytest.mark.parametrize(
    ("number", "oldest_code", "state", "remedy"),
    [
        (HEAD + 1, HEAD, State.WARN, "start that one here"),
        (HEAD + 1, HEAD + 1, State.BAD, "db upgrade"),
    ],
)
def test_database_of_another_version(number: int, oldest_code: int, state: State, remedy: str) -> None:
    later = SchemaState(number=number, revision="later", oldest_code=oldest_code, applied_at=now())
    add(later)
    try:
        found = item("database")
        assert found.state is state
        assert remedy in found.remedy
    finally:
        db.session.delete(db.session.get_one(SchemaState, number))
        commit()


def test_storage_is_told_by_its_last_sign(clock: Clock) -> None:
    found = item("storage")
    assert (found.state, found.facts[1]) == (State.OFF, "It was not used yet.")
    assert found.facts[0].endswith("/storage.")
    signs.note(Kind.STORAGE, "archive", True)
    clock.move(hours=2)
    found = item("storage")
    assert (found.state, found.facts[1]) == (State.GOOD, "It took files when it was last asked, 2 hours ago.")
    signs.note(Kind.STORAGE, "archive", False, "The bucket is gone: make it.")
    clock.move(hours=3)
    signs.note(Kind.STORAGE, "archive", False, "The bucket is gone: make it.")
    clock.move(seconds=20)
    found = item("storage")
    assert found.state is State.BAD
    assert found.remedy.startswith("The bucket is gone: make it. It is tried again as soon")
    assert found.facts[1] == "It has failed for 3 hours; it was last tried less than a minute ago."
    signs.note(Kind.STORAGE, "files", True)
    assert item("storage").state is State.BAD


def test_mail_that_becomes_files_is_off_and_says_so() -> None:
    found = item("mail")
    assert found.state is State.OFF
    assert found.facts[0].startswith("Messages become files in /")
    assert "MAIL_URL" in found.remedy


def test_mail_is_told_by_its_last_sign_and_its_jobs_and_no_secret_is_shown(
    context: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(context.config, "MAIL_URL", "smtp://ana:S3cret@mail.example:2525?from=hr@example.com")
    assert item("mail").state is State.OFF
    assert item("mail").facts == ["Mail leaves by mail.example, port 2525.", "No message was sent yet."]
    signs.note(Kind.MAIL, "server", True)
    assert item("mail").state is State.GOOD
    add_job(JobState.WAITING, "send_mail")
    add_job(JobState.FAILED, "send_mail", timedelta(days=8))
    assert item("mail").state is State.GOOD
    add_job(JobState.FAILED, "send_mail", timedelta(days=6))
    found = item("mail")
    assert (found.state, found.facts[1]) == (State.WARN, "Messages waiting: 1. Failed in the last week: 1.")
    assert "failed jobs" in found.remedy
    signs.note(Kind.MAIL, "server", False, "The password is wrong: look at MAIL_URL.")
    found = item("mail")
    assert found.state is State.BAD
    assert found.remedy.startswith("The password is wrong: look at MAIL_URL. Messages wait")
    assert "S3cret" not in str(found)
    assert "ana" not in str(found)


def test_workers_are_those_that_were_seen_lately(clock: Clock) -> None:
    found = item("workers")
    assert (found.state, found.remedy) == (State.BAD, "Start “flask --app run worker”.")
    signs.note(Kind.WORKER, "one:1", True, VERSION)
    clock.move(minutes=2)
    signs.note(Kind.WORKER, "two:1", True, VERSION)
    assert item("workers").facts == [
        f"one:1, version {VERSION}, seen 2 minutes ago",
        f"two:1, version {VERSION}, seen less than a minute ago",
    ]
    assert item("workers").state is State.GOOD
    clock.move(minutes=2)
    assert [fact[:5] for fact in item("workers").facts] == ["two:1"]
    clock.move(minutes=2)
    assert item("workers").state is State.BAD


def test_workers_of_another_version_are_warned_of_and_many_are_cut_short() -> None:
    for number in range(12):
        signs.note(Kind.WORKER, f"host:{number}", True, VERSION)
    assert item("workers").state is State.GOOD
    assert len(item("workers").facts) == 11
    assert item("workers").facts[-1] == "and 2 more"
    signs.note(Kind.WORKER, "host:3", True, "0.0.1")
    found = item("workers")
    assert found.state is State.WARN
    assert f"version {VERSION}: update the others" in found.remedy


def test_jobs_that_nobody_takes_are_bad_and_failed_ones_a_warning() -> None:
    assert item("jobs").state is State.GOOD
    add_job(JobState.WAITING)
    assert item("jobs").state is State.GOOD
    assert item("jobs").facts == ["Waiting: 1. Running: 0. Failed in the last week: 0."]
    add_job(JobState.WAITING, ago=2 * MINUTE)
    found = item("jobs")
    assert (found.state, found.remedy) == (State.BAD, "Start “flask --app run worker”.")
    assert found.facts[1] == "Due for more than a minute: 1."
    signs.note(Kind.WORKER, "one:1", True, VERSION)
    assert item("jobs").remedy.startswith("The log of the worker")
    add_job(JobState.RUNNING)
    found = item("jobs")
    assert found.state is State.WARN
    assert "start one more worker" in found.remedy
    add_job(JobState.FAILED, ago=timedelta(days=8))
    assert "start one more worker" in item("jobs").remedy
    add_job(JobState.FAILED)
    found = item("jobs")
    assert found.state is State.WARN
    assert "failed jobs" in found.remedy
    assert found.facts[0] == "Waiting: 2. Running: 1. Failed in the last week: 1."


def test_four_eyes_is_in_force_with_two_administrators_unless_switched_off(sample: Sample) -> None:
    found = item("four_eyes")
    assert found.state is State.WARN
    assert "only one administrator" in found.facts[0]
    assert "under Users" in found.remedy
    administrator = stored_role("administrator")
    db.session.execute(
        update(User).where(User.id == sample.users["hr"]).values(access_role_id=administrator),
        execution_options=KNOWINGLY,
    )
    commit()
    add_approval(Verdict.WAITING, HOUR)
    add_approval(Verdict.WAITING, -HOUR)
    add_approval(Verdict.REFUSED, HOUR)
    found = item("four_eyes")
    assert found.state is State.GOOD
    assert found.facts == ["In force. Administrators: 2.", "Requests that wait for one of them: 1."]
    add(Switch(name=FOUR_EYES, is_on=False, at=now()))
    found = item("four_eyes")
    assert found.state is State.OFF
    assert "an administrator acts alone" in found.facts[0]
    assert found.remedy == "Run “flask --app run four-eyes on” to switch it on again."


def stored_role(name: str) -> int:
    return db.session.scalars(select(AccessRole.id).where(AccessRole.name == name)).one()


def test_query_cache_is_good_until_its_store_or_an_answer_is_not(app: Flask, clock: Clock) -> None:
    found = item("cache")
    assert (found.state, found.facts) == (State.GOOD, ["Nothing was asked of it yet."])
    add(use("home.count", hits=3, misses=1, saved_seconds=0.25))
    found = item("cache")
    assert (found.state, found.remedy) == (State.GOOD, "")
    assert found.facts == ["75% of what it was asked was there; that saved 250 ms in all."]
    db.session.execute(update(CacheUse).values(differing=1, differed_at=clock.now()))
    commit()
    found = item("cache")
    assert found.state is State.BAD
    assert found.facts[1] == "Answers differed from the database: home.count."
    assert found.remedy.startswith("Most likely, rows were changed past Rollcall, by SQL written by hand")
    clock.move(hours=25)
    assert item("cache").state is State.GOOD


def test_query_cache_without_its_redis_asks_for_a_look_and_the_page_comes_all_the_same(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}") as other:
        other.extensions["querycache"].store.probe()
        with other.app_context():
            found = item("cache")
            assert found.state is State.WARN
            assert found.facts[1].startswith("Out of use: it can’t be reached. Pages ask the database")
            assert found.remedy.startswith("Start Redis, or correct REDIS_URL")


def test_query_cache_out_of_use_in_another_process_asks_for_a_look_while_that_lives(
    app: Flask, database_url: str, tmp_path: Path, clock: Clock
) -> None:
    signs.note(Kind.CACHE, "one:1", False, "it refuses the password")
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL="redis://127.0.0.1") as other, other.app_context():
        found = item("cache")
        assert (found.state, found.remedy) == (State.WARN, "Correct the password in REDIS_URL.")
        clock.move(minutes=4)
        assert item("cache").state is State.GOOD


GB = 1000**3


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [
        (50 * GB, 100 * GB, State.GOOD),
        (10 * GB, 100 * GB, State.GOOD),
        (9 * GB, 100 * GB, State.WARN),
        (4 * GB, 100 * GB, State.BAD),
        (int(0.4 * GB), 1 * GB, State.BAD),
        (int(0.6 * GB), 1 * GB, State.GOOD),
        (0, 0, State.BAD),
    ],
)
def test_disk_is_told_by_its_free_space(monkeypatch: pytest.MonkeyPatch, free: int, total: int, state: State) -> None:
    found = [Disk("/data", free, total), Disk("/roomy", 90 * GB, 100 * GB)]
    monkeypatch.setattr(machine, "disks", lambda: found)
    told = item("disk")
    assert told.state is state
    assert len(told.facts) == 2
    assert told.remedy.startswith("Make room there") == (state is not State.GOOD)
    assert "90 GB of 100 GB free (90%)" in told.facts[1]


def test_disks_are_named_once_each_also_where_the_folder_is_not_made_yet(context: Flask, tmp_path: Path) -> None:
    [disk, *_others] = machine.disks()
    assert disk.folder == context.instance_path
    assert disk.total is not None
    assert disk.free is not None
    assert 0 < disk.free <= disk.total
    folders = [tmp_path / "gone" / "deep", tmp_path]
    assert machine._look(folders) == [replace(machine._look([tmp_path])[0], folder=str(folders[0]))]


def test_disk_that_does_not_answer_is_bad_and_keeps_the_page_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(machine, "DISK_SECONDS", 0.05)
    monkeypatch.setattr(os, "stat", lambda *_args, **_options: answer.wait(10))
    try:
        found = system._disks(machine.disks())
    finally:
        answer.set()
    assert found.state is State.BAD
    assert found.facts[0].endswith(": the disk does not answer.")


def test_clock_of_the_database_server_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    if is_sqlite():
        assert system._clock() is None
        return
    found = item("clock")
    assert (found.state, found.remedy) == (State.GOOD, "")
    for seconds in (60, -60):
        clock = Clock()
        clock.moment = now() + timedelta(seconds=seconds)
        with monkeypatch.context() as patch:
            clock.replace(patch)
            found = item("clock")
        assert found.state is State.BAD
        assert "time server" in found.remedy
        assert " 6" in found.facts[0] or " 5" in found.facts[0]


def test_versions_name_what_runs() -> None:
    facts = " ".join(item("versions").facts)
    driver = {"sqlite": "SQLAlchemy", "mysql": "PyMySQL", "postgresql": "psycopg"}[db.engine.dialect.name]
    for name in (f"Rollcall {VERSION}", f"schema {HEAD}", "Python 3.", "Flask 3.", f"{driver} "):
        assert name in facts


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_500_000, "1.5 MB"), (123_456_789, "123 MB"), (10**16, "10 PB")],
)
def test_sizes_have_three_digits_at_the_most(number: int, words: str) -> None:
    assert amounts.size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.00123, "1.2 ms"),
        (0.0999, "99.9 ms"),
        (0.4, "400 ms"),
        (1, "1 s"),
        (99.94, "99.9 s"),
        (100, "2 min"),
        (7200, "2 h"),
    ],
)
def test_measured_time_is_told_as_closely_as_it_matters(seconds: float, words: str) -> None:
    assert amounts.spent(seconds) == words
