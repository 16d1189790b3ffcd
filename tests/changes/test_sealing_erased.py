"""Sealing while somebody is erased: whoever comes first, no salt is left of a reason that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app import actions
from app.access.actor import operator
from app.actions import Source
from app.changes import emptying, sealing
from app.changes.journal import ChangeSet, Segment
from app.changes.seals import Seal, told_digest
from app.changes.verification import verify
from app.extensions import db
from tests.changes.sealed import seal_all
from tests.sample import Sample, act
from tests.threads import at_once
from tests.writing import empty_journal


@pytest.fixture(autouse=True)
def journal(context: Flask) -> Flask:
    """Give an application with an empty journal."""
    empty_journal()
    return context


@pytest.fixture
def told(sample: Sample) -> int:
    """Give somebody with a sealed and an unsealed change, each with a reason."""
    person = sample.people["Eli"]
    for phone in ("1", "2"):
        version = db.session.execute(text("SELECT version FROM employees WHERE id = :id"), {"id": person}).scalar_one()
        act("change_employee", employee_id=person, version=version, values={"phone": phone}, reason=f"call {phone}")
        if phone == "1":
            seal_all()
    return person


def erase(person: int) -> None:
    actions.run("erase_person", actor=operator(), source=Source.CLI, employee_id=person)


def check_erased() -> None:
    """Expect no salt of a reason that is gone, and a chain that accepts what is."""
    seal_all()
    assert list(verify()) == []
    rows = select(Seal.position, Seal.told_salt, Seal.told_digest, ChangeSet.reason, ChangeSet.arguments).join_from(
        Seal, Segment, Segment.id == Seal.segment_id
    )
    for row in db.session.execute(rows.join(ChangeSet, ChangeSet.id == Segment.change_set_id)):
        assert row.told_salt is None or told_digest(row.told_salt, row.reason, row.arguments) == row.told_digest
    db.session.rollback()


def test_erased_while_sealing_goes_on_leaves_no_salt(journal: Flask, told: int) -> None:
    assert at_once(journal, lambda: erase(told), seal_all)[0] is None
    check_erased()


@pytest.mark.servers  # on SQLite a writer is alone from its first statement
def test_erased_after_a_sealer_read_what_it_seals(journal: Flask, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = in_between(journal, monkeypatch, sealing, "contents", lambda: erase(told))
    seal_all()
    begun.pop().join()
    check_erased()
    sealed = select(Seal.told_salt).join(Segment, Segment.id == Seal.segment_id).join(ChangeSet)
    assert list(db.session.scalars(sealed.where(ChangeSet.action == "change_employee"))) == [None, None]


@pytest.mark.servers
def test_sealed_after_an_erasure_emptied_it_but_before_its_commit(
    journal: Flask, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = in_between(journal, monkeypatch, emptying, "_empty_approvals", seal_all)
    erase(told)
    begun.pop().join()
    check_erased()


def in_between(
    app: Flask, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, work: Callable[[], Any]
) -> list[threading.Thread]:
    """Have `work` begin in a thread once a function has returned, half a second before its caller goes on."""
    threads: list[threading.Thread] = []
    function = getattr(module, name)

    def in_a_context() -> None:
        with app.app_context():
            work()

    def slowly(*arguments: Any) -> Any:
        result = function(*arguments)
        if not threads:
            threads.append(threading.Thread(target=in_a_context))
            threads[0].start()
            time.sleep(0.5)
        return result

    monkeypatch.setattr(module, name, slowly)
    return threads
