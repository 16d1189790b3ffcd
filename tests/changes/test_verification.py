"""Whatever is altered, emptied, taken out of the journal or put into it is found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import passwords
from app.changes import raw
from app.changes.journal import ChangeRow, ChangeSet, Origin, Segment, record
from app.changes.seals import Seal
from app.changes.tracking import Change, Operation
from app.changes.transaction import write
from app.changes.verification import Fault, verify
from app.extensions import db
from tests.applications import application, migrate
from tests.changes.sealed import note, seal_all
from tests.changes.tampering import (
    TABLES,
    Row,
    allow_everything,
    alterations,
    found,
    key_of,
    quoted,
    rows,
    tampered,
)
from tests.hashing import CountingHasher
from tests.marked import Marked, make
from tests.sample import act


@pytest.fixture(scope="module")
def journal(make_database: Callable[[], str], database_url: str) -> Iterator[Flask]:
    """Give an application with a sealed journal of everything that there may be in one, and nobody to keep it.

    `database_url` only makes the tests run on each engine.
    """
    with pytest.MonkeyPatch.context() as patch, application(make_database()) as app:
        patch.setattr(passwords, "HASHER", CountingHasher())
        migrate(app)
        with app.app_context():
            fill()
            allow_everything()
        yield app


@pytest.fixture(autouse=True)
def _inside(journal: Flask) -> Iterator[None]:
    with journal.app_context():
        yield
        db.session.rollback()
        assert list(verify()) == []


def fill() -> None:
    """Write sets with and without each thing that a set may hold, and erase somebody in the middle."""
    role = act("create_role", values={"title": "Cafébar", "family": "Office"}, reason="Zoë's “plan”")
    act("change_role", role_id=role, version=1, values={"title": "Barkeeper", "level": 3}, reason="as planned")
    origin = {"actor_id": 77, "session_id": 3, "request_id": "abc-1", "address": "10.0.0.1"}
    undone = note("filled to the brim", arguments={"role_ids": [1, 2], "is_last": True}, **origin)
    note(undoes_id=db.session.get_one(Segment, undone).change_set_id)
    parts = write(lambda: record(Origin("transfer", "cli", reason="in parts"), [told("x")]))
    for title in ("y", "z"):
        write(lambda: record(Origin("transfer", "cli"), [told(title)], parts))  # noqa: B023 called at once
    seal_all()
    marked = make()
    name_in_passing(marked)
    seal_all()
    act("erase_person", employee_id=marked.id, reason="asked for")
    act("delete_role", role_id=role)
    note()
    seal_all()
    note("sealed by nobody yet")


def told(title: str) -> Change:
    return Change("roles", 99, None, Operation.UPDATE, {"title": "é", "level": 1}, {"title": title, "level": None})


def name_in_passing(marked: Marked) -> None:
    """Leave a reason that names somebody, in a set that is about somebody else."""
    act("create_role", values={"title": "Clerk"}, reason=f"taken over from fi{marked.mark} la{marked.mark}")


def test_journal_is_whole_also_after_an_erasure() -> None:
    assert list(verify()) == []
    emptied = [row for row in rows(table_of("seals")) if row["told_salt"] is None]
    assert len(emptied) > 5
    assert any(row["address_salt"] is None for row in emptied)


def table_of(name: str) -> Any:
    return db.metadata.tables[name]


COLUMNS = [(table, column.name) for table in TABLES for column in db.metadata.tables[table].columns]


@pytest.mark.parametrize(("table", "name"), COLUMNS, ids=[".".join(one) for one in COLUMNS])
def test_every_value_that_is_altered_is_found_and_named(table: str, name: str) -> None:
    column = table_of(table).columns[name]
    key = key_of(table_of(table))
    tried = 0
    for row in chosen(table, name):
        for word, expression, value in alterations(column, row[name]):
            tried += 1
            with tampered() as run:
                run(f"UPDATE {table} SET {quoted(name)} = {expression} WHERE {key} = {row[key]}", value=value)
                faults = found()
                assert any(is_named(fault, table, row) for fault in faults), (word, row, faults)
                if name != key and not column.foreign_keys:
                    assert all(is_named(fault, table, row) for fault in faults), (word, row, faults)
    assert tried


def chosen(table: str, name: str) -> list[Row]:
    """Return rows of the chain with something in a column, and one with nothing."""
    sealed = [row for row in rows(table_of(table)) if is_sealed(table, row)]
    filled = [row for row in sealed if row[name] is not None]
    empty = [row for row in sealed if row[name] is None]
    return [some[len(some) // 2] for some in (filled, empty) if some]


def is_sealed(table: str, row: Row) -> bool:
    of = {"change_sets": "id", "segments": "change_set_id", "changes": "segment_id", "seals": "segment_id"}[table]
    last = last_note()
    return bool(row[of] != (last.id if table == "changes" else last.change_set_id if table != "seals" else None))


def last_note() -> Segment:
    """Return the segment that has no seal."""
    return db.session.scalars(select(Segment).order_by(Segment.id.desc()).limit(1)).one()


def is_named(fault: Fault, table: str, row: Row) -> bool:
    """Say whether a fault names a row, or the segment or set that it is part of."""
    if table == "changes":
        return fault.change_id == row["id"] or (fault.change_id is None and fault.segment_id == row["segment_id"])
    if table == "seals":
        return row["position"] in (fault.position, (fault.position or 0) - 1) or fault.segment_id == row["segment_id"]
    if table == "segments":
        return fault.segment_id == row["id"] or f"segment {row['id']} " in fault.what
    return fault.change_set_id == row["id"]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_that_is_taken_out_is_found_and_named(table: str) -> None:
    key = key_of(table_of(table))
    every = [row for row in rows(table_of(table)) if is_sealed(table, row)]
    assert len(every) > 10
    for row in every if len(every) < 50 else every[::7]:
        with tampered() as run:
            run(f"DELETE FROM {table} WHERE {key} = {row[key]}")
            faults = found()
            assert any(is_named(fault, table, row) for fault in faults), (row, faults)
            is_erasure = row.get("operation") == Operation.ERASE  # which what it emptied counts on
            assert len(faults) <= 2 or is_erasure, faults


def test_first_and_last_seals_are_missed() -> None:
    last = len(rows(table_of("seals")))
    with tampered() as run:
        run("DELETE FROM seals WHERE position = 1")
        assert Fault("has no seal", 1) in found()
    with tampered() as run:
        run("DELETE FROM seals WHERE position < 4")
        assert Fault("is the next after position 0: the seals between are not there", 4, segment_of(4)) in found()
    with tampered() as run:
        run(f"DELETE FROM seals WHERE position > {last - 2}")
        without = {"has no seal, and is not queued for one"}
        assert {fault.what for fault in found()} == without
        assert len(found()) == 2
    with tampered() as run:
        run("UPDATE seals SET position = 0 WHERE position = 1")
        assert Fault("is before the first position", 0, segment_of(0)) in found()


def segment_of(position: int) -> int:
    return db.session.scalars(select(Seal.segment_id).where(Seal.position == position)).one()


def test_every_row_that_is_put_in_is_found_and_named() -> None:
    def copy(run: Callable[..., None], table: str, row_id: int, **other: str) -> None:
        names = [column.name for column in table_of(table).columns]
        values = ", ".join({"id": "999999", **other}.get(name, quoted(name)) for name in names)
        into = ", ".join(map(quoted, names))
        run(f"INSERT INTO {table} ({into}) SELECT {values} FROM {table} WHERE {key_of(table_of(table))} = {row_id}")

    first = rows(table_of("changes"))[0]
    with tampered() as run:
        copy(run, "changes", first["id"])
        assert [fault.segment_id for fault in found()] == [first["segment_id"]]
        assert "instead of" in found()[0].what
    with tampered() as run:
        copy(run, "changes", first["id"], segment_id="888888")
        assert found() == [Fault("is of a segment that is not there", change_id=999999)]
    with tampered() as run:
        copy(run, "segments", first["segment_id"], number="999")
        assert {fault.segment_id for fault in found()} == {999999}
    with tampered() as run:
        copy(run, "change_sets", rows(table_of("change_sets"))[0]["id"])
        assert found() == [Fault("has no segment", change_set_id=999999)]
    with tampered() as run:
        last = len(rows(table_of("seals")))
        again = {"position": str(last + 1), "segment_id": "777777", "key": "'k'"}
        copy(run, "seals", last, **again)
        assert [fault.position for fault in found()] == [last + 1]


def test_what_is_exchanged_is_found() -> None:
    def exchange(run: Callable[..., None], table: str, name: str, one: Row, other: Row) -> None:
        key = key_of(table_of(table))
        for row, value in ((one, -1), (other, one[name]), (one, other[name])):
            at = -1 if name == key and value != -1 and row is one else row[key]
            run(f"UPDATE {table} SET {quoted(name)} = {value} WHERE {key} = {at}")

    seals, changes = rows(table_of("seals")), rows(table_of("changes"))
    for name in ("segment_id", "position"):
        with tampered() as run:
            exchange(run, "seals", name, seals[2], seals[6])
            assert {3, 7} <= {fault.position for fault in found()} <= {3, 4, 7, 8}
    parts = [row for row in changes if row["row_id"] == 99]
    assert len(parts) == 3
    with tampered() as run:
        exchange(run, "changes", "segment_id", parts[0], parts[2])
        assert {fault.segment_id for fault in found()} == {parts[0]["segment_id"], parts[2]["segment_id"]}
    together = [row for row in changes if row["segment_id"] == changes[0]["segment_id"]]
    with tampered() as run:
        exchange(run, "changes", "id", together[0], together[1])
        assert {fault.segment_id for fault in found()} == {changes[0]["segment_id"]}


def test_altered_seal_makes_no_other_a_finding() -> None:
    with tampered() as run:
        run(f"UPDATE seals SET hash = '{'0' * 64}' WHERE position = 3")
        run(f"UPDATE seals SET {quoted('key')} = 'forged' WHERE position = 6")
        assert [fault.position for fault in found()] == [3, 6]


def test_set_of_many_segments_is_named_once() -> None:
    (set_id,) = {row["id"] for row in rows(table_of("change_sets")) if row["reason"] == "in parts"}
    with tampered() as run:
        run(f"UPDATE change_sets SET reason = 'in pieces' WHERE id = {set_id}")
        (fault,) = found()
        assert (fault.change_set_id, fault.what) == (
            set_id,
            "tells another reason or other arguments than when it was sealed",
        )


# Emptiness


def emptied(table: str, condition: str) -> list[Fault]:
    names = {"changes": ("before", "after", "salt"), "change_sets": ("reason", "arguments")}[table]
    values = ", ".join(f"{quoted(name)} = NULL" for name in names)
    with tampered() as run:
        run(f"UPDATE {table} SET {values} WHERE {condition}")
        return found()


def test_change_that_is_emptied_beyond_an_erasure_is_found() -> None:
    erasing = db.session.scalars(select(ChangeRow).where(ChangeRow.operation == Operation.ERASE)).all()
    others = db.session.scalars(select(ChangeRow).where(ChangeRow.entity == "roles")).all()
    for change_id in [row.id for row in (*erasing, *others)]:
        (fault,) = emptied("changes", f"id = {change_id}")
        assert (fault.change_id, fault.what) == (change_id, "is empty without an erasure")


def test_reason_that_is_emptied_beyond_an_erasure_is_found_with_and_without_its_salt() -> None:
    with_reason = [row for row in rows(table_of("change_sets")) if row["reason"] and is_sealed("change_sets", row)]
    assert len(with_reason) > 4
    for row in with_reason:
        assert [fault.change_set_id for fault in emptied("change_sets", f"id = {row['id']}")] == [row["id"]]
        with tampered() as run:
            of_set = f"segment_id IN (SELECT id FROM segments WHERE change_set_id = {row['id']})"
            run(f"UPDATE change_sets SET reason = NULL, arguments = NULL WHERE id = {row['id']}")
            run(f"UPDATE seals SET told_salt = NULL WHERE {of_set}")
            (fault,) = found()
            assert (fault.change_set_id, fault.what) == (row["id"], "lost its reason and arguments without an erasure")


def test_address_that_is_emptied_without_an_erasure_is_found() -> None:
    row = next(row for row in rows(table_of("change_sets")) if row["actor_id"] == 77)
    with tampered() as run:
        run(f"UPDATE change_sets SET address = NULL WHERE id = {row['id']}")
        run(f"UPDATE seals SET address_salt = NULL WHERE segment_id IN "
            f"(SELECT id FROM segments WHERE change_set_id = {row['id']})")  # fmt: skip
        (fault,) = found()
        assert (fault.change_set_id, fault.what) == (row["id"], "lost its address without an erasure")


def test_forged_words_in_place_of_what_was_erased_are_found() -> None:
    emptied = db.session.execute(
        select(ChangeSet.id, Seal.told_salt, Seal.address_salt)
        .join(Segment, Segment.change_set_id == ChangeSet.id)
        .join(Seal, Seal.segment_id == Segment.id)
    ).all()
    told = [set_id for set_id, salt, _address in emptied if salt is None]
    walked = [set_id for set_id, _salt, address in emptied if address is None]
    assert told
    assert walked
    for name, ids in (("reason", told), ("address", walked)):
        for set_id in ids:
            with tampered() as run:
                run(f"UPDATE change_sets SET {name} = 'forged' WHERE id = {set_id}")
                (fault,) = found()
                assert fault.change_set_id == set_id


# Many rows


def test_large_journal_is_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "PAGE", 2)
    monkeypatch.setattr(raw, "CHANGES", 3)
    monkeypatch.setattr(raw, "SPAN", 2)
    assert list(verify()) == []
    for table in TABLES:
        row = rows(table_of(table))[3]
        with tampered() as run:
            run(f"DELETE FROM {table} WHERE {key_of(table_of(table))} = {row[key_of(table_of(table))]}")
            assert any(is_named(fault, table, row) for fault in found())


def test_unsealed_segment_is_looked_at_too() -> None:
    last = last_note()
    with tampered() as run:
        run(f"UPDATE segments SET content_hash = 'x' WHERE id = {last.id}")
        assert found() == [Fault("does not fit its hash", None, last.id)]
    with tampered() as run:
        run("DELETE FROM unsealed")
        assert found() == [Fault("has no seal, and is not queued for one", None, last.id)]
