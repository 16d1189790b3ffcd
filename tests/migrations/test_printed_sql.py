"""The printed SQL, run by each server's own client, makes the same schema as an upgrade."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import Connection, inspect, text

from app.core.database import migration
from app.extensions import db
from tests.applications import application
from tests.migrations.rows import contents, reflected
from tests.migrations.test_upgrades import FLASK, ROOT, environment
from tests.services.plugin import ProxiedDatabase
from tests.services.programs import program
from tests.services.server import Server


def described(connection: Connection) -> dict[str, Any]:
    """Return all that the database tells about its tables."""
    inspector = inspect(connection)
    told = (
        inspector.get_columns,
        inspector.get_pk_constraint,
        inspector.get_unique_constraints,
        inspector.get_check_constraints,
        inspector.get_foreign_keys,
        inspector.get_indexes,
        inspector.get_table_options,
    )
    return {name: [_plain(one(name)) for one in told] for name in sorted(reflected(connection))}


def _plain(told: Any) -> Any:
    return sorted(map(repr, told)) if isinstance(told, list) else repr(told)


def run_client(server: Server, database: str, statements: str) -> None:
    """Give SQL to the server's own command-line client, in a session of another time zone."""
    secrets = {**os.environ, "MYSQL_PWD": server.password, "PGPASSWORD": server.password, "PGTZ": "Asia/Tokyo"}
    address = [f"--host={server.host}", f"--port={server.port}"]
    if server.tier == "MariaDB":
        command = [program("MariaDB", 2), "--no-defaults", *address, "--user=root", database]
        statements = f"SET time_zone = '+09:00';\n{statements}"
    else:
        command = [program("PostgreSQL", 2), "-X", *address, "-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1", database]
    done = subprocess.run(command, input=statements, capture_output=True, text=True, env=secrets)
    assert done.returncode == 0, done.stderr


def test_printed_sql_makes_what_an_upgrade_makes(proxied_database: ProxiedDatabase, tmp_path: Path) -> None:
    # A URL without a server behind it: printing connects to nothing.
    nowhere = proxied_database.server.url("nothing", "nobody", "x", port=9)
    printed = subprocess.run(
        [*FLASK, "upgrade", "--sql"], cwd=ROOT, env=environment(nowhere, tmp_path), capture_output=True, text=True
    )
    assert printed.returncode == 0, printed.stderr
    by_hand = f"{proxied_database.name}_sql"
    url = proxied_database.server.create_database(by_hand)
    try:
        run_client(proxied_database.server, by_hand, printed.stdout)
        with application(url) as app, app.app_context():
            with db.engine.connect() as connection:
                printed_schema, printed_rows = described(connection), contents(connection)
                is_now = {"mysql": "UTC_TIMESTAMP()", "postgresql": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"}
                newest = connection.execute(text("SELECT MAX(applied_at) FROM schema_state")).scalar_one()
                now = connection.execute(text(f"SELECT {is_now[connection.dialect.name]}")).scalar_one()
                assert abs((now - newest).total_seconds()) < 3600, "the moment of a migration is not in UTC"
            assert migration.current() == migration.head()
            upgrade()  # finds nothing to do
    finally:
        proxied_database.server.drop_database(by_hand)
    with application(proxied_database.direct_url) as app, app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            assert described(connection) == printed_schema
            assert contents(connection) == printed_rows
