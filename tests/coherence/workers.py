"""A house at work, as a program: processes that read through the cache, and processes that write and are killed.

python -m tests.coherence.workers FOLDER

They go on until stdin is closed, and leave in FOLDER what each has seen. A writer says on a board what is committed; a
reader looks at the board, then begins a new snapshot, and finds nothing in it older than that. Writers die between any
two statements: by their own hand now and then, and at any moment by another's.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import re
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.access.actor import by_session_token, operator
from app.actions.registry import Source, run
from app.changes.tracking import KNOWINGLY
from app.core.clock import now
from app.core.database.faults import is_worth_repeating
from app.core.problems import Problem
from app.core.querycache import keeper
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.role import Role
from config import load_config
from tests.coherence.questions import QUESTIONS, ask, told

WRITERS, READERS = 2, 2
MARK = re.compile(r"(\w+ \d+) #(\d+)")
NEVER = 1_000_000_000
"""A number that is written only where it is taken back."""
DIES_ONCE_IN = 150
WARM_AFTER = 5
LIFE_SECONDS = (0.1, 1.5)
PAUSE_SECONDS = (0.0, 0.06)
PROBED_EVERY_SECONDS = 0.05
COLUMNS: dict[str, tuple[Any, str, str, str]] = {
    "role": (Role, "title", "change_role", "role_id"),
    "place": (Department, "name", "change_department", "department_id"),
    "phone": (Employee, "phone", "change_employee", "employee_id"),
}


class Board:
    """What is committed, for all processes to see: the last number of each mark; and whether to stop."""

    def __init__(self, folder: Path) -> None:
        self.marks: list[str] = json.loads((folder / "marks").read_text())
        path = folder / "board"
        if not path.exists():
            path.write_bytes(bytes(8 * (len(self.marks) + 1)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def noted(self) -> dict[str, int]:
        """Return the last number of each mark that somebody was told is committed."""
        numbers = struct.unpack(f"{len(self.marks) + 1}q", self._memory[:])
        return dict(zip(self.marks, numbers[1:], strict=True))

    def note(self, mark: str, number: int) -> None:
        """Say that a number is committed."""
        struct.pack_into("q", self._memory, 8 * (self.marks.index(mark) + 1), number)

    def stop(self) -> None:
        """Tell all to stop."""
        self._memory[0] = 1

    @property
    def is_over(self) -> bool:
        """Whether all are to stop."""
        return self._memory[0] == 1


class Reader:
    """Asks one query after the other, in one snapshot after the other."""

    def __init__(self, app: Flask, board: Board, tokens: dict[str, str], chance: random.Random) -> None:
        self.app, self.board, self.chance = app, board, chance
        self.tokens = list(tokens.values())
        self.seen = Counter[str]()
        self.wrong: list[str] = []
        self.cache = app.extensions["querycache"]
        self._probe_at = 0.0

    def look(self) -> None:
        """Begin a snapshot, and ask everything in it, some of it twice."""
        noted = self.board.noted()
        with self.app.test_request_context("/"):
            actor = by_session_token(self.chance.choice(self.tokens), now())
            assert actor
            for name in self.chance.sample(list(QUESTIONS), len(QUESTIONS)):
                found = ask(name, actor)
                self.check(name, found, noted, is_whole=actor.access_role == "administrator")
                if self.chance.random() < 0.2:
                    self.check_same(name, found, ask(name, actor))
        self.seen["snapshots"] += 1

    def check(self, name: str, found: Any, noted: dict[str, int], is_whole: bool) -> None:
        """Note what is older than what was committed before, and what never was."""
        numbers: dict[str, int] = {}
        for row in found:
            for cell in row:
                if isinstance(cell, str) and (met := MARK.fullmatch(cell)):
                    numbers[met[1]] = int(met[2])
        self.seen["reads"] += 1
        self.seen["marks"] += len(numbers)
        self.wrong += [f"{name}: {mark} is {n}, not {noted[mark]}" for mark, n in numbers.items() if n < noted[mark]]
        self.wrong += [f"{name}: {mark} is {n}" for mark, n in numbers.items() if n >= NEVER]
        kinds = {"staff": "phone", "titles": "role"} if is_whole else {}
        wanted = {mark for mark in noted if name in kinds and mark.startswith(kinds[name])}
        self.wrong += [f"{name}: nothing of {mark}" for mark in wanted - set(numbers)]

    def check_same(self, name: str, before: Any, after: Any) -> None:
        """Note what changed inside one snapshot."""
        self.seen["reads"] += 1
        if told(before) != told(after):
            self.wrong.append(f"{name}: not the same in one snapshot")

    def help_up(self) -> None:
        """Look whether the store is back, as the keeper's thread does where it isn't a test."""
        if self.cache.store.trouble is not None and time.monotonic() > self._probe_at:
            self.seen["troubles seen"] += 1
            with self.app.app_context():
                self.cache.store.probe()
            self._probe_at = time.monotonic() + PROBED_EVERY_SECONDS

    def result(self) -> dict[str, Any]:
        """Return what was seen."""
        uses = self.cache.uses.totals().values()
        counted = {
            what: sum(getattr(use, what) for use in uses) for what in ("hits", "misses", "verified", "differing")
        }
        away = {what: sum(getattr(use, what) for use in uses) for what in ("away", "refused", "writing")}
        return {**self.seen, **counted, **away, "wrong": self.wrong[:20]}


class Writer:
    """Does one thing after the other to records that nobody else changes, until it dies."""

    def __init__(self, app: Flask, board: Board, place: int, chance: random.Random) -> None:
        self.app, self.board, self.chance = app, board, chance
        self.marks = [mark for mark in board.marks if int(mark.split()[1]) % WRITERS == place]
        self.is_mortal = False
        with app.app_context():
            for moment in ("before_cursor_execute", "after_cursor_execute"):
                event.listen(db.engine, moment, lambda *_: self.may_die())

    def may_die(self) -> None:
        """Be gone at once, now and then."""
        if self.is_mortal and self.chance.random() * DIES_ONCE_IN < 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(self) -> None:
        """Change a record and say so when it is committed; or change something and take it back."""
        mark = self.chance.choice(self.marks)
        kind, number = mark.split()
        with self.app.app_context():
            model, field, action, id_name = COLUMNS[kind]
            version, value = db.session.execute(
                select(model.version, getattr(model, field)).filter_by(id=int(number))
            ).one()
            next_one = int(value.partition("#")[2]) + 1
            try:
                how = self.chance.choice(["action", "action", "action", "by hand", "preview", "rollback", "fold"])
                if how == "fold":
                    keeper.fold()
                elif how in ("action", "preview"):
                    values = {field: f"{mark} #{NEVER if how == 'preview' else next_one}"}
                    arguments: dict[str, Any] = {id_name: int(number), "version": version, "values": values}
                    run(action, actor=operator(), source=Source.CLI, preview=how == "preview", **arguments)
                else:
                    self.write_by_hand(f"{mark} #{NEVER if how == 'rollback' else next_one}", how == "by hand")
            except Problem:
                return
            except DBAPIError as error:  # whose row it was is not always quite dead yet
                if is_worth_repeating(error):
                    return
                raise
            self.may_die()
            if how == "action" or (how == "by hand" and kind == "phone"):
                self.board.note(mark, next_one)

    def write_by_hand(self, value: str, is_kept: bool) -> None:
        """Write past the actions, where the record is a person."""
        mark = value.partition(" #")[0]
        if mark.startswith("phone"):
            db.session.rollback()
            connection = db.engine.connect().execution_options(**{KNOWINGLY: True})
            with connection, connection.begin() as transaction:
                wanted = update(Employee).where(Employee.id == int(mark.split()[1]))
                connection.execute(wanted.values(phone=value))
                if not is_kept:
                    transaction.rollback()


def read(folder: Path, place: int) -> None:
    """Read until it is over, and leave word."""
    board, chance = Board(folder), random.Random()
    reader = Reader(create_app(load_config("testing")), board, json.loads((folder / "tokens").read_text()), chance)
    parent = os.getppid()
    while not board.is_over and os.getppid() == parent:
        reader.help_up()
        reader.look()
    (folder / f"reader {place}").write_text(json.dumps(reader.result()))


def write(writer: Writer) -> None:
    """Write until killed, or it is over."""
    parent = os.getppid()
    writer.chance, writer.is_mortal = random.Random(), True
    while not writer.board.is_over and os.getppid() == parent:
        writer.work()
        time.sleep(writer.chance.uniform(*PAUSE_SECONDS))


def keep_writing(folder: Path, place: int) -> None:
    """Begin a writer again and again, each killed when its time has come; leave word how many died how.

    Each begins with the application as it is made here, which has worked before: lives are short.
    """
    chance = random.Random()
    writer = Writer(create_app(load_config("testing")), Board(folder), place, chance)
    for _time in range(WARM_AFTER):
        writer.work()
    with writer.app.app_context():
        db.engine.dispose()
    deaths, parent = Counter[str](), os.getppid()
    while not writer.board.is_over and os.getppid() == parent:
        pid = forked(write, writer)
        until = time.monotonic() + chance.uniform(*LIFE_SECONDS)
        while time.monotonic() < until and not (ended := os.waitpid(pid, os.WNOHANG)[0]):
            time.sleep(0.005)
        if ended:
            deaths["by their own hand"] += 1
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            deaths["by another's"] += 1
    (folder / f"writer {place}").write_text(json.dumps(deaths))


def forked(work: Callable[..., None], *arguments: Any) -> int:
    """Do work in a process of its own; return its id."""
    return os.fork() or _ended(work, *arguments)


def _ended(work: Callable[..., None], *arguments: Any) -> NoReturn:
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(folder: Path) -> int:
    """Let all work until stdin is closed; return 0 when none of them fell over."""
    board = Board(folder)
    pids = [forked(read, folder, place) for place in range(READERS)]
    pids += [forked(keep_writing, folder, place) for place in range(WRITERS)]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    sys.stdin.read()
    board.stop()
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
