"""What bringing the database up to date would do, and whether the version that runs now may go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, column, func, inspect, select, table, text

from app.core.clock import now
from app.core.columns import UtcDateTime
from app.core.database import migration, server
from app.core.database.locks import Effect, Holds, effects
from app.core.database.pending import Pending, is_known, pending
from app.core.database.schema import HEAD, SchemaState
from app.core.database.sizes import Size, sizes
from app.core.database.statements import parts, title
from app.extensions import db

# On common hardware an engine copies or looks through so many rows in about a second, which requests can wait for.
MANY_ROWS = 100_000
SEEN_WITHIN = timedelta(minutes=3)
# By name, not as models: the table may not be there yet, or no more be what this code knows.
SERVERS = table("servers", column("host"), column("knows"), column("at", UtcDateTime()))


class Verdict(StrEnum):
    """What a deployment has to know."""

    NOTHING = "nothing pending"
    MAY_GO_ON = "the running version may go on"
    DOWNTIME = "needs downtime"


@dataclass(frozen=True, slots=True)
class Running:
    """The oldest code that runs now: the number of the newest migration that it knows, and on which hosts.

    Without hosts nobody was seen, and code is assumed that knows all that was applied.
    """

    number: int
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A statement, and what it means for tables that are there."""

    sql: str
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A pending migration with its statements."""

    pending: Pending
    statements: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it; `reasons` are sentences that say why it needs downtime."""

    engine: str
    before: str | None
    after: str | None
    running: Running | None
    steps: tuple[Step, ...]
    sizes: Mapping[str, Size]
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Say in one what it comes to."""
        if not self.steps:
            return Verdict.NOTHING
        return Verdict.DOWNTIME if self.reasons else Verdict.MAY_GO_ON

    def size_of(self, effect: Effect) -> Size:
        """Return the size of the table that an effect is about; of one that is not there, none."""
        return self.sizes.get(effect.table, Size(0, 0) if effect.table else Size(None, None))


class TooNew(Exception):
    """A newer version migrated the database, and this one can't work with it any more."""


def report() -> Report:
    """Look at the database, and return what an upgrade would do; raises TooNew. Needs an application context."""
    before = migration.current()
    with db.engine.connect() as connection:
        engine, is_cluster = server.title(connection), _is_cluster(connection)
        if before is not None and not is_known(before):
            _refuse_where_too_new(connection, before)
            return Report(engine, before, before, None, (), {}, ())
        running = _running(connection) if before is not None else None
        found = sizes(connection)
    steps = tuple(_step(one, engine.partition(" ")[0], found, is_cluster) for one in pending(before))
    reasons = tuple(_reasons(steps, running, found)) if running else ()
    return Report(engine, before, migration.head(), running, steps, found, reasons)


def as_json(told: Report) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "engine": told.engine,
        "from": told.before,
        "to": told.after,
        "running": asdict(told.running) if told.running else None,
        "migrations": [_step_as_json(told, step) for step in told.steps],
        "verdict": str(told.verdict),
        "reasons": list(told.reasons),
    }


def _step_as_json(told: Report, step: Step) -> dict[str, Any]:
    one = step.pending
    return {
        "number": one.revision,
        "title": one.title,
        "oldest_code": one.oldest_code,
        "read_only": one.is_read_only,
        "trouble": one.trouble or None,
        "statements": [
            {
                "sql": statement.sql,
                "effects": [
                    {
                        "does": str(effect.what),
                        "table": effect.table or None,
                        "lock": effect.rule.lock,
                        "waiting": str(effect.rule.holds),
                        "longer_with_rows": effect.rule.grows,
                        "rows": told.size_of(effect).rows,
                        "bytes": told.size_of(effect).size,
                    }
                    for effect in statement.effects
                ],
            }
            for statement in step.statements
        ],
    }


def hosts_seen(connection: Connection) -> dict[str, int]:
    """Return the hosts that were seen lately, each with the oldest code on it; none where no version notes them yet."""
    if not inspect(connection).has_table(SERVERS.name):
        return {}
    told = SERVERS.c
    query = select(told.host, func.min(told.knows)).where(told.at > now() - SEEN_WITHIN).group_by(told.host)
    return {str(host): int(knows) for host, knows in connection.execute(query)}


