"""Connections that give up on a server which stays silent; left alone, the drivers wait for ever or far too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Engine, event

Connect = Callable[[Dialect, Any, list[Any], dict[str, Any]], Any]
# The server ends a statement that takes too long by itself, and says so: that answer needs a moment to arrive.
GRACE_SECONDS = 5


def give_up_on_silence(engine: Engine, connect_seconds: int, statement_seconds: int | None) -> None:
    """Let connections of `engine` fail when the server says nothing for so long; None waits for ever."""
    connect = _postgresql(statement_seconds) if engine.dialect.name == "postgresql" else _mysql(connect_seconds)
    event.listen(engine, "do_connect", connect)


def _postgresql(seconds: int | None) -> Connect:
    # Here, because loading the driver takes a tenth of a second that an installation on SQLite need not spend.
    import psycopg
    from psycopg import errors

    class Connection(psycopg.Connection[Any]):
        """A connection that is closed when no answer came in time; libpq has a limit for connecting only."""

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is None and seconds is not None:
                timeout = seconds + GRACE_SECONDS
            try:
                return super().wait(gen, interval, timeout)
            except errors._WaitTimeout as error:
                self.pgconn.finish()  # an answer that still comes would be taken for that of the next statement
                raise psycopg.OperationalError("the server did not answer in time") from error

    def connect(_dialect: Dialect, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return Connection.connect(*arguments, **options)

    return connect


def _mysql(connect_seconds: int) -> Connect:
    def connect(dialect: Dialect, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        # PyMySQL's limit for connecting ends with the TCP handshake: the greeting after it, which a server in trouble
        # never sends, would be waited for as long as for a statement. And it would send a password in Latin-1.
        changed = {"read_timeout": connect_seconds, "password": (options.get("password") or "").encode()}
        connection = dialect.connect(*arguments, **{**options, **changed})
        connection._read_timeout = options.get("read_timeout")
        return connection

    return connect
