"""Putting a backup back: all tables are made anew, filled, and brought to this version."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app.core.backup import ground, migrating, tables
from app.core.backup.container import Backup, Unfit, broken
from app.core.backup.dumping import PART, ROWS, Progress
from app.core.backup.kinds import Field, Kind, reader
from app.core.backup.tables import UNFINISHED, VERSIONS, Stored
from app.core.chunks import chunks
from app.core.database import migration
from app.core.database.pending import is_known
from app.core.database.schema import HEAD
from app.core.problems import Problem
from app.core.querycache.versions import HALF_BITS
from app.extensions import db

TOKENS = "cache_versions"
TOKEN = (Field("name", Kind.TEXT), Field("high", Kind.INTEGER), Field("low", Kind.INTEGER))
BY_ITSELF = {
    "access_roles", "cache_uses", "cache_versions", "change_sets", "changes", "deployments", "grants", "job_leases",
    "jobs", "read_only", "schema_state", "seals", "search_words", "segments", "servers", "sign_in_throttles", "signs",
    "unarchived", "unsealed",
}  # fmt: skip
"""The tables that fill by themselves; a database with nothing in any other is an empty one."""
MOST_TOLD = 5


class Occupied(Problem):
    """The database holds something that may not go, or of which nobody said that it may."""


class HalfDone(Problem):
    """The restore broke off and left a database that is of no use; its cause is what broke it."""

    sentence = _l(
        "The restore broke off, and what the database held is gone: nothing serves from it, and nothing migrates it,"
        " until `flask --app run restore` is run again to its end."
    )


class Unclear(HalfDone):
    """Nobody answers who could tell whether anything was dropped; the next restore finds out."""

    sentence = _l(
        "The restore broke off, and the database does not tell whether what it held is gone: run"
        " `flask --app run restore` again once it answers, without `--replace`, which leaves alone what is still there."
    )


class NotMigrated(Problem):
    """The tables are those of the backup, and whole, but could not be brought to this version; its cause is why."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the number of rows of each table, and from which migration to which it was brought then."""

    rows: dict[str, int]
    revision: str
    head: str


def check(backup: Backup, progress: Callable[[str], None]) -> list[Stored]:
    """Read all of a backup and compare it with what its manifest, and its migration, say; return its tables.

    Raises Unfit. No database is touched.
    """
    told = backup.told
    with broken(backup.path, "what it tells of itself"):
        found, version, parts = str(told["revision"]), told["version"], {*backup.parts}
        wanted = {name: [tuple(one) for one in each["columns"]] for name, each in told["tables"].items()}
        next_ids = {name: each["next_id"] for name, each in told["tables"].items()}
        rows = [int(each["rows"]) for each in told["tables"].values()]
    if not is_known(found):
        raise Unfit(
            _l(
                "%(path)s was written by a newer Rollcall (%(version)s, migration %(revision)s): restore it with that"
                " version.",
                path=backup.path,
                version=version,
                revision=found,
            )
        )
    backup.check(progress)
    made = migrating.made_by(found)
    given = {name: {each[:2] for each in columns} for name, columns in wanted.items() if PART.format(name) in parts}
    lacking = [one.name for one in made if not one.shape <= given.get(one.name, set())]
    if lacking:
        names = ", ".join(lacking)
        raise Unfit(_l("%(path)s lacks what its migration makes (%(tables)s).", path=backup.path, tables=names))
    assert all(count >= 0 for count in rows)
    return [_in_file(one, wanted[one.name], next_ids[one.name]) for one in made]


def strangers(backup: Backup, parts: list[Stored]) -> list[str]:
    """Return the tables and columns of a checked backup that its migration does not make, and nobody puts back.

    A version that does not know the migration backs all up that is there, as it can't tell which are Rollcall's.
    """
    told = {name: [str(one[0]) for one in each["columns"]] for name, each in backup.told["tables"].items()}
    found = [f"{one.name}.{told[one.name][place]}" for one in parts for place in one.skipped]
    return sorted([*found, *({*told} - {one.name for one in parts})])


