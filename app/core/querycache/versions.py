"""The version of what the database holds: tokens that move in the same transaction as the rows they stand for.

Each commit that touches a group of tables adds a row with two random numbers for it; the sums over a group's rows are
its token. Writers only insert, so none waits for another, and a killed one's row is rolled back with its data. Sums are
unchanged when rows are folded into one. They are random, not counted: a restored backup brings its own along, and no
two contents ever have the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Delete,
    Engine,
    Insert,
    Integer,
    Select,
    Update,
    bindparam,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.columns import CACHED, key_string
from app.core.database.engine import MIGRATING
from app.extensions import Base, db

HALF_BITS = 31
# A few rows for each group add nothing to the time of a request's first statement.
FOLDED_FROM = 64
FOLDED_AT_ONCE = 1_000
CHANGES = {"CASCADE", "SET NULL", "SET DEFAULT"}
"""What a foreign key says where the database itself changes the rows that refer to one."""
EVERYTHING = "everything"
"""A token that is in no key: it moves when all are moved by hand, and so leads to when that was."""
TOUCHED, CHANGE_SET, TOKENS = "touched_groups", "change_set_id", "cache_tokens"

Token = tuple[int, int]
Present = tuple[Any, dict[str, Token], int, Mapping[str, Any]]
"""The session's transaction, the tokens of its snapshot, their number of rows, and what its connection notes."""


class CacheVersion(Base):
    """One commit's part of a group's token, or several folded; `change_set_id` is what the journal tells of it."""

    __tablename__ = "cache_versions"
    NAME_LENGTH = 100

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    name: Mapped[str] = mapped_column(key_string(NAME_LENGTH), index=True)
    high: Mapped[int] = mapped_column(BigInteger)
    low: Mapped[int] = mapped_column(BigInteger)
    change_set_id: Mapped[int | None]

    __table_args__ = ({"sqlite_autoincrement": True},)


def listen(engine: Engine) -> None:
    """Have each transaction of `engine` that changes a table of a group move its token, as its last statement."""
    event.listen(engine, "before_cursor_execute", _note_touched)
    event.listen(engine, "commit", _move)
    event.listen(engine, "begin", _forget_touched)


def groups() -> dict[str, str]:
    """Return the group of each table that may be read through the cache."""
    return {table.name: table.info[CACHED] for table in db.metadata.tables.values() if CACHED in table.info}


def of_query(name: str) -> str:
    """Return the name of the token that one query's values alone depend on, moved where they are to be forgotten."""
    return f"query {name}"


def note_change_set(connection: Connection, change_set_id: int) -> None:
    """Say which change set tells of what this transaction changes."""
    connection.info[CHANGE_SET] = change_set_id


def sums() -> Select[str, int, int, int]:
    """Return the SELECT of name, sum of highs, sum of lows, and number of rows of each group."""
    of = CacheVersion
    return select(of.name, func.sum(of.high), func.sum(of.low), func.count()).group_by(of.name)


def take(rows: Iterable[Sequence[Any]]) -> None:
    """Keep the rows of `sums()`, read in the session's present transaction, for as long as that lasts."""
    tokens: dict[str, Token] = {}
    count = 0
    for name, high, low, number in rows:
        tokens[name] = int(high), int(low)
        count += number
    session = db.session()
    session.info[TOKENS] = session.get_transaction(), tokens, count, session.connection().info


def tokens() -> Mapping[str, Token]:
    """Return the tokens of the session's present snapshot, asked of the database where it has not told them yet."""
    return _present()[1]


def rows_present() -> int:
    """Return how many rows the tokens of the present snapshot are spread over."""
    return _present()[2]


def is_changing() -> bool:
    """Say whether the session has changed what is not committed yet, so that its tokens don't tell all it sees."""
    session = db.session()
    return bool(session.new or session.dirty or session.deleted or _present()[3].get(TOUCHED))


def _present() -> Present:
    session = db.session()
    kept = session.info.get(TOKENS)
    if kept is None or kept[0] is not session.get_transaction():
        take(session.execute(sums()).all())
        kept = session.info[TOKENS]
    return kept  # type: ignore[no-any-return]


def move(connection: Connection, names: Iterable[str], change_set_id: int | None = None) -> None:
    """Give groups new tokens, in the transaction of `connection`."""
    rows = [
        {
            "name": name,
            "high": secrets.randbits(HALF_BITS),
            "low": secrets.randbits(HALF_BITS),
            "change_set_id": change_set_id,
        }
        for name in sorted(names)
    ]
    connection.execute(insert(CacheVersion), rows)


def touch(connection: Connection, names: Iterable[str]) -> None:
    """Have tokens moved at the end of the transaction of `connection`, with the change set that tells of it."""
    connection.info.setdefault(TOUCHED, set()).update(names)


def fold(connection: Connection) -> bool:
    """Replace many rows of a group by one with their sum, in the transaction of `connection`; say whether it is done.

    Where somebody else folds at the same moment nothing is done here; the caller rolls back.
    """
    found = connection.execute(select(CacheVersion).order_by(CacheVersion.id).limit(FOLDED_AT_ONCE)).mappings().all()
    merged: dict[str, dict[str, Any]] = {}
    for row in found:
        into = merged.setdefault(row["name"], {"name": row["name"], "high": 0, "low": 0, "change_set_id": None})
        into["high"] += row["high"]
        into["low"] += row["low"]
        into["change_set_id"] = max(into["change_set_id"] or 0, row["change_set_id"] or 0) or None
    ids = [row["id"] for row in found]
    if not ids:
        return True
    # Each by its key: MariaDB would lock what lies between them as well, and with it the writers, while this is open.
    one = delete(CacheVersion).where(CacheVersion.id == bindparam("gone_id"))
    if connection.execute(one, [{"gone_id": row_id} for row_id in ids]).rowcount != len(ids):
        return False
    connection.execute(insert(CacheVersion), list(merged.values()))
    return True


def _forget_touched(connection: Connection) -> None:
    connection.info.pop(TOUCHED, None)
    connection.info.pop(CHANGE_SET, None)


def _note_touched(connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    statement = context.invoked_statement
    if isinstance(statement, Insert | Update | Delete):
        found = _touched_by(getattr(statement.table, "name", ""), isinstance(statement, Delete))
        if found:
            connection.info.setdefault(TOUCHED, set()).update(found)


@cache
def _touched_by(table_name: str, is_delete: bool) -> frozenset[str]:
    """Return the groups that a statement on a table touches, with what the database itself changes along with it."""
    seen: set[str] = set()
    todo = [table_name]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [
                table.name
                for table in db.metadata.tables.values()
                for key in table.foreign_keys
                if key.column.table.name == name
                and ((key.ondelete if is_delete else key.onupdate) or "").upper() in CHANGES
            ]
    known = groups()
    return frozenset(known[name] for name in seen if name in known)


def _move(connection: Connection) -> None:
    """Move the tokens of what this transaction touched; called by the engine right before COMMIT."""
    touched = connection.info.pop(TOUCHED, None)
    change_set_id = connection.info.pop(CHANGE_SET, None)
    if touched and not connection.get_execution_options().get(MIGRATING):
        move(connection, touched, change_set_id)
