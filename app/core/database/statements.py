"""What a statement of a migration does, and to which tables; what is not understood is said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """One thing that a statement does."""

    CREATE_TABLE = "create table"
    DROP_TABLE = "drop table"
    RENAME_TABLE = "rename table"
    ADD_INDEX = "add index"
    ADD_INDEX_BESIDE = "add index concurrently"
    DROP_INDEX = "drop index"
    ADD_COLUMN = "add column"
    ADD_FILLED_COLUMN = "add computed column"
    DROP_COLUMN = "drop column"
    CHANGE_COLUMN = "change column"
    FORBID_NULL = "forbid null"
    ALLOW_NULL = "allow null"
    CHANGE_DEFAULT = "change default"
    RENAME_COLUMN = "rename column"
    ADD_CHECK = "add check"
    ADD_FOREIGN_KEY = "add foreign key"
    ADD_UNIQUE = "add unique key"
    ADD_PRIMARY_KEY = "add primary key"
    ADD_UNCHECKED = "add constraint without looking at rows"
    VALIDATE = "validate constraint"
    DROP_CONSTRAINT = "drop constraint"
    DROP_FOREIGN_KEY = "drop foreign key"
    DROP_PRIMARY_KEY = "drop primary key"
    ADD_TRIGGER = "add trigger"
    DROP_TRIGGER = "drop trigger"
    ROUTINE = "function"
    INSERT = "insert rows"
    INSERT_SELECT = "insert rows from a query"
    CHANGE_ROWS = "change rows"
    SETTING = "setting of the session"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a statement does to a table; `others` are the tables that it reads, or begins to refer to."""

    what: What
    table: str = ""
    others: tuple[str, ...] = ()