def restore(
    engine: Engine,
    backup: Backup,
    parts: list[Stored],
    *,
    is_replaced: bool,
    progress: Progress,
    is_as_it_was: bool = False,
) -> Restored:
    """Put the tables of a checked backup in the place of what the database holds, and bring them to this version.

    With `is_as_it_was` they stay at the backup's migration, for the version of then. Raises Occupied where what is
    there is not to go, HalfDone where the engine could not take all of it back, and NotMigrated.
    """
    revision = str(backup.told["revision"])
    head = revision if is_as_it_was else migration.head()
    assert head is not None
    with migration.only_one_at_a_time(engine) as connection:
        with _transaction(connection):
            gone = _removable(connection, is_replaced)
            _clear(connection, gone)
            with _telling_what_is_lost(connection):
                found = _fill(connection, backup, parts, progress)
            if ground.is_whole(connection):
                migrating.run(connection, head)
        if not ground.is_whole(connection):
            _bring_further(connection, revision, head)
    return Restored(found, revision, head)


def _in_file(one: Stored, columns: list[tuple[Any, ...]], next_id: int | None) -> Stored:
    """Return a table with its columns in the order in which the file has them."""
    fields = {field.name: field for field in one.fields}
    names = [str(each[0]) for each in columns]
    skipped = frozenset(place for place, name in enumerate(names) if name not in fields)
    return Stored(one.name, tuple(fields[name] for name in names if name in fields), one.key, next_id, skipped=skipped)


def _transaction(connection: Connection) -> AbstractContextManager[Any]:
    """Return the transaction that all of it is on engines that can; the others commit by steps."""
    return connection.begin() if ground.is_whole(connection) else nullcontext()


def _step(connection: Connection) -> None:
    """Commit what was done so far, where a restore is not one transaction."""
    if not ground.is_whole(connection):
        connection.commit()


