"""An erasure, the seals, the archive and what waits for a second administrator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.access.actor import by_user, operator
from app.changes.approvals import Approval, Verdict
from app.changes.journal import ChangeRow, ChangeSet, Segment
from app.changes.seals import Seal, Unarchived
from app.changes.tracking import Operation
from app.changes.transaction import write
from app.changes.verification import verify
from app.core.clock import now
from app.extensions import db
from app.reading import journal
from app.reading.journal import Wanted
from app.ui.differences import described
from tests.changes.sealed import seal_all
from tests.marked import Marked, make
from tests.sample import Sample, act
from tests.writing import empty_journal


@pytest.fixture
def marked(context: Flask, sample: Sample) -> Marked:
    """Give somebody with traces everywhere, also in the reason of a change of another, all of it in the archive."""
    empty_journal()
    marked = make(manager_id=sample.people["Bo"])
    act("create_role", values={"title": "Cook"}, reason=f"as fi{marked.mark} la{marked.mark} said")
    act("create_role", values={"title": "Baker"}, reason="as nobody said")
    seal_all()
    write(lambda: db.session.query(Unarchived).delete())
    return marked


def erase(person: int) -> int:
    act("erase_person", employee_id=person)
    db.session.rollback()
    return db.session.scalars(select(ChangeSet.id).order_by(ChangeSet.id.desc()).limit(1)).one()


def seals_of(condition: Any) -> list[Any]:
    """Return seals with the heads of their sets."""
    query = select(Seal, ChangeSet).join_from(Seal, Segment, Segment.id == Seal.segment_id)
    query = query.join(ChangeSet, ChangeSet.id == Segment.change_set_id).where(condition).order_by(Seal.position)
    return list(db.session.execute(query))


def test_salts_go_with_what_they_salt_and_all_others_stay(marked: Marked) -> None:
    theirs = select(Segment.change_set_id).join(ChangeRow, ChangeRow.segment_id == Segment.id)
    touched = set(db.session.scalars(theirs.where(ChangeRow.person_id == marked.id)))
    walked = set(db.session.scalars(select(ChangeSet.id).where(ChangeSet.actor_id == marked.user_id)))
    erase(marked.id)
    for seal, head in seals_of(Seal.position > 0):
        is_named = head.action == "create_role" and head.reason is None
        if head.id in touched or is_named:
            assert seal.told_salt is None
        elif head.action == "create_role":
            assert seal.told_salt is not None
        assert (seal.address_salt is None) == (head.id in walked)
    assert list(verify()) == []
    seal_all()
    assert list(verify()) == []


def test_archive_is_due_for_what_was_emptied_and_for_nothing_else(marked: Marked) -> None:
    erase(marked.id)
    due = set(db.session.scalars(select(Unarchived.position)))
    emptied = {seal.position for seal, _head in seals_of((Seal.told_salt.is_(None)) | (Seal.address_salt.is_(None)))}
    assert due == emptied
    last = max(seal.position for seal, _head in seals_of(Seal.position > 0))
    assert last not in due  # of the baker


def test_what_the_archive_is_just_taking_is_due_again(marked: Marked) -> None:
    first = seals_of(ChangeSet.action == "hire")[0][0].position
    lease = {"position": first, "token": "t" * 32, "not_before": now() + timedelta(hours=1)}
    write(lambda: db.session.add(Unarchived(**lease)))
    erase(marked.id)
    row = db.session.get_one(Unarchived, first)
    assert row.token != lease["token"]
    assert row.not_before <= now()


def test_reason_that_only_names_them_is_told_of_to_who_sees_accounts(marked: Marked, sample: Sample) -> None:
    (named,) = db.session.scalars(select(ChangeSet.id).where(ChangeSet.reason.contains(f"fi{marked.mark}")))
    set_id = erase(marked.id)
    told = select(ChangeRow).join(Segment, Segment.id == ChangeRow.segment_id).where(Segment.change_set_id == set_id)
    (row,) = [row for row in db.session.scalars(told) if row.entity == "change_sets"]
    assert (row.row_id, row.operation, row.person_id) == (named, Operation.ERASE, None)
    assert [set_.id for set_ in journal.sets(operator(), Wanted(filters={"entity": "change_sets"})).rows] == [set_id]
    for role, sees in (("administrator", True), ("hr", False)):
        actor = by_user(sample.users[role])
        assert actor
        changes = journal.one(actor, set_id).entry.changes
        names = [item.name for item in described(actor, changes)]
        assert (f"Change {named}" in names) == sees


@pytest.mark.usefixtures("sample")
def test_requests_about_them_lose_their_words_and_wait_no_more(marked: Marked) -> None:
    def ask(**values: Any) -> int:
        fixed = {"actor_id": 1, "source": "panel", "rules": "many", "records": 1, "asked_at": now()}
        row = Approval(**{"action": "leave", "verdict": Verdict.WAITING, "expires_at": now(), **fixed, **values})
        db.session.add(row)
        db.session.flush()
        return row.id

    name = f"fi{marked.mark} la{marked.mark}"
    hire = seals_of(ChangeSet.action == "hire")[0][1].id
    waiting = write(lambda: ask(arguments={"employee_ids": [0, marked.id]}, reason="x"))
    named = write(lambda: ask(arguments={"role_ids": [marked.id]}, reason=f"for {name}"))
    refused = write(lambda: ask(verdict=Verdict.REFUSED, answer=f"not {name}", decided_at=now()))
    done = write(lambda: ask(verdict=Verdict.APPROVED, change_set_id=hire, reason="x", decided_at=now()))
    other = write(lambda: ask(arguments={"role_ids": [marked.id]}, reason="x"))
    itself = write(lambda: ask(action="erase_person", arguments={"employee_id": marked.id}))
    erase(marked.id)
    found = {row.id: row for row in db.session.scalars(select(Approval))}
    for row_id, verdict in (
        (waiting, Verdict.WITHDRAWN),
        (named, Verdict.WITHDRAWN),
        (refused, Verdict.REFUSED),
        (done, Verdict.APPROVED),
    ):
        row = found[row_id]
        assert (row.verdict, row.arguments, row.reason, row.answer) == (verdict, None, None, None)
        assert row.decided_at is not None
    assert (found[other].verdict, found[other].reason) == (Verdict.WAITING, "x")
    assert (found[itself].verdict, found[itself].arguments) == (Verdict.WAITING, {"employee_id": marked.id})


def test_erasure_of_what_nobody_sealed_yet_is_sealed_without_it(marked: Marked) -> None:
    write(lambda: db.session.execute(update(Unarchived).values(token="t")))
    act("raise_pay", employee_ids=[marked.id], amount="77", currency="EUR", reason=f"for {marked.mark}")
    erase(marked.id)
    seal_all()
    (pair,) = seals_of(ChangeSet.action == "raise_pay")[-1:]
    assert pair[1].reason is None
    assert list(verify()) == []
