"""The journal proved: each seal fits what it seals and the seal before it, and each hash what it is over.

Of what an erasure emptied only digests are left, which are in the chain; emptiness without an erasure is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.changes import raw
from app.changes.emptying import ACCOUNTS, PEOPLE, SETS
from app.changes.journal import ChangeRow, Segment, content_hash, digest
from app.changes.raw import Row, Sealed
from app.changes.seals import OF_CHANGE, OF_SEGMENT, OF_SET, address_digest, chain_hash, told_digest
from app.changes.tracking import Operation
from app.core.chunks import chunks
from app.extensions import db


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: as much of position, segment, change set and change as it is about.

    Not `is_readable` is what may end whoever reads the row by its types.
    """

    what: str
    position: int | None = None
    segment_id: int | None = None
    change_set_id: int | None = None
    change_id: int | None = None
    is_readable: bool = True

    @property
    def where(self) -> str:
        """The rows by their numbers."""
        named = (
            ("change", self.change_id),
            ("change set", self.change_set_id),
            ("segment", self.segment_id),
            ("position", self.position),
        )
        return ", ".join(f"{name} {number}" for name, number in named if number is not None)


@dataclass(frozen=True, slots=True)
class _Erased:
    """Who was erased, and by which change last: people and the accounts that were theirs; and the emptied sets."""

    people: Mapping[int, int]
    accounts: Mapping[int, int]
    sets: frozenset[int]

    def holds(self, change: Row) -> bool:
        """Say whether a change is one that an erasure emptied."""
        by = [self.people.get(change["person_id"], 0)]
        by += [self.accounts.get(change["row_id"], 0)] if change["entity"] == ACCOUNTS else []
        return bool(change["id"] < max(by))


def verify() -> Iterator[Fault]:
    """Yield what is not as it was written, each row once: along the chain first, then what is not in it."""
    named: set[tuple[int | None, ...]] = set()
    for fault in _faults(_read_erased()):
        # A set may have segments all along the chain.
        position = fault.position if fault.change_set_id is None or fault.segment_id is not None else None
        row = (position, fault.segment_id, fault.change_set_id, fault.change_id)
        if row not in named:
            named.add(row)
            yield fault


def _faults(erased: _Erased) -> Iterator[Fault]:
    yield from _along_the_chain(erased)
    for one in raw.unsealed():
        yield from _within(one, erased)[0]
        if one.segment is not None and not one.is_queued:
            yield Fault("has no seal, and is not queued for one", segment_id=one.segment["id"])
    for table, row_id in raw.orphans():
        if table == SETS:
            yield Fault("has no segment", change_set_id=row_id)
        else:
            yield Fault("is of a segment that is not there", change_id=row_id)


def _along_the_chain(erased: _Erased) -> Iterator[Fault]:
    expected, previous = 1, [""]
    for one in raw.sealed():
        assert one.seal is not None
        position = one.seal["position"]
        if position != expected:
            yield _gap(expected, position, one.seal["segment_id"])
            previous = []  # nobody can say what this seal is over
        faults, computed = _examined(one, previous, erased)
        yield from faults
        # After a seal that doesn't fit the next one may be over its hash as it is, or as it was.
        previous = [one.seal["hash"], *computed] if faults else [one.seal["hash"]]
        previous = [hash_ for hash_ in previous if hash_ is not None]
        expected = max(expected, position + 1)


def _gap(expected: int, position: int, segment_id: int | None) -> Fault:
    if position < expected:
        return Fault("is before the first position", position, segment_id)
    if position == expected + 1:
        return Fault("has no seal", expected)
    return Fault(f"is the next after position {expected - 1}: the seals between are not there", position, segment_id)


def _examined(one: Sealed, previous: Sequence[str], erased: _Erased) -> tuple[list[Fault], list[str]]:
    """Return what is wrong with a seal and what it seals, and the hashes that it should have.

    `previous` are the hashes that the seal before it may have had, none where nobody knows.
    """
    seal, segment, head = one.seal, one.segment, one.head
    assert seal is not None
    position = seal["position"]
    faults, is_explained = _within(one, erased)
    if seal.spoiled:
        return [*faults, _spoiled(seal, position, seal["segment_id"])], []
    if segment is None:
        return [Fault("seals a segment that is not there", position, seal["segment_id"])], []
    if (
        head is None
        or {*segment.spoiled, *head.spoiled} & {*OF_SEGMENT, *OF_SET}
        or any({*change.spoiled} & {*OF_CHANGE} for change in one.changes)
    ):
        return faults, []  # which tell why
    contents = (seal.values, segment.values, head.values, [change.values for change in one.changes])
    computed = [chain_hash(hash_, *contents) for hash_ in previous]
    if not previous or seal["hash"] in computed:
        return [*faults, *_of_words(one, erased)], computed
    if not is_explained:
        words = "is not as it was sealed: the seal, the segment, its change set or a change of it was altered"
        faults.append(Fault(words, position, segment["id"], head["id"]))
    return faults, computed[:1]


