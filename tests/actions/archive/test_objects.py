"""What an object of the archive holds: in clear what many may see, of the rest a digest, never a salt."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import event, select

from app.access.grants import FIELDS, GROUP_OF, Subject
from app.actions.archive import objects
from app.actions.archive.objects import CLEAR, HIDDEN_ARGUMENTS, build, digest_of, parts
from app.changes.journal import ChangeRow, ChangeSet, Origin, Segment, record
from app.changes.seals import Seal, chain_hash
from app.changes.tracking import TRACKED, Change, Operation, told_fields
from app.changes.transaction import write
from app.core.storage import Storage
from app.extensions import db
from tests.actions.archive.archiving import archive, contents, seal, told
from tests.marked import change, hire
from tests.sample import act

HIDDEN = {
    "employees": {*FIELDS[Subject.PRIVATE], *FIELDS[Subject.NOTES]},
    "pay": {"employee_id", "amount", "currency", "period", "reason", "valid_from", "valid_to"},
}
"""What is to be a digest, decided here once more."""


def noted(entity: str, before: dict[str, Any], after: dict[str, Any], **origin: Any) -> dict[str, Any]:
    """Write a change to the journal as it is, and return its object."""
    told_of = Change(entity, 1, None, Operation.UPDATE, before, after)
    write(lambda: record(Origin("change", "system", **origin), [told_of]))
    seal()
    last = db.session.scalars(select(Seal.position).order_by(Seal.position.desc()).limit(1)).one()
    return dict(json.loads(build([last])[0].content))


def test_each_field_of_each_table_is_in_clear_or_a_digest_by_decision(app: Flask) -> None:
    undecided = {
        (entity, name)
        for entity, model in TRACKED.items()
        for name in told_fields(model)
        if (name in CLEAR.get(entity, ())) == (name in HIDDEN.get(entity, ()))
    }
    assert not undecided, f"in clear or a digest? Put these into CLEAR, or into HIDDEN of {__file__}: {undecided}"
    gone = {(e, name) for e, names in CLEAR.items() for name in names if name not in told_fields(TRACKED[e])}
    assert not gone


def test_people_are_in_clear_as_far_as_directory_and_employment_go() -> None:
    assert {GROUP_OF[name] for name in CLEAR["employees"]} == {Subject.DIRECTORY, Subject.EMPLOYMENT}
    assert "pay" not in CLEAR


def test_object_holds_who_what_when_and_the_chain(store: Storage) -> None:
    person = hire("planted")
    archive()
    (one,) = told()
    seals = db.session.scalars(select(Seal)).one()
    head, segment = db.session.scalars(select(ChangeSet)).one(), db.session.scalars(select(Segment)).one()
    assert (one["format"], one["journal"], one["position"], one["previous"]) == (1, seals.hash, 1, "")
    assert (one["hash"], one["key"], one["sealed_at"]) == (seals.hash, seals.key, seals.at.isoformat())
    assert one["set"]["reason"] == "hired as planted wished"
    assert one["set"] == {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in ((column.name, getattr(head, column.name)) for column in ChangeSet.__table__.columns)
    }
    assert one["segment"]["content_hash"] == segment.content_hash
    hired = next(row for row in one["changes"] if row["entity"] == "employees")
    assert (hired["row_id"], hired["person_id"], hired["operation"]) == (person, person, "create")
    assert (hired["after"]["first_name"], hired["after"]["custom"]) == ("fiplanted", {"shoe": "planted"})
    assert list(contents("2")) == [f"{segment.at:%Y%m%d}/{seals.key}.json"]


def test_chain_can_be_computed_from_the_objects_alone(store: Storage) -> None:
    person = hire("x")
    change(person, phone="1", notes="quiet")
    archive()
    previous = ""
    for one in told():
        at = {"at": one["sealed_at"], "told_digest": one["told_digest"], "address_digest": one["address_digest"]}
        assert one["previous"] == previous
        previous = chain_hash(previous, {**one, **at}, one["segment"], one["set"], one["changes"])
        assert previous == one["hash"]


def test_what_few_may_see_is_a_digest_and_no_salt_is_there(store: Storage) -> None:
    person = hire("planted", notes="secretnote", home_address="secretstreet", birth_date=date(1951, 2, 3))
    act("raise_pay", employee_ids=[person], amount="98765.43", currency="EUR", period="year")
    change(person, emergency_phone="secretphone", notes=None)
    archive()
    kept = b"".join(contents().values())
    for word in (b"secret", b"98765", b"1951-02-03", b"EUR", b"emplanted"):
        assert word not in kept
    rows = db.session.scalars(select(ChangeRow)).all()
    seals = db.session.scalars(select(Seal)).all()
    salts = [row.salt for row in rows] + [salt for seal in seals for salt in (seal.told_salt, seal.address_salt)]
    assert all(salt and salt.encode() not in kept for salt in salts)
    last = told()[-1]["changes"][0]
    row = next(row for row in rows if row.id == last["id"])
    assert row.salt
    assert last["after"] == {"emergency_phone": digest_of(row.salt, "emergency_phone", "secretphone"), "notes": None}
    text = json.dumps([row.salt, "notes", "secretnote"], separators=(",", ":"))
    assert last["before"]["notes"] == {"digest": hashlib.sha256(text.encode()).hexdigest()}


def test_what_nobody_decided_on_is_a_digest(store: Storage) -> None:
    one = noted("employees", {"blood_type": "B"}, {"blood_type": None, "phone": "1"})
    assert set(one["changes"][0]["before"]["blood_type"]) == {"digest"}
    assert one["changes"][0]["after"] == {"blood_type": None, "phone": "1"}
    one = noted("diagnoses", {}, {"name": "planted"})
    assert set(one["changes"][0]["after"]["name"]) == {"digest"}


def test_arguments_that_stand_in_clear_nowhere_else_are_digests(store: Storage) -> None:
    one = noted("roles", {}, {}, arguments={"employee_ids": [1], "amount": 98765, "valid_from": date(2026, 1, 2)})
    assert one["set"]["arguments"] == {
        "employee_ids": [1],
        "amount": one["set"]["arguments"]["amount"],
        "valid_from": "2026-01-02",
    }
    assert set(one["set"]["arguments"]["amount"]) == {"digest"}
    assert {"amount", "period", "birth_date", "notes"} <= HIDDEN_ARGUMENTS


def test_bytes_are_the_same_each_time_in_any_company_and_any_order(store: Storage) -> None:
    for number in range(5):
        hire(f"number{number}é山")
    seal()
    together = build([5, 1, 2, 3, 4])
    assert [one.position for one in together] == [1, 2, 3, 4, 5]
    assert together == [build([position])[0] for position in range(1, 6)]
    assert "é山".encode() in together[0].content
    assert all(one.content.endswith(b"}\n") and one.content.count(b"\n") == 1 for one in together)


def test_number_of_statements_does_not_grow(store: Storage) -> None:
    for number in range(6):
        hire(f"number{number}")
    seal()
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        build([1])
        few = len(found)
        build([1, 2, 3, 4, 5, 6])
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(found) == 2 * few <= 12


def test_parts_hold_a_bounded_number_of_changes(store: Storage, monkeypatch: Any) -> None:
    for number in range(5):
        hire(f"number{number}")
    seal()
    monkeypatch.setattr(objects, "CHANGES", 4)
    count = db.session.scalars(select(Segment.count)).first()
    assert count == 2
    assert list(parts([4, 1, 2, 3, 5])) == [[1, 2], [3, 4], [5]]
    monkeypatch.setattr(objects, "CHANGES", 1)
    assert list(parts([1, 2])) == [[1], [2]]


def test_object_is_named_by_the_day_of_the_segment(store: Storage, clock: Any) -> None:
    clock.moment = datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    hire("x")
    clock.move(seconds=1)
    archive()
    assert [name[:9] for name in contents("2")] == ["20261231/"]
