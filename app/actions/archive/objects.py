"""What the archive holds of each sealed segment: the same bytes whoever builds them, from what the database says now.

Only what many may see stands there in clear. Of all else there is a digest with the change's salt, which is in no
object: as long as the database has the salt a value can be proved, after an erasure it can't even be guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.access.grants import FIELDS, Subject
from app.changes.archived import entry_name, object_name
from app.changes.contents import contents, rows
from app.changes.journal import ChangeRow, Segment, plain
from app.changes.seals import Seal, canonical
from app.changes.tracking import Operation
from app.extensions import db

FORMAT = 1
CHANGES = 5000
"""About so many changes are built at once."""
PEOPLE = "employees"
CLEAR: dict[str, frozenset[str]] = {
    PEOPLE: frozenset((*FIELDS[Subject.DIRECTORY], *FIELDS[Subject.EMPLOYMENT])),
    "assignments": frozenset(
        {"employee_id", "status", "department_id", "role_id", "manager_id", "valid_from", "valid_to"}
    ),
    "departments": frozenset({"code", "name", "parent_id", "lead_id", "cost_centre", "closed_on"}),
    "roles": frozenset({"title", "description", "family", "level", "closed_on"}),
    "users": frozenset({"email", "access_role_id", "employee_id", "is_active", "created_at"}),
    "access_roles": frozenset({"name", "description", "is_builtin"}),
    "grants": frozenset({"access_role_id", "action", "subject", "scope"}),
}
"""The fields that stand in an object as they are; a field or table that nobody put here is a digest.

This is part of the format: with another choice no object in the archive is any more what the database gives.
"""
HIDDEN_ARGUMENTS = frozenset(
    {*FIELDS[Subject.PRIVATE], *FIELDS[Subject.NOTES], "amount", "currency", "period", "percent"}
)
"""What an action may be given that stands in clear nowhere else."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Built:
    """A segment's object; `is_emptied` says that an erasure took something out of it.

    `entry` is the name and content of what tells of an erasure that the segment did itself.
    """

    position: int
    name: str
    content: bytes
    is_emptied: bool = False
    entry: tuple[str, bytes] | None = None


def parts(positions: Iterable[int]) -> Iterator[list[int]]:
    """Yield these positions in order, in lists whose segments hold not too many changes to be built at once."""
    query = select(Seal.position, Segment.count).join(Segment, Segment.id == Seal.segment_id)
    rows = db.session.execute(query.where(Seal.position.in_(list(positions))).order_by(Seal.position)).all()
    part: list[int] = []
    total = 0
    for position, count in rows:
        total += count
        if part and total > CHANGES:
            yield part
            part, total = [], count
        part.append(position)
    if part:
        yield part


def build(positions: Sequence[int]) -> list[Built]:
    """Return the objects of sealed segments, in a number of statements that does not depend on how many."""
    hashes = _hashes({1, *positions, *(position - 1 for position in positions)})
    seals = rows(select(*Seal.__table__.c).where(Seal.position.in_(positions)).order_by(Seal.position))
    held = {one[0]["id"]: one for one in contents([seal["segment_id"] for seal in seals])}
    created = _created({row["row_id"] for *_, told in held.values() for row in told if _is_erasure(row)})
    built = []
    for seal in seals:
        segment, head, told = held[seal["segment_id"]]
        content = _content(hashes, seal, segment, head, told)
        built.append(
            Built(
                position=seal["position"],
                name=object_name(segment["at"], seal["key"]),
                content=_bytes(content),
                is_emptied=None in (seal["told_salt"], seal["address_salt"], *(row["salt"] for row in told)),
                entry=_entry(hashes[1], seal, segment, told, created),
            )
        )
    return built


def _content(hashes: Mapping[int, str], seal: Row, segment: Row, head: Row, changes: Sequence[Row]) -> dict[str, Any]:
    told = {name: plain(value) for name, value in head.items()}
    return {
        "format": FORMAT,
        "journal": hashes[1],
        "position": seal["position"],
        "key": seal["key"],
        "hash": seal["hash"],
        "previous": hashes.get(seal["position"] - 1, ""),
        "sealed_at": plain(seal["at"]),
        # With these two the hash can be computed from the object alone.
        "told_digest": seal["told_digest"],
        "address_digest": seal["address_digest"],
        "set": told | {"arguments": _arguments(head["arguments"], seal["told_salt"])},
        "segment": {name: plain(value) for name, value in segment.items()},
        "changes": [_change(row) for row in changes],
    }


def _arguments(arguments: Mapping[str, Any] | None, salt: str | None) -> dict[str, Any] | None:
    if arguments is None or salt is None:
        return None
    return {
        name: digest_of(salt, name, value) if name in HIDDEN_ARGUMENTS else value for name, value in arguments.items()
    }


def _change(row: Row) -> dict[str, Any]:
    kept = ("id", "entity", "row_id", "person_id", "operation", "fields", "digest")
    return {name: row[name] for name in kept} | {side: _values(row, row[side]) for side in ("before", "after")}


def _values(row: Row, values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    salt = row["salt"]
    if values is None or salt is None:  # an erasure empties both
        return None
    clear = CLEAR.get(row["entity"], frozenset())
    return {
        field: value if value is None or field in clear else digest_of(salt, field, value)
        for field, value in values.items()
    }


def digest_of(salt: str, field: str, value: Any) -> dict[str, str]:
    """Return what stands in an object for a value that few may see."""
    return {"digest": hashlib.sha256(canonical([salt, field, value]).encode()).hexdigest()}


def _is_erasure(row: Row) -> bool:
    return bool(row["entity"] == PEOPLE and row["operation"] == Operation.ERASE)


def _entry(
    journal: str, seal: Row, segment: Row, changes: Iterable[Row], created: Mapping[int, Row]
) -> tuple[str, bytes] | None:
    """Return the entry of the erasure that a segment did, if it did one; there is never more than one in it.

    It names the person by the very change that created them, since ids may be given again after a restore. That
    change's digest has a salt of 128 random bits in it, so no other person's is the same, here or elsewhere.
    """
    person_id = next((row["row_id"] for row in changes if _is_erasure(row)), None)
    if person_id is None:
        return None
    erased = {"position": seal["position"], "hash": seal["hash"], "at": plain(segment["at"])}
    told = {"format": FORMAT, "journal": journal, "person_id": person_id}
    return entry_name(seal["key"]), _bytes({**told, "created": created.get(person_id), "erased": erased})


def _created(person_ids: set[int]) -> dict[int, Row]:
    """Return of each of these people the change that first told of them, and the seal it has, if it has one."""
    if not person_ids:
        return {}
    query = (
        select(ChangeRow.row_id, Seal.position, Seal.hash, ChangeRow.digest)
        .outerjoin(Seal, Seal.segment_id == ChangeRow.segment_id)
        .where(ChangeRow.entity == PEOPLE, ChangeRow.row_id.in_(person_ids), ChangeRow.operation == Operation.CREATE)
        .order_by(ChangeRow.id.desc())
    )
    return {
        person_id: {"position": position, "hash": hash_, "digest": digest}
        for person_id, position, hash_, digest in db.session.execute(query)
    }


def _hashes(positions: Iterable[int]) -> dict[int, str]:
    query = select(Seal.position, Seal.hash).where(Seal.position.in_(positions))
    return {position: hash_ for position, hash_ in db.session.execute(query)}


def _bytes(content: Mapping[str, Any]) -> bytes:
    return (canonical(content) + "\n").encode()
