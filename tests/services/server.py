"""The handle of a running database server: its address, databases on it, and ways to make it fail."""

from __future__ import annotations

import signal
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool

from tests.services.process import signal_all, stop

HOST = "127.0.0.1"
# A C locale compares code point by code point, as the bootstrap script sets it up too.
SQL = {
    "MariaDB": {
        "create": "CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "drop": "DROP DATABASE IF EXISTS `{name}`",
        "connections": "SELECT id FROM information_schema.processlist WHERE db = :name AND id <> connection_id()",
        "kill": "KILL {id}",
    },
    "PostgreSQL": {
        "create": "CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
        "drop": 'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
        "connections": "SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()",
        "kill": "SELECT pg_terminate_backend({id})",
    },
}
DRIVERS = {"MariaDB": ("mysql+pymysql", "root", ""), "PostgreSQL": ("postgresql+psycopg", "postgres", "postgres")}


@dataclass
class Server:
    """A MariaDB, PostgreSQL, Redis or S3 server on 127.0.0.1.

    Only one that a test started for itself (`own_…`) has a `process` and can be paused, stopped and restarted; on the
    shared one that would break the tests beside this one.
    """

    tier: str
    port: int
    password: str
    host: str = HOST
    process: subprocess.Popen[bytes] | None = None
    begin: Callable[[], subprocess.Popen[bytes]] | None = None
    end_signal: signal.Signals = signal.SIGTERM

    @property
    def user(self) -> str:
        """The account that may do everything; Redis has none."""
        return DRIVERS[self.tier][1] if self.tier in DRIVERS else ""

    def admin_url(self, database: str | None = None, host: str | None = None, port: int | None = None) -> str:
        """Return the URL of a database (Redis: its number; S3: a bucket) for the account that may do everything."""
        return self.url(database, self.user, self.password, host, port)

    def url(
        self, database: str | None, user: str, password: str, host: str | None = None, port: int | None = None
    ) -> str:
        """Return the URL of a database for an account, by another address when a proxy stands in between."""
        host, port = host or self.host, port or self.port
        if self.tier == "Redis":
            return f"redis://:{password}@{host}:{port}/{database or 0}"
        if self.tier == "S3":  # it takes any keys
            return f"s3://ana:{password}@{database}?endpoint_url=http://{host}:{port}&region=us-east-1"
        driver, _, first = DRIVERS[self.tier]
        return URL.create(driver, user, password, host, port, database or first).render_as_string(hide_password=False)

    def execute(self, statement: str, database: str | None = None, **values: Any) -> list[Any]:
        """Run one statement as the account that may do everything, outside a transaction, and return its rows."""
        engine = create_engine(self.admin_url(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self.execute(SQL[self.tier]["create"].format(name=name))
        return self.admin_url(name)

    def create_bucket(self, name: str) -> str:
        """Make an empty bucket and return its URL."""
        request = urllib.request.Request(f"http://{self.host}:{self.port}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=20):
            return self.admin_url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database with everything in it, whoever is connected."""
        self.kill_connections(name)
        self.execute(SQL[self.tier]["drop"].format(name=name))

    def kill_connections(self, database: str) -> int:
        """Cut all connections to a database from the server's side; return how many there were."""
        sql = SQL[self.tier]
        ids = [row[0] for row in self.execute(sql["connections"], name=database)]
        for one in ids:
            try:
                self.execute(sql["kill"].format(id=one))
            except Exception as error:
                if "Unknown thread id" not in str(error):  # It hung up by itself meanwhile.
                    raise
        return len(ids)

    def pause(self) -> None:
        """Freeze the server: connections stay open, nothing answers."""
        signal_all(self._own(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        signal_all(self._own(), signal.SIGCONT)

    def stop(self) -> None:
        """Shut the server down in order."""
        stop(self._own(), self.end_signal)

    def crash(self) -> None:
        """End the server at once, as a power cut would."""
        signal_all(self._own(), signal.SIGKILL)
        self._own().wait()

    def start(self) -> None:
        """Start a server that was stopped or crashed, with its data and on its port."""
        self._own()
        assert self.begin is not None
        self.process = self.begin()

    def restart(self) -> None:
        """Shut the server down in order and start it again."""
        self.stop()
        self.start()

    def _own(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise RuntimeError(f"other tests use this {self.tier} server too: take own_{self.tier.lower()} instead")
        return self.process
