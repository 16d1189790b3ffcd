"""The servers of the tests start, are each worker's own, and can be made to fail for real."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.services import programs
from tests.services.plugin import ProxiedDatabase
from tests.services.proxy import Proxy
from tests.services.server import Server

ROOT = Path(__file__).resolve().parents[2]


def ask(url: str, statement: str = "SELECT 1", connect_args: dict[str, int] | None = None) -> object:
    with create_engine(url, poolclass=NullPool, connect_args=connect_args or {}).connect() as connection:
        return connection.execute(text(statement)).scalar()


def test_empty_database_of_the_chosen_kind_answers(database_url: str, database_engine: str) -> None:
    drivers = {"sqlite": "sqlite:", "mariadb": "mysql+pymysql:", "postgresql": "postgresql+psycopg:"}
    assert database_url.startswith(drivers[database_engine])
    assert ask(database_url) == 1


def test_fresh_databases_know_nothing_of_each_other(make_database: Callable[[], str], fresh_database_url: str) -> None:
    engine = create_engine(fresh_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (id INTEGER PRIMARY KEY)"))
    assert ask(fresh_database_url, "SELECT count(*) FROM only_here") == 0
    other = make_database()
    with pytest.raises(Exception, match="only_here"):
        ask(other, "SELECT count(*) FROM only_here")


def test_mariadb_is_strict_and_in_full_unicode(mariadb_server: Server) -> None:
    url = mariadb_server.create_database("settings_of_mariadb")
    try:
        assert ask(url, "SELECT @@character_set_database") == "utf8mb4"
        assert "STRICT_TRANS_TABLES" in str(ask(url, "SELECT @@sql_mode"))
    finally:
        mariadb_server.drop_database("settings_of_mariadb")


def test_postgresql_is_in_unicode(postgresql_server: Server) -> None:
    assert ask(postgresql_server.admin_url(), "SHOW server_encoding") == "UTF8"


def test_redis_answers_each_worker_with_an_empty_database(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_chromium_says_its_version(chromium_path: Path) -> None:
    said = subprocess.run([chromium_path, "--version"], capture_output=True, text=True, check=True)
    assert "Chrom" in said.stdout


def test_shared_server_refuses_to_be_paused(mariadb_server: Server) -> None:
    with pytest.raises(RuntimeError, match="own_mariadb"):
        mariadb_server.pause()


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["MariaDB", "PostgreSQL"])
def test_own_server_keeps_its_data_over_crash_and_restart(own_server: Callable[[str], Server], tier: str) -> None:
    server = own_server(tier)
    url = server.create_database("kept")
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE marks (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO marks VALUES (7)"))
    server.restart()
    assert ask(url, "SELECT id FROM marks") == 7
    server.crash()
    with pytest.raises(OperationalError):
        ask(url)
    server.start()
    assert ask(url) == 1


# A paused server still takes TCP connections; only PostgreSQL's driver counts its greeting as part of connecting.
@pytest.mark.slow
@pytest.mark.parametrize(("tier", "patience"), [("MariaDB", "read_timeout"), ("PostgreSQL", "connect_timeout")])
def test_paused_server_is_silent_until_it_goes_on(
    own_server: Callable[[str], Server], tier: str, patience: str
) -> None:
    server = own_server(tier)
    server.pause()
    with pytest.raises(OperationalError):
        ask(server.admin_url(), connect_args={patience: 2})
    server.resume()
    assert ask(server.admin_url()) == 1


def test_paused_redis_is_silent_until_it_goes_on(own_redis: Server) -> None:
    with redis.Redis.from_url(own_redis.admin_url(), socket_timeout=0.2) as client:
        own_redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_redis.resume()
        assert client.ping()


def test_killed_connections_are_gone_for_their_owner(proxied_database: ProxiedDatabase) -> None:
    with create_engine(proxied_database.direct_url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT 1"))
        assert proxied_database.server.kill_connections(proxied_database.name) == 1
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))


def test_cut_connection_breaks_and_a_new_one_works(proxied_database: ProxiedDatabase) -> None:
    with create_engine(proxied_database.url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT 1"))
        assert proxied_database.proxy.cut() == 1
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
    assert ask(proxied_database.url) == 1
    assert proxied_database.proxy.accepted == 2


def test_refused_connections_work_again_after_restore(proxied_database: ProxiedDatabase) -> None:
    proxied_database.proxy.refuse()
    with pytest.raises(OperationalError):
        ask(proxied_database.url)
    proxied_database.proxy.restore()
    assert ask(proxied_database.url) == 1


def test_black_hole_answers_nothing_and_loses_nothing(redis_server: Server) -> None:
    with Proxy(redis_server.port) as proxy, socket.create_connection((proxy.host, proxy.port)) as line:
        line.sendall(b"PING\r\n")
        assert line.recv(100).startswith(b"-NOAUTH")
        proxy.black_hole()
        line.sendall(b"PING\r\n")
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(100)
        proxy.restore()
        line.settimeout(20)
        assert line.recv(100).startswith(b"-NOAUTH")


def test_slow_line_holds_each_answer_back(redis_server: Server) -> None:
    with Proxy(redis_server.port) as proxy, socket.create_connection((proxy.host, proxy.port)) as line:
        proxy.slow_down(0.05)
        for _ in range(2):
            began = time.monotonic()
            line.sendall(b"PING\r\n")
            assert line.recv(100).startswith(b"-NOAUTH")
            assert time.monotonic() - began >= 0.05


def test_answer_that_is_cut_short_is_one_only(redis_server: Server) -> None:
    with Proxy(redis_server.port) as proxy:
        proxy.cut_short(4)
        with socket.create_connection((proxy.host, proxy.port)) as line:
            line.sendall(b"PING\r\n")
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while part := line.recv(100):
                    said += part
            assert said in (b"", b"-NOA")  # a reset may overtake what was on its way
        with socket.create_connection((proxy.host, proxy.port)) as line:
            line.sendall(b"PING\r\n")
            assert line.recv(100).startswith(b"-NOAUTH")


def test_orderly_end_of_a_connection_passes_through(redis_server: Server) -> None:
    with Proxy(redis_server.port) as proxy, socket.create_connection((proxy.host, proxy.port)) as line:
        line.sendall(b"PING\r\n")
        line.shutdown(socket.SHUT_WR)
        said = b""
        while part := line.recv(100):
            said += part
        assert said.startswith(b"-NOAUTH")


@pytest.mark.slow
def test_missing_tier_is_named_and_fails_under_ci(tmp_path: Path) -> None:
    """Run a test that needs MariaDB in a process where MariaDB can't be found."""
    program = (
        "import sys, pytest\n"
        "from tests.services import programs\n"
        "programs.TIERS['MariaDB'] = (('no-such-server',),)\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', sys.argv[1]]))\n"
    )
    test = f"{Path(__file__)}::test_mariadb_is_strict_and_in_full_unicode"
    outcomes = {}
    for ci in ("", "true"):
        environment = {**os.environ, "CI": ci}
        environment.pop("PYTEST_XDIST_WORKER", None)
        done = subprocess.run(
            [sys.executable, "-c", program, test], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        outcomes[ci] = (
            done.returncode,
            "MariaDB is not installed" in done.stdout,
            "1 skipped: `make services`" in done.stdout,
        )
    assert outcomes == {"": (0, True, True), "true": (1, True, False)}


def test_list_of_missing_tiers_needs_no_packages() -> None:
    command = [sys.executable, "-IS", "tests/services/programs.py"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == programs.missing()
