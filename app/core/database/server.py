"""What can be told of the database server itself: what it is, what its clock shows, how much it holds."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from app.core.clock import now

CLOCK = {"mysql": "SELECT UTC_TIMESTAMP(6)", "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'"}
# Five seconds take a lease of thirty as long to run out somewhere else; a time server keeps clocks within one.
CLOCK_SECONDS = 5


def title(connection: Connection) -> str:
    """Return product and version, as the driver learned them when it connected."""
    dialect = connection.dialect
    if dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    is_mariadb = getattr(dialect, "is_mariadb", False)
    name = "MariaDB" if is_mariadb else {"mysql": "MySQL", "postgresql": "PostgreSQL"}[dialect.name]
    numbers = [str(part) for part in getattr(dialect, "server_version_info", None) or () if isinstance(part, int)]
    return f"{name} {'.'.join(numbers[:3])}".strip()


def seconds_ahead(connection: Connection) -> float | None:
    """Return how far the server's clock is ahead of this machine's; None where they are the same clock."""
    query = CLOCK.get(connection.dialect.name)
    if query is None:
        return None
    before = now()
    theirs: datetime = connection.execute(text(query)).scalar_one()
    return (theirs.replace(tzinfo=UTC) - before - (now() - before) / 2).total_seconds()


def size(connection: Connection) -> int | None:
    """Return how many bytes the database takes; None where finding out would cost a look at every table."""
    if connection.dialect.name == "sqlite":
        file = Path(connection.engine.url.database or "")
        logs = [file.with_name(f"{file.name}-wal")]
        return sum(one.stat().st_size for one in (file, *logs) if one.is_file())
    if connection.dialect.name == "postgresql":
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return None
