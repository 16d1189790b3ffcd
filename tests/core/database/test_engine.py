"""The engine's settings are in effect, as the server itself says, and two applications share nothing."""

from __future__ import annotations

import secrets
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.core.database import engine
from app.core.database.engine import database_url
from app.extensions import db
from tests.applications import application, migrate
from tests.core.database.conftest import Served, note, scalar
from tests.services.plugin import ProxiedDatabase
from tests.services.proxy import Proxy
from tests.services.server import Server
from tests.writing import commit, write


def variables() -> dict[str, str]:
    """Return what MariaDB's variables are for this session."""
    return {row[0]: row[1] for row in db.session.execute(text("SHOW SESSION VARIABLES"))}


def test_every_connection_has_our_settings(context: Flask) -> None:
    wanted: dict[str, str]
    if db.engine.dialect.name == "sqlite":
        wanted = {"foreign_keys": "1", "journal_mode": "wal", "secure_delete": "1"}
        wanted["busy_timeout"] = str(engine.REQUEST.lock * 1000)
        found = {name: str(scalar(f"PRAGMA {name}")) for name in wanted}
    elif db.engine.dialect.name == "mysql":
        found = variables()
        wanted = {
            "time_zone": "+00:00",
            "character_set_client": "utf8mb4",
            "character_set_connection": "utf8mb4",
            "character_set_results": "utf8mb4",
            "innodb_lock_wait_timeout": str(engine.REQUEST.lock),
            "lock_wait_timeout": str(engine.REQUEST.lock),
            "autocommit": "OFF",
        }
        assert (found.get("transaction_isolation") or found["tx_isolation"]) == "REPEATABLE-READ"
        strict = {"STRICT_ALL_TABLES", "NO_ZERO_DATE", "NO_ZERO_IN_DATE", "ERROR_FOR_DIVISION_BY_ZERO"}
        assert strict <= set(found["sql_mode"].split(","))
    else:
        wanted = {
            "transaction_isolation": "repeatable read",
            "timezone": "UTC",
            "client_encoding": "UTF8",
            "statement_timeout": f"{engine.REQUEST.statement}s",
            "lock_timeout": f"{engine.REQUEST.lock}s",
            "idle_in_transaction_session_timeout": "1min",
        }
        found = {name: scalar(f"SHOW {name}") for name in wanted}
    assert {name: found[name] for name in wanted} == wanted


def test_moment_written_by_the_database_is_in_utc(context: Flask) -> None:
    if db.engine.dialect.name == "mysql":
        assert scalar("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CURRENT_TIMESTAMP)") == 0
    elif db.engine.dialect.name == "postgresql":
        assert scalar("SELECT EXTRACT(TIMEZONE FROM CURRENT_TIMESTAMP)") == 0
    else:
        assert scalar("SELECT strftime('%s', CURRENT_TIMESTAMP) - strftime('%s', 'now')") in (0, -1)


@pytest.fixture(params=["MariaDB", "PostgreSQL"])
def login(request: pytest.FixtureRequest, shared_server: Callable[[str], Server]) -> Iterator[tuple[Server, str, str]]:
    """Give a server, the name of an account on it and its awkward password, which is also its database's name."""
    server = shared_server(request.param)
    name, password = f"ann@{secrets.token_hex(3)}", "p@ss:w/rd%40?#&+ ü山"
    server.create_database(name)
    user = f"`{name}`@`127.0.0.1`" if server.tier == "MariaDB" else f'"{name}"'
    word = "BY" if server.tier == "MariaDB" else "PASSWORD"
    server.execute(
        f"CREATE USER {user} {'IDENTIFIED ' if word == 'BY' else ''}{word} '{password.replace(':', chr(92) + ':')}'"
    )
    if server.tier == "MariaDB":
        server.execute(f"GRANT ALL ON `{name}`.* TO {user}")
    yield server, name, password
    server.drop_database(name)
    server.execute(f"DROP USER {user}")


def test_percent_encoded_user_and_password_sign_in(login: tuple[Server, str, str]) -> None:
    server, name, password = login
    scheme = "mysql+pymysql" if server.tier == "MariaDB" else "postgresql+psycopg"
    encoded = quote(name, safe="")
    url = f"{scheme}://{encoded}:{quote(password, safe='')}@{server.host}:{server.port}/{encoded}"
    with application(url) as app, app.app_context():
        assert scalar("SELECT 1") == 1
        assert str(scalar("SELECT CURRENT_USER")).startswith(name)
    with application(url.replace("%40ss", "%40sz")) as app, app.app_context(), pytest.raises(OperationalError):
        scalar("SELECT 1")


def test_one_spelling_of_tls_is_understood_by_both_drivers() -> None:
    mysql = database_url("mysql+pymysql://u:p@h/d?ssl_ca=/etc/ca.pem")
    _, options = mysql.get_dialect()().create_connect_args(mysql)
    assert options["ssl"] == {"ca": "/etc/ca.pem"}
    postgresql = database_url("postgresql+psycopg://u:p@h/d?ssl_ca=/etc/ca.pem")
    _, options = postgresql.get_dialect()().create_connect_args(postgresql)
    assert (options["sslrootcert"], options["sslmode"]) == ("/etc/ca.pem", "verify-full")
    assert "ssl_ca" not in options


