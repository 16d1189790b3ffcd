"""Replaying: a database that was put back to an older state erases again whom it had erased since.

The archive holds an entry of each erasure. One that this database does not know is from after its state, or from
another database altogether; the digest of the change that created the person, which no other person's has, tells which.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.access.actor import operator
from app.actions.registry import Source, run
from app.changes.archived import ERASURES
from app.changes.journal import ChangeRow
from app.changes.read_only import ReadOnly
from app.changes.seals import KEY_LENGTH, Seal
from app.changes.tracking import Operation
from app.core.chunks import chunks
from app.core.database.engine import end_transaction
from app.core.problems import Invalid, NotFound
from app.core.storage import Missing, storage
from app.extensions import db
from app.people import erased
from app.people.employee import Employee

# An entry is a few hundred bytes; what is longer is none.
LONGEST_ENTRY = 10_000
HIGHEST_ID = 2**31

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the archive says of an erasure: who it was, by the digest of the change that created them."""

    key: str
    person_id: int
    digest: str


def replay(settled: set[str] | None = None, most: int | None = None) -> list[int]:
    """Erase again whom the archive knows as erased and this database does not; return their ids.

    `settled` are keys of entries that need not be looked at again; it takes in what turns out to be such. Of more than
    `most` people nobody is erased, and that is told: so many are for somebody to confirm. Whoever can't be erased just
    now (the last administrator, say) is left for the next time. Safe to run by several at once.
    """
    due = {entry.person_id: entry for entry in _due(set() if settled is None else settled)}
    if most is not None and len(due) > most:
        log.error(
            "so many people are erased by the archive, but not here, that none is without somebody’s word: run "
            "`flask journal restored`",
            extra={"erasures": len(due), "most": most},
        )
        return []
    return [person_id for person_id, entry in due.items() if _erase(entry)]


def _due(settled: set[str]) -> Iterator[Entry]:
    """Yield the entries of people who are here, and not erased."""
    for key in list(_unknown(settled)):
        end_transaction()  # the store may take its time
        entry = _read(key)
        if entry is None or not _is_ours(entry):
            settled.add(key)
            continue
        person = db.session.get(Employee, entry.person_id)
        if person is None:  # deleted here, which may still be undone
            continue
        if erased.is_erased(person.id, person.number):
            settled.add(key)
        else:
            yield entry
    end_transaction()


def _unknown(settled: set[str]) -> Iterator[str]:
    """Yield the keys of the entries that no seal has."""
    names = (name.removeprefix(ERASURES).removesuffix(".json") for name in storage().names(ERASURES))
    keys = (key for key in names if len(key) == KEY_LENGTH and key not in settled)
    for some in chunks(keys):
        known = set(db.session.scalars(select(Seal.key).where(Seal.key.in_(some))))
        end_transaction()
        yield from (key for key in some if key not in known)


def _read(key: str) -> Entry | None:
    """Return an entry; None for what is none, which is told of."""
    try:
        with storage().open(f"{ERASURES}{key}.json") as stream:
            told: Any = json.loads(stream.read(LONGEST_ENTRY))
        person_id, digest = told["person_id"], told["created"]["digest"]
        if isinstance(person_id, int) and 0 < person_id < HIGHEST_ID and isinstance(digest, str):
            return Entry(key, person_id, digest)
        raise ValueError(key)
    except Missing:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        log.warning("an erasure in the archive can’t be read", extra={"entry": key})
    return None


def _is_ours(entry: Entry) -> bool:
    """Say whether it is about somebody here, and not about who got the same id elsewhere, or after a restore."""
    created = select(ChangeRow.id).where(
        ChangeRow.entity == "employees",
        ChangeRow.row_id == entry.person_id,
        ChangeRow.operation == Operation.CREATE,
        ChangeRow.digest == entry.digest,
    )
    return db.session.execute(created.limit(1)).first() is not None


def _erase(entry: Entry) -> bool:
    """Erase somebody again; return whether it was this process that did."""
    facts = {"person_id": entry.person_id, "entry": entry.key}
    reason = _("Erased again: this database is older than the erasure.")
    try:
        outcome = run(
            "erase_person", actor=operator(), source=Source.SYSTEM, reason=reason, employee_id=entry.person_id
        )
    except ReadOnly:  # for now; the next look finds them again
        raise
    except (Invalid, NotFound) as problem:
        log.error("somebody could not be erased again: %s", problem, extra=facts)
        return False
    if outcome.value:
        log.warning("somebody was erased again, whom this database did not know as erased", extra=facts)
    return bool(outcome.value)
