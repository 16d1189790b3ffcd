"""Seals: what was committed gets a dense position and a hash over everything before it, so that nothing can be taken
out, put in or altered unseen.

Ids are given before COMMIT, so whoever reads by id misses who commits late; positions are given after it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.changes.journal import HASH_LENGTH, SALT_LENGTH, plain
from app.core.columns import UtcDateTime, key_string
from app.extensions import Base

KEY_LENGTH = 20
TOKEN_LENGTH = 32

OF_SEAL = ("position", "at", "key")
OF_SEGMENT = ("id", "change_set_id", "number", "at", "count", "content_hash")
OF_SET = ("id", "at", "actor_id", "session_id", "action", "source", "request_id", "undoes_id")
OF_CHANGE = ("id", "entity", "row_id", "person_id", "operation", "fields", "digest")
"""What of each row is in the hash of a seal as it stands, in this order; the rest of it is in there by its digest."""


class Seal(Base):
    """A segment's place in the chain: `hash` is over the seal before it and all of the segment, with its set's head.

    What an erasure empties (reason and arguments, and the address) is in it by digests, each with a salt of its own
    that goes with what it salts. `key` is the random part of the name under which the archive holds the segment.
    """

    __tablename__ = "seals"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="RESTRICT"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    key: Mapped[str] = mapped_column(key_string(KEY_LENGTH), unique=True)
    told_salt: Mapped[str | None] = mapped_column(key_string(SALT_LENGTH))
    told_digest: Mapped[str] = mapped_column(key_string(HASH_LENGTH))
    address_salt: Mapped[str | None] = mapped_column(key_string(SALT_LENGTH))
    address_digest: Mapped[str] = mapped_column(key_string(HASH_LENGTH))
    hash: Mapped[str] = mapped_column(key_string(HASH_LENGTH))


class Unarchived(Base):
    """A sealed segment that the archive does not hold yet, or not as it is now. Whoever took it last holds `token`."""

    __tablename__ = "unarchived"

    position: Mapped[int] = mapped_column(
        ForeignKey("seals.position", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    token: Mapped[str] = mapped_column(key_string(TOKEN_LENGTH))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def new_token() -> str:
    """Return a token for what the archive lacks, which nobody holds yet."""
    return secrets.token_hex(TOKEN_LENGTH // 2)


def told_digest(salt: str, reason: str | None, arguments: Mapping[str, Any] | None) -> str:
    """Return the digest of what a change set tells in words: its reason, and what its action was given."""
    return _sha256([salt, reason, arguments])


def address_digest(salt: str, address: str | None) -> str:
    """Return the digest of where a change set came from."""
    return _sha256([salt, address])


def chain_hash(
    previous: str,
    seal: Mapping[str, Any],
    segment: Mapping[str, Any],
    head: Mapping[str, Any],
    changes: Iterable[Mapping[str, Any]],
) -> str:
    """Return the hash of a seal, from rows by the names of their columns; the changes in the order of their ids.

    `previous` is the hash of the seal before it, "" for the first; `head` is the segment's change set.
    """
    place = _parts(seal, OF_SEAL)
    digests = [seal["told_digest"], seal["address_digest"]]
    told = [_parts(change, OF_CHANGE) for change in changes]
    return _sha256([previous, *place, _parts(segment, OF_SEGMENT), _parts(head, OF_SET), *digests, told])


def _parts(row: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [plain(row[name]) for name in names]


def canonical(value: Any) -> str:
    """Return a value as the one JSON text that everybody makes of it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
