"""The rules of the migration report, held against what the engines themselves accept and lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.core.database.locks import ABSENT, MARIADB, MYSQL, NEW, POSTGRESQL, READ, SQLITE, Holds, effects
from app.core.database.statements import Part, What, parts
from tests.services.server import Server

TABLES = (
    "CREATE TABLE p (id INT PRIMARY KEY)",
    "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT, n INT NOT NULL,"
    " CONSTRAINT ck CHECK (a > 0), CONSTRAINT fk FOREIGN KEY (b) REFERENCES p (id))",
    "CREATE INDEX ix ON t (c)",
)
ON_MARIADB = [
    "ALTER TABLE t ADD INDEX i (a)",
    "ALTER TABLE t DROP INDEX ix",
    "ALTER TABLE t ADD COLUMN z VARCHAR(20) NOT NULL DEFAULT ''",
    "ALTER TABLE t ADD COLUMN z DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
    "ALTER TABLE t ADD COLUMN z VARCHAR(36) NOT NULL DEFAULT (uuid())",
    "ALTER TABLE t ADD COLUMN z INT AS (a + 1) STORED",
    "ALTER TABLE t DROP COLUMN c",
    "ALTER TABLE t MODIFY a BIGINT",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 3",
    "ALTER TABLE t RENAME COLUMN n TO m",
    "ALTER TABLE t ADD CONSTRAINT more CHECK (a < 9)",
    "ALTER TABLE t DROP CONSTRAINT ck",
    "ALTER TABLE t ADD CONSTRAINT more FOREIGN KEY (a) REFERENCES p (id)",
    "ALTER TABLE t DROP FOREIGN KEY fk",
    "ALTER TABLE t ADD CONSTRAINT more UNIQUE (a)",
    "ALTER TABLE u ADD PRIMARY KEY (a)",
    "ALTER TABLE t DROP PRIMARY KEY",
]
ON_POSTGRESQL = [
    "ALTER TABLE t ADD COLUMN z VARCHAR(20) NOT NULL DEFAULT ''",
    "ALTER TABLE t ADD COLUMN z UUID DEFAULT gen_random_uuid()",
    "ALTER TABLE t DROP COLUMN c",
    "ALTER TABLE t ALTER COLUMN a TYPE BIGINT",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN n DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 3",
    "ALTER TABLE t RENAME COLUMN n TO m",
    "ALTER TABLE t RENAME TO renamed",
    "ALTER TABLE t ADD CONSTRAINT more CHECK (a < 9)",
    "ALTER TABLE t ADD CONSTRAINT more CHECK (a < 9) NOT VALID",
    "ALTER TABLE t VALIDATE CONSTRAINT late",
    "ALTER TABLE t DROP CONSTRAINT ck",
    "ALTER TABLE t DROP CONSTRAINT fk",
    "ALTER TABLE t ADD CONSTRAINT more FOREIGN KEY (a) REFERENCES p (id)",
    "ALTER TABLE t ADD CONSTRAINT more UNIQUE (a)",
    "ALTER TABLE t DROP CONSTRAINT pk, ADD PRIMARY KEY (n)",
    "CREATE INDEX i ON t (a)",
    "DROP TABLE t",
    "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP TRIGGER gone ON t",
    "INSERT INTO t (id, n) SELECT id, id FROM p",
    "UPDATE t SET a = 1",
    "DELETE FROM t WHERE a IN (SELECT id FROM p)",
]
STRENGTH = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
KINDER = {"INSTANT": None, "NOCOPY": "INSTANT", "INPLACE": "NOCOPY", "COPY": "INPLACE"}


@contextmanager
def connected(server: Server) -> Iterator[Connection]:
    server.drop_database("locks")
    engine = create_engine(server.create_database("locks"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    server.drop_database("locks")


def test_mariadb_does_it_as_the_rules_say(mariadb_server: Server) -> None:
    with connected(mariadb_server) as connection:
        for statement in ON_MARIADB:
            for table in ("t", "p", "u"):
                connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
            for make in (*TABLES, "CREATE TABLE u (a INT NOT NULL)"):
                connection.execute(text(make))
            said = {effects("MariaDB", part, {"t", "u", "p"})[0].rule.lock for part in parts(statement)}
            (lock,) = said
            algorithm, _, locking = lock.partition(", ")
            if kinder := KINDER[algorithm]:
                with pytest.raises(DBAPIError, match=f"ALGORITHM={kinder} is not supported"):
                    connection.execute(text(f"{statement}, ALGORITHM={kinder}"))
            connection.execute(text(f"{statement}, ALGORITHM={algorithm}, {locking or 'LOCK=NONE'}"))


def test_postgresql_locks_as_the_rules_say(postgresql_server: Server) -> None:
    with connected(postgresql_server) as connection:
        for make in TABLES:
            connection.execute(text(make))
        connection.execute(text("ALTER TABLE t RENAME CONSTRAINT t_pkey TO pk"))
        connection.execute(text("ALTER TABLE t ADD CONSTRAINT late CHECK (a < 99) NOT VALID"))
        redundant = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        connection.execute(text(f"CREATE TRIGGER gone BEFORE UPDATE ON t FOR EACH ROW {redundant}"))
        connection.commit()
        oids = {name: connection.scalar(text(f"SELECT '{name}'::regclass::oid")) for name in ("t", "p")}
        connection.rollback()
        for statement in ON_POSTGRESQL:
            connection.execute(text(statement))
            said = [one for part in parts(statement) for one in effects("PostgreSQL", part, oids)]
            is_on_both = any("also on tables" in one.rule.lock for one in said)
            for table, oid in oids.items():
                if table == "p" and is_on_both:  # which the statement does not name
                    continue
                expected = _strongest([one.rule.lock for one in said if one.table == table])
                assert _held(connection, oid) == expected, f"{statement}: on {table}"
            connection.rollback()


def _held(connection: Connection, oid: int) -> str:
    query = text("SELECT mode FROM pg_locks WHERE relation = :oid AND pid = pg_backend_pid()")
    modes = [str(mode).removesuffix("Lock") for mode in connection.scalars(query, {"oid": oid})]
    return _strongest(["".join(f" {c}" if c.isupper() else c for c in mode).strip().upper() for mode in modes])


def _strongest(locks: list[str]) -> str:
    """Return the strongest of them; what only reads takes the weakest."""
    plain = ["ACCESS SHARE" if lock == READ.lock else lock.partition(",")[0] for lock in locks]
    return max(plain, key=STRENGTH.index, default="")


def test_table_that_is_new_or_not_there_keeps_nobody_waiting() -> None:
    assert effects("MariaDB", Part(What.ADD_CHECK, "new"), {"t"})[0].rule is NEW
    assert effects("MariaDB", Part(What.DROP_TABLE, "new"), {"t"})[0].rule is ABSENT
    assert effects("SQLite", Part(What.ADD_INDEX, "new"), {"t"})[0].rule.holds is Holds.WRITERS


def test_whole_cluster_waits_for_what_changes_a_table() -> None:
    (effect,) = effects("MariaDB", Part(What.ADD_INDEX, "t"), {"t"}, is_cluster=True)
    assert (effect.rule.holds, effect.rule.grows) == (Holds.WRITERS, True)
    assert "cluster" in effect.rule.lock
    (effect,) = effects("MariaDB", Part(What.ADD_TRIGGER, "t"), {"t"}, is_cluster=True)
    assert effect.rule.holds is Holds.EVERYBODY
    (effect,) = effects("MariaDB", Part(What.INSERT, "t"), {"t"}, is_cluster=True)
    assert effect.rule.holds is Holds.NOBODY


@pytest.mark.parametrize("engine", ["MariaDB", "MySQL", "PostgreSQL", "SQLite"])
def test_what_no_rule_is_about_is_unknown(engine: str) -> None:
    rules = {"MariaDB": MARIADB, "MySQL": MYSQL, "PostgreSQL": POSTGRESQL, "SQLite": SQLITE}[engine]
    assert What.UNKNOWN not in rules
    for what in set(What) - set(rules):
        (effect,) = effects(engine, Part(what, "t"), {"t"})
        assert effect.is_unknown
