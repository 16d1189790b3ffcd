"""A digest of what an action would do, the same whenever it would do the same; to tell that it no longer would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.changes.journal import HASH_LENGTH, ChangeSet, plain
from app.changes.tracking import Change, Operation
from app.extensions import db

OF_STEPS = "steps "
"""What the digest of large work begins with."""
MOMENT = "a moment"
Ids = Mapping[tuple[str, int], str]


def of_changes(changes: Sequence[Change]) -> str:
    """Return the digest of changes; new rows have other ids each time, so they are called by the order they come in.

    Moments are left out, they are of when it was tried. Days stay: from another day on is something else. Left out are
    also the reasons that an erasure empties: the one that was given for asking is another one of them.
    """
    changes = [change for change in changes if change.entity != ChangeSet.__tablename__]
    new: dict[tuple[str, int], str] = {}
    counts: dict[str, int] = {}
    for change in sorted(changes, key=lambda change: change.id):
        if change.operation is Operation.CREATE:
            counts[change.entity] = counts.get(change.entity, 0) + 1
            new[change.entity, change.id] = f"new {counts[change.entity]}"
    return _hash(sorted(json.dumps(_told(change, new), sort_keys=True) for change in changes))


def of_steps(steps: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return the digest of work that is too large to be tried: of its steps by name, and the ids they are over."""
    return (OF_STEPS + _hash(list(steps)))[:HASH_LENGTH]


def is_of_steps(digest: str | None) -> bool:
    """Say whether a digest is that of large work."""
    return digest is not None and digest.startswith(OF_STEPS)


def _told(change: Change, new: Ids) -> list[Any]:
    person_id = change.person_id
    return [
        change.entity,
        new.get((change.entity, change.id), change.id),
        None if person_id is None else new.get(("employees", person_id), person_id),
        change.operation,
        _values(change.entity, change.before, new),
        _values(change.entity, change.after, new),
    ]


def _values(entity: str, values: Mapping[str, Any], new: Ids) -> dict[str, Any]:
    return {field: _value(entity, field, value, new) for field, value in values.items()}


def _value(entity: str, field: str, value: Any, new: Ids) -> Any:
    if isinstance(value, datetime):
        return MOMENT
    if isinstance(value, int):
        for key in db.metadata.tables[entity].columns[field].foreign_keys:
            return new.get((key.column.table.name, value), value)
    return plain(value)


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
