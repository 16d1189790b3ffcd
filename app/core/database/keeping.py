"""Triggers, made by migrations, that keep the rows of a table as they were written, on each engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic import op

SENTENCE = "The journal is never changed."


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows stay: `same` are the columns that never change, `emptied` those that may become null.

    `keys` are the columns of its unique keys, the first one those of its primary key.
    """

    table: str
    same: Sequence[str]
    emptied: Sequence[str] = ()
    keys: Sequence[Sequence[str]] = (("id",),)


def keep(kept: Kept) -> None:
    """Make the triggers, from inside a migration."""
    make = {"sqlite": _sqlite, "mysql": _mysql, "postgresql": _postgresql}[op.get_context().dialect.name]
    for statement in make(kept):
        op.execute(statement)


def forget(table: str) -> None:
    """Remove what a dropped table leaves behind: its triggers went with it, PostgreSQL's function did not."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION keep_{table}()")


def _sqlite(kept: Kept) -> list[str]:
    table = kept.table
    same = " AND ".join(f'NEW."{name}" IS OLD."{name}"' for name in kept.same)
    empty = " AND ".join(f'(NEW."{name}" IS NULL OR NEW."{name}" IS OLD."{name}")' for name in kept.emptied)
    allowed = f"{same} AND {empty}" if empty else "0"
    refuse = f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
    alike = [" AND ".join(f"{name} = NEW.{name}" for name in key) for key in kept.keys]
    taken = " OR ".join([alike[0], *(f"({key})" for key in alike[1:])])
    return [
        f"CREATE TRIGGER keep_{table}_update BEFORE UPDATE ON {table} WHEN NOT ({allowed}) {refuse}",
        f"CREATE TRIGGER keep_{table}_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without the trigger above being asked.
        f"CREATE TRIGGER keep_{table}_replace BEFORE INSERT ON {table} "  # noqa: S608 names from a migration
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) {refuse}",
    ]


def _mysql(kept: Kept) -> list[str]:
    """Return triggers of one statement each: a client that runs printed SQL ends a statement at the first semicolon."""
    table, key = kept.table, kept.keys[0][0]
    # By their bytes: the collations take “A” for “a”, and “a ” for “a”.
    same = " AND ".join(f"HEX(NEW.`{name}`) <=> HEX(OLD.`{name}`)" for name in kept.same)
    empty = " AND ".join(f"(NEW.`{name}` IS NULL OR HEX(NEW.`{name}`) <=> HEX(OLD.`{name}`))" for name in kept.emptied)
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SENTENCE}'"
    # Without BEGIN and IF there is no SIGNAL under a condition, but two rows where one value is wanted are an error in
    # every mode; NULL where none is allowed would be 0 under IGNORE.
    update = f"SET NEW.{key} = IF({same} AND {empty}, NEW.{key}, (SELECT 1 UNION SELECT 2))" if empty else refuse
    return [
        f"CREATE TRIGGER keep_{table}_update BEFORE UPDATE ON {table} FOR EACH ROW {update}",
        f"CREATE TRIGGER keep_{table}_delete BEFORE DELETE ON {table} FOR EACH ROW {refuse}",
    ]


def _postgresql(kept: Kept) -> list[str]:
    table = kept.table
    same = " AND ".join(f'NEW."{name}" IS NOT DISTINCT FROM OLD."{name}"' for name in kept.same)
    # Of two JSON values PostgreSQL can't say whether they are equal, of two texts it can.
    empty = " AND ".join(
        f'(NEW."{name}" IS NULL OR NEW."{name}"::text IS NOT DISTINCT FROM OLD."{name}"::text)' for name in kept.emptied
    )
    allowed = f"{same} AND {empty}" if empty else "FALSE"
    return [
        f"CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' THEN IF {allowed} THEN RETURN NEW; END IF; END IF; "
        f"RAISE EXCEPTION '{SENTENCE}'; END $$",
        f"CREATE TRIGGER keep_{table}_rows BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION keep_{table}()",
        f"CREATE TRIGGER keep_{table}_all BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION keep_{table}()",
    ]
