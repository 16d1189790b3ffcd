from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.core.database.diagnosis import Fault, diagnose, fault
from app.extensions import db
from tests.applications import application
from tests.services.process import free_port
from tests.services.server import Server

TIERS = ("MariaDB", "PostgreSQL")


@pytest.fixture(params=TIERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param.lower()}_server")
    return found


@pytest.fixture
def limited(server: Server) -> Iterator[tuple[str, str]]:
    """Give the URL of a new database for an account that may only read and write rows, and the account's name."""
    name, user = f"diagnosis_{os.getpid()}", f"limited_{os.getpid()}"
    server.create_database(name)
    if server.tier == "MariaDB":
        server.execute(f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY 'p@ss'")
        server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO '{user}'@'127.0.0.1'")
    else:
        server.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'p@ss'")
    yield server.url(name, user, "p@ss"), user
    server.drop_database(name)
    server.execute(f"DROP USER '{user}'@'127.0.0.1'" if server.tier == "MariaDB" else f"DROP ROLE {user}")


@contextmanager
def failing(url: str, statement: str = "SELECT 1") -> Iterator[SQLAlchemyError]:
    """Give the error that a statement at this URL ends with, within an application context."""
    with application(url) as app, app.app_context():
        try:
            with db.engine.connect() as connection:
                connection.execute(text(statement))
        except SQLAlchemyError as error:
            yield error
        else:
            pytest.fail("nothing failed")


def told(url: str, statement: str = "SELECT 1") -> tuple[Fault, str]:
    with failing(url, statement) as error:
        sentence = diagnose(error)
    password = make_url(url).password
    assert password is None or str(password) not in sentence
    assert "\n" not in sentence
    return fault(error), sentence


def test_database_that_is_not_there_is_named(server: Server) -> None:
    meaning, sentence = told(server.admin_url("missing"))
    script = "bootstrap-mariadb.sql" if server.tier == "MariaDB" else "bootstrap-postgresql.sql"
    assert meaning is Fault.NOT_CREATED
    assert f"The database server at 127.0.0.1:{server.port} has no database “missing”" in sentence
    assert f"scripts/{script}" in sentence
    assert (Path(__file__).parents[2] / "scripts" / script).is_file()


def test_wrong_password_is_told_from_a_server_that_is_down(server: Server) -> None:
    refused, sentence = told(server.url(None, server.user, "wrong-p@ss"))
    assert refused is Fault.REFUSED
    assert f"refuses the user “{server.user}”" in sentence
    assert "%40" in sentence
    unreachable, sentence = told(server.url(None, server.user, "wrong-p@ss", port=free_port()))
    assert unreachable is Fault.UNREACHABLE
    assert "can't be reached" in sentence
    assert "refused" in sentence  # the driver's own words tell a refused connection from a name or a certificate


def test_unknown_user_is_refused(server: Server) -> None:
    assert told(server.url(None, "nobody", "wrong-p@ss"))[0] is Fault.REFUSED


def test_unknown_host_is_unreachable(server: Server) -> None:
    assert told(server.url(None, server.user, "wrong-p@ss", host="no.such.host.invalid"))[0] is Fault.UNREACHABLE


def test_missing_tables_are_a_missing_migration(server: Server) -> None:
    meaning, sentence = told(server.admin_url(), "SELECT * FROM schema_state_of_nobody")
    if server.tier == "MariaDB":  # where no database is chosen in this URL
        meaning, sentence = told(server.admin_url("mysql"), "SELECT * FROM schema_state_of_nobody")
    assert meaning is Fault.NOT_MIGRATED
    assert "flask --app run db upgrade" in sentence


def test_account_without_the_right_is_sent_to_the_migrator(limited: tuple[str, str]) -> None:
    url, user = limited
    statement = "CREATE TABLE t (id INTEGER PRIMARY KEY)"
    if url.startswith("postgresql"):
        statement = "CREATE SCHEMA other"
    meaning, sentence = told(url, statement)
    assert meaning is Fault.NOT_ALLOWED
    assert f"“{user}”" in sentence
    assert "migrator" in sentence


def test_error_that_nobody_foresaw_keeps_the_servers_words_and_drops_the_values(server: Server) -> None:
    meaning, sentence = told(server.admin_url("mysql" if server.tier == "MariaDB" else None), "SELEKT 'Ana'")
    assert meaning is Fault.OTHER
    assert "syntax" in sentence


@pytest.mark.parametrize(
    ("name", "content", "meaning", "words"),
    [
        ("gone/rollcall.sqlite3", None, Fault.NOT_WRITABLE, "can't be written: is its folder there"),
        ("rollcall.sqlite3", b"no database at all, just words" * 99, Fault.NO_DATABASE, "is no SQLite database"),
        ("rollcall.sqlite3", b"", Fault.NOT_MIGRATED, "does not have this version's tables yet"),
    ],
)
def test_sqlite_file_that_does_not_work_is_named(
    tmp_path: Path, name: str, content: bytes | None, meaning: Fault, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    found, sentence = told(f"sqlite:///{path}", "SELECT * FROM users")
    assert found is meaning
    assert f"The database {path} " in sentence
    assert words in sentence


def test_locked_sqlite_is_busy(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rollcall.sqlite3'}"
    impatient = create_engine(url, connect_args={"timeout": 0}, poolclass=NullPool)
    with application(url) as app, app.app_context(), db.engine.connect() as writer:
        writer.execution_options(is_writing=True).execute(text("CREATE TABLE t (id INTEGER)"))
        with impatient.connect() as other, pytest.raises(SQLAlchemyError) as caught:
            other.execute(text("CREATE TABLE u (id INTEGER)"))
        assert fault(caught.value) is Fault.BUSY
        assert "try again in a moment" in diagnose(caught.value)
