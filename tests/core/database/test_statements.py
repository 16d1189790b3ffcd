from __future__ import annotations

import pytest

from app.core.database.statements import Part, What, parts, title

KNOWN = [
    ("CREATE TABLE t (\n\tid INTEGER,\n CONSTRAINT fk FOREIGN KEY(a) REFERENCES p (id) ON DELETE CASCADE)",
     [Part(What.CREATE_TABLE, "t", ("p",))]),
    ("CREATE UNIQUE INDEX ix_t_a ON `t` (a);", [Part(What.ADD_INDEX, "t")]),
    ("CREATE INDEX CONCURRENTLY ix ON public.t (a)", [Part(What.ADD_INDEX_BESIDE, "t")]),
    ("DROP INDEX ix ON t", [Part(What.DROP_INDEX, "t")]),
    ("DROP INDEX ix", [Part(What.DROP_INDEX)]),
    ("DROP TABLE IF EXISTS \"T\"", [Part(What.DROP_TABLE, "t")]),
    ("ALTER TABLE t ADD COLUMN z VARCHAR(20) DEFAULT '' NOT NULL", [Part(What.ADD_COLUMN, "t")]),
    ("ALTER TABLE t ADD z TIMESTAMP DEFAULT CURRENT_TIMESTAMP(6)", [Part(What.ADD_COLUMN, "t")]),
    ("ALTER TABLE t ADD z UUID DEFAULT gen_random_uuid()", [Part(What.ADD_FILLED_COLUMN, "t")]),
    ("ALTER TABLE t ADD z INT AS (a + 1) STORED", [Part(What.ADD_FILLED_COLUMN, "t")]),
    ("ALTER TABLE t ADD z INT REFERENCES p (id)",
     [Part(What.ADD_COLUMN, "t"), Part(What.ADD_FOREIGN_KEY, "t", ("p",))]),
    ("ALTER TABLE t DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (kind IN ('a, b', 'c'))",
     [Part(What.DROP_CONSTRAINT, "t"), Part(What.ADD_CHECK, "t")]),
    ("ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY(a, b) REFERENCES p (id, c)",
     [Part(What.ADD_FOREIGN_KEY, "t", ("p",))]),
    ("ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID", [Part(What.ADD_UNCHECKED, "t")]),
    ("ALTER TABLE t VALIDATE CONSTRAINT ck", [Part(What.VALIDATE, "t")]),
    ("ALTER TABLE t ALTER COLUMN a TYPE BIGINT", [Part(What.CHANGE_COLUMN, "t")]),
    ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", [Part(What.FORBID_NULL, "t")]),
    ("ALTER TABLE t MODIFY a BIGINT NULL", [Part(What.CHANGE_COLUMN, "t")]),
    ("ALTER TABLE t RENAME COLUMN a TO b", [Part(What.RENAME_COLUMN, "t")]),
    ("ALTER TABLE t RENAME TO u", [Part(What.RENAME_TABLE, "t")]),
    ("CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW SIGNAL SQLSTATE '45000'", [Part(What.ADD_TRIGGER, "t")]),
    ("CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DROP TABLE t; END $$", [Part(What.ROUTINE)]),
    ("INSERT INTO t (a) VALUES ('SELECT a FROM u')", [Part(What.INSERT, "t")]),
    ("INSERT INTO t (a) SELECT a FROM u JOIN v ON true", [Part(What.INSERT_SELECT, "t", ("u", "v"))]),
    ("UPDATE t AS old SET a = 1", [Part(What.CHANGE_ROWS, "t")]),
    ("DELETE FROM t WHERE a IN (SELECT id FROM u)", [Part(What.CHANGE_ROWS, "t", ("u",))]),
    ("SET foreign_key_checks = 0", [Part(What.SETTING)]),
    ("-- only words\n", [Part(What.SETTING)]),
]  # fmt: skip
UNKNOWN = [
    "OPTIMIZE TABLE t",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE t ADD COLUMN a INT, ENGINE = Aria",
    "ALTER TABLE t ADD EXCLUDE USING gist (a WITH =)",
    "SET GLOBAL read_only = 1",
    "CREATE TABLE t AS SELECT * FROM u",
    "WITH old AS (SELECT 1) UPDATE t SET a = 1",
    "TRUNCATE t",
    "SELECT setval('t_id_seq', 1)",
    "LOCK TABLES t WRITE",
]


@pytest.mark.parametrize(("statement", "found"), KNOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_statement_does_is_told_by_table(statement: str, found: list[Part]) -> None:
    assert list(parts(statement)) == found


@pytest.mark.parametrize("statement", UNKNOWN)
def test_what_is_not_understood_is_unknown(statement: str) -> None:
    assert What.UNKNOWN in {part.what for part in parts(statement)}


def test_long_statement_has_a_short_title() -> None:
    assert title("UPDATE t\n  SET a = 1") == "UPDATE t SET a = 1"
    assert len(title("UPDATE t SET a = " + "1 + " * 99)) == 100