def _running(connection: Connection) -> Running:
    seen = hosts_seen(connection)
    if not seen:
        return Running(int(connection.execute(select(func.max(SchemaState.number))).scalar() or 0))
    oldest = min(seen.values())
    return Running(oldest, tuple(sorted(host for host, knows in seen.items() if knows == oldest)))


def _refuse_where_too_new(connection: Connection, before: str) -> None:
    newest = select(SchemaState.oldest_code).order_by(SchemaState.number.desc()).limit(1)
    if (connection.execute(newest).scalar() or 0) > HEAD:
        raise TooNew(
            f"The database was migrated by a newer Rollcall (to {before}), with which this one can't work: deploy the "
            "newer one, or put a backup from before that migration back."
        )


def _is_cluster(connection: Connection) -> bool:
    """Say whether this is a node of a Galera cluster."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return False
    found = connection.execute(text("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'")).first()
    return bool(found and found[1] == "ON")


def _step(one: Pending, engine: str, found: Mapping[str, Size], is_cluster: bool) -> Step:
    told = []
    for sql in one.statements:
        does = (effect for part in parts(sql) for effect in effects(engine, part, found, is_cluster=is_cluster))
        told.append(Told(sql, tuple(does)))
    return Step(one, tuple(told))


def shuts_out(told: Report) -> Iterator[str]:
    """Yield a sentence for each migration after which code that runs now could not go on."""
    if told.running:
        yield from _shuts_out(told.steps, told.running)


def _shuts_out(steps: tuple[Step, ...], running: Running) -> Iterator[str]:
    for step in steps:
        one = step.pending
        if one.trouble:
            yield f"What {one.revision} does can’t be told beforehand ({one.trouble})."
        elif one.oldest_code is None:
            yield f"{one.revision} does not say which code may run after it (note_revision)."
        elif one.oldest_code > running.number:
            where = f" (on {', '.join(running.hosts)})" if running.hosts else ""
            yield f"{one.revision} shuts out code older than {one.oldest_code}, and {running.number} runs now{where}."


def _reasons(steps: tuple[Step, ...], running: Running, found: Mapping[str, Size]) -> Iterator[str]:
    yield from _shuts_out(steps, running)
    for step in steps:
        one = step.pending
        for statement in step.statements:
            if any(effect.is_unknown for effect in statement.effects):
                yield f"{one.revision} runs what is not known to this report: {title(statement.sql)}"
        yield from _waits(step, found)


def _waits(step: Step, found: Mapping[str, Size]) -> Iterator[str]:
    """Say who would wait for longer than a request can.

    PostgreSQL and SQLite keep each lock until the migration ends, so there a short one lasts as long as the longest
    after it; saying so for all engines is right for some and a warning for the others.
    """
    all_effects = [effect for statement in step.statements for effect in statement.effects if not effect.is_unknown]
    if not any(_is_long(effect, found) for effect in all_effects):
        return
    told = {Holds.WRITERS: "who writes to", Holds.EVERYBODY: "everybody who uses"}
    for holds, who in told.items():
        if holds is Holds.WRITERS and step.pending.is_read_only:
            continue  # they are told instead of kept waiting
        waited = [effect for effect in all_effects if effect.rule.holds is holds and effect.table in found]
        names = dict.fromkeys(effect.table for effect in waited if _lasts(effect, all_effects, found))
        for name in names:
            rows = found[name].rows
            yield (
                f"{step.pending.revision} keeps {who} {name} waiting while it goes through many rows"
                f"{f' (about {rows:,})' if rows is not None else ''}."
            )


def _lasts(effect: Effect, all_effects: list[Effect], found: Mapping[str, Size]) -> bool:
    """Say whether a lock is kept for long: by itself, or because the transaction goes on."""
    if _is_long(effect, found):
        return True
    after = all_effects[all_effects.index(effect) + 1 :]
    return db.engine.dialect.name != "mysql" and any(_is_long(later, found) for later in after)


def _is_long(effect: Effect, found: Mapping[str, Size]) -> bool:
    size = found.get(effect.table)
    return effect.rule.grows and size is not None and (size.rows is None or size.rows >= MANY_ROWS)
