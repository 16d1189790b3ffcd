"""Whom each kind of change to a table keeps waiting, by engine, as the makers of the engines document it.

MariaDB: “InnoDB Online DDL Overview” and its pages on INSTANT, NOCOPY, INPLACE and COPY, of 10.11; MySQL: “Online DDL
Operations” of 8.0. PostgreSQL: “Explicit Locking” and the notes of ALTER TABLE, CREATE INDEX and CREATE TRIGGER, of 15.
SQLite: “File Locking”, “Write-Ahead Logging” and ALTER TABLE. Where a statement alone does not tell which of two cases
it is (a column whose type changes may only become longer), the worse one is named. Tests hold the tables below against
what MariaDB accepts and PostgreSQL locks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.core.database.statements import Part, What


class Holds(StrEnum):
    """Whom a statement keeps waiting on a table while it runs."""

    NOBODY = "nobody"
    WRITERS = "writers"
    EVERYBODY = "everybody"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """How an engine does one kind of thing: its own word for the lock, whom that holds, and whether rows count."""

    lock: str
    holds: Holds
    grows: bool = False
    """Whether it takes the longer the more rows the table has."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one part of a statement means for one table that is there already."""

    what: What
    table: str
    rule: Rule

    @property
    def is_unknown(self) -> bool:
        """Say whether nobody can tell what it does."""
        return self.rule.holds is Holds.UNKNOWN


NOBODY, WRITERS, EVERYBODY = Holds.NOBODY, Holds.WRITERS, Holds.EVERYBODY
UNKNOWN = Rule("unknown", Holds.UNKNOWN, grows=True)
NONE = Rule("none", NOBODY)
NEW = Rule("none, the table is new", NOBODY)
ABSENT = Rule("none, there is no such table", NOBODY)
READ = Rule("read", NOBODY, grows=True)

INSTANT = Rule("INSTANT", NOBODY)
NOCOPY = Rule("NOCOPY, LOCK=NONE", NOBODY, grows=True)
INPLACE = Rule("INPLACE, LOCK=NONE", NOBODY, grows=True)
COPY = Rule("COPY, LOCK=SHARED", WRITERS, grows=True)
METADATA = Rule("metadata", EVERYBODY)
ROWS = Rule("the rows", WRITERS, grows=True)

MARIADB = {
    What.CREATE_TABLE: NONE,
    What.DROP_TABLE: METADATA,
    What.RENAME_TABLE: METADATA,
    What.ADD_INDEX: NOCOPY,
    What.DROP_INDEX: NOCOPY,
    What.ADD_COLUMN: INSTANT,
    What.ADD_FILLED_COLUMN: COPY,
    What.DROP_COLUMN: NOCOPY,
    What.CHANGE_COLUMN: COPY,
    What.CHANGE_DEFAULT: INSTANT,
    What.RENAME_COLUMN: INSTANT,
    What.ADD_CHECK: COPY,
    What.ADD_FOREIGN_KEY: COPY,
    What.ADD_UNIQUE: NOCOPY,
    What.ADD_PRIMARY_KEY: INPLACE,
    What.DROP_CONSTRAINT: INSTANT,
    What.DROP_FOREIGN_KEY: INSTANT,
    What.DROP_PRIMARY_KEY: COPY,
    What.ADD_TRIGGER: METADATA,
    What.DROP_TRIGGER: METADATA,
    What.ROUTINE: NONE,
    What.INSERT: NONE,
    What.INSERT_SELECT: ROWS,
    What.CHANGE_ROWS: ROWS,
    What.SETTING: NONE,
}
MYSQL = MARIADB | {
    What.ADD_INDEX: INPLACE,
    What.DROP_INDEX: INPLACE,
    What.DROP_COLUMN: INPLACE,
    What.ADD_UNIQUE: INPLACE,
    What.DROP_CONSTRAINT: INPLACE,
    What.DROP_FOREIGN_KEY: INPLACE,
}

EXCLUSIVE = Rule("ACCESS EXCLUSIVE", EVERYBODY)
EXCLUSIVE_OVER_ROWS = Rule("ACCESS EXCLUSIVE", EVERYBODY, grows=True)
# The statement does not name those tables.
EXCLUSIVE_ON_BOTH = Rule("ACCESS EXCLUSIVE, also on tables that its foreign keys refer to", EVERYBODY)
SHARE = Rule("SHARE", WRITERS, grows=True)
SHARE_ROW = Rule("SHARE ROW EXCLUSIVE", WRITERS)
SHARE_ROW_OVER_ROWS = Rule("SHARE ROW EXCLUSIVE", WRITERS, grows=True)
SHARE_UPDATE = Rule("SHARE UPDATE EXCLUSIVE", NOBODY, grows=True)