def _within(one: Sealed, erased: _Erased) -> tuple[list[Fault], bool]:
    """Return what is wrong with a segment and its changes by themselves, and whether that shows in the chain, too."""
    segment, head = one.segment, one.head
    if segment is None:
        return [], False
    where = (one.seal["position"] if one.seal is not None else None, segment["id"])
    faults = [fault for row in one.changes if (fault := _of_change(row, erased, *where))]
    is_explained = any(fault.what not in EMPTY for fault in faults)
    if head is None:
        if not segment.spoiled:
            what = f"is not there, though segment {segment['id']} is of it"
            faults.append(Fault(what, where[0], None, segment["change_set_id"]))
    elif head.spoiled:
        faults.append(_spoiled(head, where[0], None, head["id"]))
    if segment.spoiled:
        faults.append(_spoiled(segment, *where))
    elif len(one.changes) != segment["count"]:
        faults.append(Fault(f"holds {len(one.changes)} changes instead of {segment['count']}", *where))
    elif not is_explained and content_hash(row["digest"] for row in one.changes) != segment["content_hash"]:
        faults.append(Fault("does not fit its hash", *where))
    # What can't be read, yet is in the chain, is not looked for there.
    return faults, any(fault.what not in EMPTY and fault.is_readable for fault in faults)


NO_ERASURE, IN_PART = "is empty without an erasure", "is empty in part"
EMPTY = (NO_ERASURE, IN_PART)
"""What nothing else shows: the chain is over digests, which stay."""


def _of_change(row: Row, erased: _Erased, position: int | None, segment_id: int) -> Fault | None:
    """Return what is wrong with a change by itself."""
    where = (position, segment_id, None, row["id"])
    if row.spoiled:
        return _spoiled(row, *where)
    kept = [row[name] is not None for name in ("before", "after", "salt")]
    if not any(kept):
        return None if erased.holds(row) else Fault(NO_ERASURE, *where)
    if not all(kept):
        return Fault(IN_PART, *where)
    fits = digest(row.values) == row["digest"] and _tells_its_fields(row)
    return None if fits else Fault("does not fit its digest", *where)


def _tells_its_fields(row: Row) -> bool:
    told = {**row["before"], **row["after"]}
    if raw.keeps_no_json_text():  # nor the order of the fields
        return sorted(row["fields"].split()) == sorted(told)
    return bool(row["fields"] == f" {' '.join(told)} ")


def _of_words(one: Sealed, erased: _Erased) -> Iterator[Fault]:
    """Yield what is wrong with the reason, the arguments and the address of a set, whose digests the seal has."""
    seal, head = one.seal, one.head
    assert seal is not None
    assert head is not None
    if head.spoiled:
        return
    told, address = (head["reason"], head["arguments"]), head["address"]
    where = (seal["position"], None, head["id"])
    if seal["told_salt"] is not None:
        if told_digest(seal["told_salt"], *told) != seal["told_digest"]:
            yield Fault("tells another reason or other arguments than when it was sealed", *where)
    elif head["id"] not in erased.sets:
        yield Fault("lost its reason and arguments without an erasure", *where)
    elif told != (None, None):
        yield Fault("tells a reason or arguments that an erasure emptied", *where)
    if seal["address_salt"] is not None:
        if address_digest(seal["address_salt"], address) != seal["address_digest"]:
            yield Fault("tells another address than when it was sealed", *where)
    elif head["actor_id"] not in erased.accounts:
        yield Fault("lost its address without an erasure", *where)
    elif address is not None:
        yield Fault("tells an address that an erasure emptied", *where)


def _spoiled(
    row: Row, position: int | None, segment_id: int | None, set_id: int | None = None, change_id: int | None = None
) -> Fault:
    what = f"holds something that nobody wrote in {' and '.join(row.spoiled)}"
    return Fault(what, position, segment_id, set_id, change_id, is_readable=False)


def _read_erased() -> _Erased:
    row_id, person_id, set_id = map(raw.number, (ChangeRow.row_id, ChangeRow.person_id, Segment.change_set_id))
    erasures = select(row_id, func.max(ChangeRow.id)).where(ChangeRow.operation == Operation.ERASE).group_by(row_id)
    people, accounts, sets = (_pairs(erasures.where(ChangeRow.entity == one)) for one in (PEOPLE, ACCOUNTS, SETS))
    emptied = {*sets}
    touched = select(set_id, ChangeRow.id).join(ChangeRow, ChangeRow.segment_id == Segment.id)
    for some in chunks(sorted(people)):
        theirs = select(row_id, person_id).where(ChangeRow.entity == ACCOUNTS, ChangeRow.person_id.in_(some))
        for account, person in db.session.execute(theirs.distinct()):
            accounts[account] = max(accounts.get(account, 0), people[person])
        of_people = touched.add_columns(person_id).where(ChangeRow.person_id.in_(some))
        emptied |= {one for one, change_id, person in db.session.execute(of_people) if change_id < people[person]}
    for some in chunks(sorted(accounts)):
        of_accounts = touched.add_columns(row_id).where(ChangeRow.entity == ACCOUNTS, ChangeRow.row_id.in_(some))
        emptied |= {one for one, change_id, account in db.session.execute(of_accounts) if change_id < accounts[account]}
    return _Erased(people, accounts, frozenset(emptied))


def _pairs(query: Any) -> dict[int, int]:
    return {row[0]: row[1] for row in db.session.execute(query) if row[0] is not None}