NAME = r"([\w.$]+)"
IF = r"(?:IF (?:NOT )?EXISTS )?"
# A literal, a comment, a body between dollars: what is in them is no keyword.
LITERAL = re.compile(r"'(?:[^'\\]|''|\\.)*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
REFERENCES = re.compile(rf"\bREFERENCES {NAME}", re.IGNORECASE)
READ = re.compile(rf"\b(?:FROM|JOIN) {NAME}", re.IGNORECASE)
# A column that each row has a value of its own for has to be written row by row.
COMPUTED = re.compile(
    r"\b(STORED|PERSISTENT|AUTO_INCREMENT|(?:BIG|SMALL)?SERIAL|DEFAULT \(?(?:\w+\.)?\w+ ?\()", re.IGNORECASE
)
QUICK_DEFAULT = re.compile(r"\bDEFAULT \(?(?:CURRENT_TIMESTAMP|NOW|UTC_TIMESTAMP) ?\(", re.IGNORECASE)

# Of each clause of an ALTER TABLE, the first that fits.
CLAUSES: tuple[tuple[str, What], ...] = (
    (r"ADD (?:CONSTRAINT \w+ )?(?:CHECK|FOREIGN KEY)\b.* NOT VALID$", What.ADD_UNCHECKED),
    (r"ADD (?:CONSTRAINT \w+ )?(?:UNIQUE|PRIMARY KEY) USING INDEX\b", What.ADD_UNCHECKED),
    (rf"ADD (?:CONSTRAINT {IF}\w+ )?CHECK\b", What.ADD_CHECK),
    (rf"ADD (?:CONSTRAINT {IF}\w+ )?FOREIGN KEY\b", What.ADD_FOREIGN_KEY),
    (rf"ADD (?:CONSTRAINT {IF}\w+ )?UNIQUE\b", What.ADD_UNIQUE),
    (rf"ADD (?:CONSTRAINT {IF}\w+ )?PRIMARY KEY\b", What.ADD_PRIMARY_KEY),
    (r"ADD (?:INDEX|KEY)\b", What.ADD_INDEX),
    (r"ADD (?:CONSTRAINT|FULLTEXT|SPATIAL|PERIOD|SYSTEM|PARTITION|EXCLUDE)\b", What.UNKNOWN),
    (r"ADD \(", What.UNKNOWN),
    (r"ADD ", What.ADD_COLUMN),
    (r"DROP PRIMARY KEY$", What.DROP_PRIMARY_KEY),
    (r"DROP FOREIGN KEY\b", What.DROP_FOREIGN_KEY),
    (r"DROP (?:CONSTRAINT|CHECK)\b", What.DROP_CONSTRAINT),
    (r"DROP (?:INDEX|KEY)\b", What.DROP_INDEX),
    (r"DROP (?:PARTITION|SYSTEM|PERIOD)\b", What.UNKNOWN),
    (r"DROP ", What.DROP_COLUMN),
    (r"ALTER (?:COLUMN )?\w+ (?:SET DEFAULT|DROP DEFAULT)\b", What.CHANGE_DEFAULT),
    (r"ALTER (?:COLUMN )?\w+ SET NOT NULL$", What.FORBID_NULL),
    (r"ALTER (?:COLUMN )?\w+ DROP NOT NULL$", What.ALLOW_NULL),
    (r"ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b", What.CHANGE_COLUMN),
    (r"(?:MODIFY|CHANGE) ", What.CHANGE_COLUMN),
    (r"VALIDATE CONSTRAINT\b", What.VALIDATE),
    (r"RENAME (?:INDEX|KEY|CONSTRAINT)\b", What.RENAME_COLUMN),
    (r"RENAME COLUMN\b", What.RENAME_COLUMN),
    (r"RENAME (?:TO|AS) ", What.RENAME_TABLE),
    (r"RENAME \w+ TO ", What.RENAME_COLUMN),
)


def parts(statement: str) -> tuple[Part, ...]:
    """Return what a statement does, in order; at least one, which may be unknown."""
    words = _plain(statement)
    if not words:
        return (Part(What.SETTING),)
    for pattern, make in STATEMENTS:
        if found := re.match(pattern, words, re.IGNORECASE):
            return tuple(make(found, words))
    return (Part(What.UNKNOWN),)


def title(statement: str) -> str:
    """Return the statement in one short line."""
    line = " ".join(statement.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


def _plain(statement: str) -> str:
    """Return the statement in one line, with nothing in its literals, and names without their quotes."""
    text = LITERAL.sub(lambda found: "''" if found[0].startswith(("'", "$")) else " ", statement)
    return " ".join(re.sub(r"[`\"]", "", text).rstrip("; \n\t").split())


def _one(what: What) -> Callable[[re.Match[str], str], Iterator[Part]]:
    """Return a maker of the one part whose table the pattern found."""

    def make(found: re.Match[str], words: str) -> Iterator[Part]:
        del words
        yield Part(what, _name(found[1] or "") if found.re.groups else "")

    return make


def _create_table(found: re.Match[str], words: str) -> Iterator[Part]:
    """Yield the new table, and what it is filled from where it is."""
    table = _name(found[1])
    if re.search(r"\bSELECT\b", words, re.IGNORECASE):
        yield Part(What.UNKNOWN, table, _names(READ, words))
    yield Part(What.CREATE_TABLE, table, _names(REFERENCES, words, besides=table))


def _alter_table(found: re.Match[str], words: str) -> Iterator[Part]:
    table = _name(found[1])
    for clause in _clauses(words[found.end() :]):
        what = next((what for pattern, what in CLAUSES if re.match(pattern, clause, re.IGNORECASE)), What.UNKNOWN)
        others = _names(REFERENCES, clause, besides=table)
        if what is What.ADD_COLUMN:
            yield from _column(table, clause, others)
        else:
            yield Part(what, table, others)


def _column(table: str, clause: str, others: tuple[str, ...]) -> Iterator[Part]:
    """Yield a new column, and the constraints that its definition brings along."""
    is_computed = COMPUTED.search(clause) and not QUICK_DEFAULT.search(clause)
    yield Part(What.ADD_FILLED_COLUMN if is_computed else What.ADD_COLUMN, table)
    for pattern, what in (
        (r"\bCHECK ?\(", What.ADD_CHECK),
        (r"\bREFERENCES\b", What.ADD_FOREIGN_KEY),
        (r"\bUNIQUE\b", What.ADD_UNIQUE),
        (r"\bPRIMARY KEY\b", What.ADD_PRIMARY_KEY),
    ):
        if re.search(pattern, clause, re.IGNORECASE):
            yield Part(what, table, others if what is What.ADD_FOREIGN_KEY else ())


def _clauses(text: str) -> list[str]:
    """Return the clauses between the commas that are in no brackets."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
    return [clause.strip() for clause in (*found, text[start:])]


def _insert(found: re.Match[str], words: str) -> Iterator[Part]:
    table = _name(found[1])
    if re.search(r"\bSELECT\b", words, re.IGNORECASE):
        yield Part(What.INSERT_SELECT, table, _names(READ, words))
    else:
        yield Part(What.INSERT, table)


def _change_rows(found: re.Match[str], words: str) -> Iterator[Part]:
    table = _name(found[1])
    yield Part(What.CHANGE_ROWS, table, _names(READ, words, besides=table))


def _names(pattern: re.Pattern[str], words: str, besides: str = "") -> tuple[str, ...]:
    """Return the tables that the pattern finds, each once."""
    found = (_name(name) for name in pattern.findall(words))
    return tuple(dict.fromkeys(name for name in found if name != besides))


def _name(text: str) -> str:
    """Return a table's name without its schema."""
    return text.rpartition(".")[2].lower()


STATEMENTS: tuple[tuple[str, Callable[[re.Match[str], str], Iterator[Part]]], ...] = (
    (rf"CREATE TABLE {IF}{NAME}", _create_table),
    (rf"DROP TABLE {IF}{NAME}(?: CASCADE| RESTRICT)?$", _one(What.DROP_TABLE)),
    (rf"RENAME TABLE {NAME} TO \S+$", _one(What.RENAME_TABLE)),
    (rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY {IF}\S+ ON (?:ONLY )?{NAME}", _one(What.ADD_INDEX_BESIDE)),
    (rf"CREATE (?:UNIQUE )?INDEX {IF}\S+ ON (?:ONLY )?{NAME}", _one(What.ADD_INDEX)),
    (rf"DROP INDEX (?:CONCURRENTLY )?{IF}\S+(?: ON {NAME})?$", _one(What.DROP_INDEX)),
    (rf"ALTER TABLE {IF}(?:ONLY )?{NAME} ", _alter_table),
    (rf"CREATE (?:OR REPLACE )?TRIGGER {IF}\S+ .*? ON {NAME} ", _one(What.ADD_TRIGGER)),
    (rf"DROP TRIGGER {IF}\S+(?: ON {NAME})?$", _one(What.DROP_TRIGGER)),
    (r"(?:CREATE (?:OR REPLACE )?|DROP )FUNCTION ", _one(What.ROUTINE)),
    (rf"INSERT (?:IGNORE )?INTO {NAME}", _insert),
    (rf"UPDATE (?:ONLY )?{NAME} (?:AS )?(?:\w+ )?SET ", _change_rows),
    (rf"DELETE FROM (?:ONLY )?{NAME}", _change_rows),  # noqa: S608 a pattern, run nowhere
    (r"SET (?!GLOBAL|PERSIST)", _one(What.SETTING)),
)