def test_url_without_tls_and_other_parameters_stay_as_they_are() -> None:
    for url in ("postgresql+psycopg://u:p@h/d?application_name=x", "mysql+pymysql://u:p@h/d", "sqlite:////tmp/x"):
        assert database_url(url).render_as_string(hide_password=False) == url


def test_two_applications_in_one_process_share_nothing(tmp_path: Path, proxied_database: ProxiedDatabase) -> None:
    words = {}
    with (
        application(f"sqlite:///{tmp_path}/one.sqlite3") as one,
        application(f"sqlite:///{tmp_path}/two.sqlite3") as two,
        application(proxied_database.direct_url) as three,
    ):
        for app in (one, two, three):
            migrate(app)
        for number, app in enumerate((one, two, three)):
            with app.app_context():
                db.session.execute(
                    text(f"INSERT INTO roles (title, title_key, version) VALUES ('{number}', '{number}', 1)")
                )
                with (one, two, three)[number - 1].app_context():  # another's session doesn't end or see this one's
                    scalar("SELECT 1")
                    db.session.rollback()
                commit()
        for app in (one, two, three):
            with app.app_context():
                words[db.engine] = db.session.execute(text("SELECT title FROM roles")).scalars().all()
    assert list(words.values()) == [["0"], ["1"], ["2"]]


def test_connection_to_a_node_that_is_of_no_use_is_given_up(served: Served) -> None:
    """MariaDB: a node without quorum, a read-only server; PostgreSQL: a standby, or made read-only."""
    if served.server.tier == "PostgreSQL":
        name = served.database.name
        served.server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        assert served.visit(lambda: note("x")).status_code == 503
        served.server.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        assert served.visit(lambda: note("x")).status_code == 200
        return
    ask = "SELECT CONNECTION_ID()"
    for code in (1047, 1290, 1836):
        before = served.visit(lambda: scalar(ask)).text
        assert served.visit(lambda: scalar(ask)).text == before
        fail = f"BEGIN NOT ATOMIC SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'WSREP'; END"
        assert served.visit(partial(scalar, fail)).status_code == 503
        assert served.visit(lambda: scalar(ask)).text != before


def test_mariadb_may_be_read_only_for_a_while_and_have_a_mode_of_its_own(
    own_mariadb: Server, serve: Callable[[ProxiedDatabase], Served]
) -> None:
    direct = own_mariadb.create_database("staff")
    own_mariadb.execute("CREATE USER clerk@`127.0.0.1` IDENTIFIED BY 'x'")
    own_mariadb.execute("GRANT ALL ON staff.* TO clerk@`127.0.0.1`")
    with Proxy(own_mariadb.port) as proxy:
        url = own_mariadb.url("staff", "clerk", "x", proxy.host, proxy.port)
        served = serve(ProxiedDatabase(url, direct, "staff", proxy, own_mariadb))
        ask = "SELECT CONNECTION_ID()"
        before = served.visit(lambda: scalar(ask)).text
        own_mariadb.execute("SET GLOBAL read_only = 1")
        assert served.visit(lambda: write(lambda: note("x"))).status_code == 503
        assert served.visit(lambda: scalar(ask)).text != before
        own_mariadb.execute("SET GLOBAL read_only = 0")
        assert served.visit(lambda: write(lambda: note("x"))).status_code == 200
        for mode in ("", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"):
            own_mariadb.execute("SET GLOBAL sql_mode = :mode", mode=mode)
            with application(url) as app, app.app_context():
                assert "STRICT_ALL_TABLES" in variables()["sql_mode"]
                db.session.execute(text("INSERT INTO notes (word) VALUES (:word)"), {"word": "\\'; \""})
                assert scalar("SELECT COUNT(*) FROM notes WHERE CHAR_LENGTH(word) = 5") == 1


def test_a_new_sqlite_database_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    with application(f"sqlite:///{file}") as app:
        migrate(app)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_program_that_ends_leaves_us_the_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "staff.sqlite3"

    def elsewhere(statement: str) -> str:
        """Return what a statement gives in a program of its own, which then ends."""
        words = f"import sqlite3; print(sqlite3.connect({str(path)!r}).execute({statement!r}).fetchone()[0])"
        return subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.strip()

    with application(f"sqlite:///{path}") as app, app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (word TEXT)"))
        with db.engine.connect() as first, db.engine.connect() as second:  # made while the first holds its locks
            assert [one.execute(text("SELECT COUNT(*) FROM notes")).scalar() for one in (first, second)] == [0, 0]
        elsewhere("SELECT COUNT(*) FROM notes")
        with db.engine.begin() as connection:
            connection.execute(text("INSERT INTO notes VALUES ('kept')"))
        assert elsewhere("SELECT word FROM notes") == "kept"
