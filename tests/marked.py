"""A person whose every word is unmistakable, so that a test can look for what is left of them anywhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import inspect, text

from app import actions
from app.access.actor import by_user, operator
from app.accounts import sessions, throttle
from app.accounts.models import ApiToken, User
from app.actions import work
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs import queue
from app.core.jobs.job import Job, State
from app.extensions import db
from app.people.employee import Employee
from tests.files import bytes_of
from tests.sample import account, act

HIRED = date(2015, 6, 1)
TEXTS = (
    "first_name",
    "last_name",
    "phone",
    "location",
    "photo",
    "leaving_reason",
    "legal_entity",
    "home_address",
    "personal_phone",
    "emergency_name",
    "emergency_phone",
    "notes",
)


@dataclass(frozen=True, slots=True)
class Marked:
    """The person: `mark` is in every text that was ever written about them."""

    id: int
    user_id: int
    mark: str
    amount: Decimal
    born: date
    job_id: int

    @property
    def number(self) -> str:
        """The employee number."""
        return f"N{self.mark}"

    def is_in(self, value: Any) -> bool:
        """Say whether something tells of the person."""
        found = str(value).casefold()
        return any(word in found for word in self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """What tells of the person."""
        return (self.mark, str(self.amount), self.born.isoformat())


def hire(mark: str, **values: Any) -> int:
    """Hire somebody with the mark in every text there is; return their id."""
    texts = {name: f"{name[:2]}{mark}" for name in TEXTS}
    return int(
        act(
            "hire",
            reason=f"hired as {mark} wished",
            values={
                "number": f"N{mark}",
                "email": f"{mark}@work.example",
                "personal_email": f"{mark}@home.example",
                "hired_on": HIRED,
                "probation_until": date(2015, 12, 1),
                "custom": {"shoe": mark},
                **texts,
                **values,
            },
        )
    )


def make(**values: Any) -> Marked:
    """Make the person, with an account and traces in every place that takes some."""
    mark = f"qz{secrets.token_hex(5)}"
    amount = Decimal(f"9{secrets.randbelow(10**6):06}.{secrets.randbelow(9) + 1}{secrets.randbelow(9) + 1}")
    born = date(1900, 1, 1) + timedelta(days=secrets.randbelow(18000))
    person = hire(mark, birth_date=born, **values)
    for phone in ("1", "2"):
        change(person, phone=f"{phone}{mark}")
    act("raise_pay", employee_ids=[person], amount=amount, currency="EUR", period="year", valid_from=HIRED)
    act("raise_pay", employee_ids=[person], percent="5", pay_reason=f"well done, {mark}")
    user = _account(person, mark)
    return Marked(person, user, mark, amount, born, _failed_job(person, mark))


def change(person: int, **values: Any) -> None:
    """Change somebody as of now, with a reason that names them where they are marked."""
    db.session.rollback()
    row = db.session.get_one(Employee, person)
    act("change_employee", employee_id=person, version=row.version, values=values, reason=f"of {row.number}")


def _account(person: int, mark: str) -> int:
    """Make an account that becomes the person's only later, use it, and leave every kind of way in behind."""
    user = account("staff", f"{mark}@first.example")
    act("change_user", user_id=user, version=1, values={"employee_id": person})
    act("change_user", user_id=user, version=2, values={"email": f"{mark}@work.example"})
    act("make_sign_in_link", user_id=user)
    throttle.count_try(throttle.keys(f"{mark}@work.example", f"10.{mark}"))

    def sign_in() -> None:
        sessions.start(db.session.get_one(User, user), f"10.{mark}", f"browser of {mark}")
        token = {"user_id": user, "name": f"for {mark}", "token_hash": secrets.token_hex(32), "created_at": now()}
        db.session.add(ApiToken(**token, limits={"only": mark}))

    write(sign_in)
    with current_app.test_request_context(environ_base={"REMOTE_ADDR": f"10.{mark}"}):
        actor = by_user(user)
        assert actor
        version = db.session.get_one(Employee, person).version
        values = {"home_address": f"new {mark}"}
        actions.run("change_own_contact", actor=actor, source=actions.Source.WEB, version=version, values=values)
    return user


def _failed_job(person: int, mark: str) -> int:
    values = {"employee_id": person, "version": 1, "values": {"notes": mark}}
    job_id = work.start("change_employee", actor=operator(), source=actions.Source.CLI, reason=f"for {mark}", **values)

    def fail() -> None:
        job = db.session.get_one(Job, job_id)
        job.state, job.error, job.finished_at = State.FAILED, f"{mark} was in the way", now()

    write(fail)
    return job_id


def waiting_job(person: int) -> int:
    """Put work about somebody into the queue; return its id."""
    return write(lambda: queue.enqueue("leave", {"employee_ids": [0, person]}, source="cli"))


def done_job(reason: str) -> int:
    """Leave a job behind that is done, and tells why it was; return its id."""

    def make_one() -> int:
        job_id = queue.enqueue("clean_up_jobs", {}, source="cli", reason=reason)
        job = db.session.get_one(Job, job_id)
        job.state, job.arguments, job.finished_at = State.DONE, None, now()
        return job_id

    return write(make_one)


def everywhere(marked: Marked) -> list[str]:
    """Return the columns of the database that still tell of the person."""
    db.session.rollback()
    found = []
    with db.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            quoted = connection.dialect.identifier_preparer.quote(table)
            for row in connection.execute(text(f"SELECT * FROM {quoted}")).mappings():
                # Most rows tell nothing, and the journal has many: each is looked at as a whole first.
                if marked.is_in("\n".join(map(str, row.values()))):
                    found += [f"{table}.{name}" for name, value in row.items() if marked.is_in(value)]
    return sorted(set(found))


def in_files(marked: Marked) -> list[str]:
    """Return the files of a SQLite database whose bytes still tell of the person."""
    if db.engine.dialect.name != "sqlite":
        return []
    path = Path(str(db.engine.url.database))
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name) and file.is_file()]
    return [file.name for file in files if any(word.encode() in bytes_of(file) for word in marked.words)]