@contextmanager
def _telling_what_is_lost(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # Ctrl-C, too
        if ground.is_whole(connection):
            raise
        raise HalfDone() from error


def _removable(connection: Connection, is_replaced: bool) -> set[str]:
    """Return the tables that are to go; raises Occupied where some may not."""
    present, found = tables.names(connection), tables.revision(connection)
    mine = present & {*db.metadata.tables}
    remains = ground.remains(connection)
    if found == UNFINISHED:
        found = _intact(connection, present)
        if found is None:
            return mine | remains
        ground.mark(connection, found)
    if found is None and mine:
        names = ", ".join(sorted(mine)[:MOST_TOLD])
        raise Occupied(
            _l(
                "The database has tables with our names (%(names)s) that no migration of ours made: name another one.",
                names=names,
            )
        )
    if found is not None:
        _refuse(connection, present, is_replaced)
    return mine | remains | ({VERSIONS} & present)


def _intact(connection: Connection, present: set[str]) -> str | None:
    """Return the migration of a database that is marked and still has all its tables; None for any other.

    A restore that is killed while it waits for whoever reads a table has dropped nothing, and people work on.
    """
    if tables.STATE not in present or ground.remains(connection):
        return None
    state = db.metadata.tables[tables.STATE].c
    newest = select(state.revision, state.oldest_code).order_by(state.number.desc()).limit(1)
    row = connection.execute(newest).first()
    if row is None or row.oldest_code == migrating.NEVER:
        return None
    made = {*db.metadata.tables}
    if is_known(row.revision):
        made = {one.name for one in migrating.made_by(row.revision)}
    return str(row.revision) if made <= present else None


def _refuse(connection: Connection, present: set[str], is_replaced: bool) -> None:
    state = tables.state(connection)
    unknown = present - {*db.metadata.tables, VERSIONS} if state.number > HEAD else None
    if unknown:
        raise Occupied(
            _l(
                "A newer Rollcall migrated this database (to %(revision)s), and this one does not know all of its"
                " tables (%(names)s): restore with the newer version, or into an empty database.",
                revision=state.revision,
                names=", ".join(sorted(unknown)[:MOST_TOLD]),
            )
        )
    if is_replaced:
        return
    counts = tables.counts(connection, sorted((present & {*db.metadata.tables}) - BY_ITSELF))
    filled = [f"{count:,} {name}" for name, count in counts.items() if count]
    if filled:
        raise Occupied(
            _l(
                "The database is not empty: it holds %(what)s, and was set up on %(since)s. `--replace` puts the"
                " backup in the place of all of it.",
                what=", ".join(filled),
                since=f"{state.since:%Y-%m-%d}" if state.since else "?",
            )
        )


def _clear(connection: Connection, gone: set[str]) -> None:
    """Drop the tables; where that can't be taken back, the database is marked before, unless none can be dropped.

    MySQL drops all or none where it has to wait for somebody who reads one of them.
    """
    if ground.is_whole(connection):
        ground.remove(connection, gone)
        return
    before = tables.revision(connection)
    ground.mark(connection)
    try:
        ground.remove(connection, gone - {VERSIONS})
        connection.commit()
    except BaseException as error:
        is_left = _is_left(connection, gone, before)
        if is_left:
            raise
        raise Unclear() if is_left is None else HalfDone() from error


def _is_left(connection: Connection, gone: set[str], before: str | None) -> bool | None:
    """Say whether no table was dropped, and take the mark back then; None where nobody can tell.

    What a lost connection asked for may still wait at the server: it is over when the lock of that connection is free.
    """
    try:
        if not connection.invalidated:
            connection.rollback()
            return _take_mark_back(connection, gone, before)
    except SQLAlchemyError:
        connection.invalidate()
    with suppress(SQLAlchemyError, SystemExit), migration.only_one_at_a_time(connection.engine) as fresh:
        return _take_mark_back(fresh, gone, before)
    return None


def _take_mark_back(connection: Connection, gone: set[str], before: str | None) -> bool:
    if before == UNFINISHED or not gone <= tables.names(connection):
        return False
    ground.mark(connection, before)
    return True


def _fill(connection: Connection, backup: Backup, parts: list[Stored], progress: Progress) -> dict[str, int]:
    """Make all tables anew and fill them; return how many rows each has."""
    is_whole = ground.is_whole(connection)
    with migrating.quietly():
        migrating.run(connection, str(backup.told["revision"]), VERSIONS if is_whole else ground.HIDDEN_VERSIONS)
    _step(connection)
    names = ground.hide(connection, [one.name for one in parts])
    _step(connection)
    with ground.unguarded(connection, names.values()):
        ground.empty(connection, names.values())
        for one in parts:
            _load(connection, backup, one, names[one.name], progress)
    counts = tables.counts(connection, names)
    _compare(backup, counts, ground.loose(connection, names))
    for one in parts:
        ground.set_next_id(connection, one, names[one.name])
    if TOKENS in names:
        _move_tokens(connection, names[TOKENS])
    _step(connection)
    ground.gather(connection, names.values())
    ground.show(connection, names)
    _step(connection)
    return counts


def _bring_further(connection: Connection, revision: str, head: str) -> None:
    """Migrate tables that are in their places already, on an engine that commits by steps."""
    try:
        migrating.run(connection, head)
        connection.commit()
    except BaseException as error:  # Ctrl-C, too
        words = _l(
            "The database is restored, as of migration %(revision)s, and could not be brought further: run"
            " `flask --app run migrate`.",
            revision=revision,
        )
        raise NotMigrated(words) from error


def _load(connection: Connection, backup: Backup, one: Stored, name: str, progress: Progress) -> None:
    part, count, row = PART.format(one.name), 0, reader(one.fields, one.skipped)
    statement = insert(one.clause(connection, name))
    for lines in chunks(backup.lines(part), ROWS):
        with broken(backup.path, part):
            rows = [row(line) for line in lines]
        connection.execute(statement, rows)
        _step(connection)
        count += len(rows)
        progress(one.name, count)


def _compare(backup: Backup, counts: dict[str, int], loose: str | None) -> None:
    told = backup.told["tables"]
    differing = sorted(name for name, count in counts.items() if told[name]["rows"] != count)
    if differing or loose:
        words = _l("The rows that are there now are not those of the backup (%(names)s).", names=loose or differing[0])
        raise Unfit(words)


def _move_tokens(connection: Connection, name: str) -> None:
    """Give all that may be cached new tokens, so that nothing which anybody kept is taken for what is there now.

    Those of the backup are of the same content, but maybe of another engine, which orders and rounds by its own rules.
    """
    tokens = Stored(TOKENS, TOKEN, ("id",)).clause(connection, name)
    groups = connection.scalars(select(tokens.c.name).distinct()).all()
    if groups:
        rows = [
            {"name": group, "high": secrets.randbits(HALF_BITS), "low": secrets.randbits(HALF_BITS)} for group in groups
        ]
        connection.execute(insert(tokens), rows)