POSTGRESQL = {
    What.CREATE_TABLE: NONE,
    What.DROP_TABLE: EXCLUSIVE_ON_BOTH,
    What.RENAME_TABLE: EXCLUSIVE,
    What.ADD_INDEX: SHARE,
    What.ADD_INDEX_BESIDE: SHARE_UPDATE,
    What.DROP_INDEX: EXCLUSIVE,
    What.ADD_COLUMN: EXCLUSIVE,
    What.ADD_FILLED_COLUMN: EXCLUSIVE_OVER_ROWS,
    What.DROP_COLUMN: EXCLUSIVE_ON_BOTH,
    What.CHANGE_COLUMN: EXCLUSIVE_OVER_ROWS,
    What.FORBID_NULL: EXCLUSIVE_OVER_ROWS,
    What.ALLOW_NULL: EXCLUSIVE,
    What.CHANGE_DEFAULT: EXCLUSIVE,
    What.RENAME_COLUMN: EXCLUSIVE,
    What.ADD_CHECK: EXCLUSIVE_OVER_ROWS,
    What.ADD_FOREIGN_KEY: SHARE_ROW_OVER_ROWS,
    What.ADD_UNIQUE: EXCLUSIVE_OVER_ROWS,
    What.ADD_PRIMARY_KEY: EXCLUSIVE_OVER_ROWS,
    What.ADD_UNCHECKED: EXCLUSIVE,
    What.VALIDATE: SHARE_UPDATE,
    What.DROP_CONSTRAINT: EXCLUSIVE_ON_BOTH,
    What.ADD_TRIGGER: SHARE_ROW,
    What.DROP_TRIGGER: EXCLUSIVE,
    What.ROUTINE: NONE,
    What.INSERT: NONE,
    What.INSERT_SELECT: Rule("ROW EXCLUSIVE", NOBODY, grows=True),
    What.CHANGE_ROWS: Rule("ROW EXCLUSIVE, and the rows", WRITERS, grows=True),
    What.SETTING: NONE,
}

# A writer has the whole file to itself until the migration ends; readers go on with what was there before.
FILE = Rule("the whole database", WRITERS)
FILE_OVER_ROWS = Rule("the whole database", WRITERS, grows=True)
SQLITE = {
    What.CREATE_TABLE: FILE,
    What.DROP_TABLE: FILE_OVER_ROWS,
    What.RENAME_TABLE: FILE,
    What.ADD_INDEX: FILE_OVER_ROWS,
    What.DROP_INDEX: FILE,
    What.ADD_COLUMN: FILE,
    What.ADD_CHECK: FILE_OVER_ROWS,
    What.ADD_FOREIGN_KEY: FILE,
    What.DROP_COLUMN: FILE_OVER_ROWS,
    What.RENAME_COLUMN: FILE,
    What.ADD_TRIGGER: FILE,
    What.DROP_TRIGGER: FILE,
    What.INSERT: FILE,
    What.INSERT_SELECT: FILE_OVER_ROWS,
    What.CHANGE_ROWS: FILE_OVER_ROWS,
    What.SETTING: NONE,
}
RULES = {"MariaDB": MARIADB, "MySQL": MYSQL, "PostgreSQL": POSTGRESQL, "SQLite": SQLITE}
FILLED = {What.INSERT, What.INSERT_SELECT, What.CHANGE_ROWS, What.SETTING}
"""What changes no table, only what is in it."""
REFERRING = {What.CREATE_TABLE, What.ADD_FOREIGN_KEY}


def effects(engine: str, part: Part, known: Collection[str], *, is_cluster: bool = False) -> list[Effect]:
    """Return what a part means for the tables that are there; `known` are those, without any that the upgrade makes.

    In a Galera cluster (`is_cluster`) all nodes run what changes a table at the same place among all writes: nobody
    writes anything for as long as it runs.
    """
    rule = RULES[engine].get(part.what, UNKNOWN)
    if rule is UNKNOWN:
        return [Effect(part.what, part.table, rule)]
    is_there = not part.table or part.table in known
    if not is_there and part.what is not What.CREATE_TABLE:
        rule = _on_no_table(engine, part.what)
    elif is_cluster and part.what not in FILLED:
        holds = EVERYBODY if rule.holds is EVERYBODY else WRITERS
        rule = Rule(f"{rule.lock}; writes of the whole cluster wait", holds, rule.grows)
    others = [name for name in part.others if name in known and name != part.table]
    found = _on_others(engine, part.what)
    return [Effect(part.what, part.table, rule), *(Effect(part.what, name, found) for name in others if found)]


def _on_no_table(engine: str, what: What) -> Rule:
    """Return the rule for a table that is not there yet, so has no rows and nobody who uses it."""
    if what is What.DROP_TABLE:
        return ABSENT
    return FILE if engine == "SQLite" else NEW


def _on_others(engine: str, what: What) -> Rule | None:
    """Return the rule for a table that a part reads, or begins to refer to."""
    if engine == "SQLite":
        return None if what in REFERRING else FILE_OVER_ROWS
    if engine == "PostgreSQL":
        return {What.CREATE_TABLE: SHARE_ROW, What.ADD_FOREIGN_KEY: SHARE_ROW_OVER_ROWS}.get(what, READ)
    # These keep the rows that they copy from as they are until the end.
    return METADATA if what in REFERRING else ROWS
