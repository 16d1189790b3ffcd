"""How each server is set up and started, tuned for tests: small, and nothing waits for the disk."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from tests.services.process import ServerError, account, free_port, own_folder, run_once, start
from tests.services.programs import program
from tests.services.server import HOST, Server

MARIADB_SETTINGS = """\
[mariadbd]
bind-address = {host}
port = {port}
datadir = {folder}
socket = {folder}/socket
pid-file = {folder}/pid
tmpdir = {folder}
init-file = {folder}/accounts.sql
skip-name-resolve
skip-log-bin
character-set-server = utf8mb4
collation-server = utf8mb4_unicode_ci
max_connections = 200
performance_schema = off
innodb_buffer_pool_size = 128M
innodb_log_file_size = 32M
innodb_flush_log_at_trx_commit = 0
innodb_flush_method = nosync
"""
# Run at each start; the server reads one statement a line.
MARIADB_ACCOUNTS = """\
CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
"""
POSTGRESQL_SETTINGS = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
"""
REDIS_SETTINGS = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
databases 64
save ""
appendonly no
"""

SENTINEL_SETTINGS = """\
bind {host}
port {port}
requirepass {password}
sentinel sentinel-pass {password}
dir {folder}
"""


def mariadb(folder: Path) -> Server:
    """Start a MariaDB server whose data is in `folder`, which is made."""
    user = account("mysql")
    own_folder(folder, user)
    server = Server("MariaDB", free_port(), secrets.token_hex(12))
    settings = folder / "server.cnf"
    _write(settings, MARIADB_SETTINGS, server, user)
    _write(folder / "accounts.sql", MARIADB_ACCOUNTS, server, user)
    # Without our settings: their file of accounts needs the tables that this makes.
    options = [f"--datadir={folder}", "--auth-root-authentication-method=normal", "--skip-test-db"]
    run_once([program("MariaDB", 1), "--no-defaults", *options], user, folder)
    return _begun(server, [program("MariaDB"), f"--defaults-file={settings}"], user, folder)


def postgresql(folder: Path) -> Server:
    """Start a PostgreSQL server whose data is in `folder`, which is made."""
    user = account("postgres")
    own_folder(folder, user)
    server = Server("PostgreSQL", free_port(), secrets.token_hex(12), end_signal=signal.SIGINT)
    password, data = folder / "password", folder / "data"
    _write(password, "{password}\n", server, user)
    options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
    run_once([program("PostgreSQL", 1), f"--pgdata={data}", *options, "--no-sync"], user, folder)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(_filled(POSTGRESQL_SETTINGS, server, folder))
    return _begun(server, [program("PostgreSQL"), "-D", str(data)], user, folder)


def redis_(folder: Path, settings: str = "", password: str | None = None) -> Server:
    """Start a Redis server that keeps nothing on disk, unless `settings` say otherwise."""
    return _redis(folder, REDIS_SETTINGS + settings, password)


def sentinel(folder: Path, settings: str, password: str, port: int) -> Server:
    """Start a sentinel, told by `settings` what to watch."""
    return _redis(folder, SENTINEL_SETTINGS + settings, password, port, "--sentinel")


def _redis(folder: Path, template: str, password: str | None, port: int | None = None, *arguments: str) -> Server:
    user = account("redis")
    own_folder(folder, user)
    server = Server("Redis", port or free_port(), password or secrets.token_hex(12))
    settings = folder / "redis.conf"
    _write(settings, template, server, user)
    return _begun(server, [program("Redis"), str(settings), *arguments], user, folder)


def s3(folder: Path) -> Server:
    """Start a server that speaks S3 and keeps everything in memory; it is a Python package, so it runs as ourselves."""
    own_folder(folder, None)
    server = Server("S3", free_port(), secrets.token_hex(12))
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(server.port)]
    return _begun(server, command, None, folder)


START: dict[str, Callable[..., Server]] = {
    "MariaDB": mariadb,
    "PostgreSQL": postgresql,
    "Redis": redis_,
    "Sentinel": sentinel,
    "S3": s3,
}


def launch(tier: str, folder: Path, *arguments: Any) -> Server:
    """Start a server in a new folder below `folder`; once more elsewhere when somebody took its port first."""
    for attempt in range(3):
        try:
            return START[tier](folder / f"{tier.lower()}-{secrets.token_hex(3)}", *arguments)
        except ServerError:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def ping(server: Server) -> None:
    """Ask a server for an answer; raise whatever its driver raises when there is none."""
    if server.tier == "Redis":
        with redis.Redis.from_url(server.admin_url(), socket_timeout=5) as client:
            client.ping()
    elif server.tier == "S3":
        with urllib.request.urlopen(f"http://{server.host}:{server.port}/", timeout=5):
            pass
    else:
        server.execute("SELECT 1")


def _begun(server: Server, command: list[str], user: str | None, folder: Path) -> Server:
    def begin() -> subprocess.Popen[bytes]:
        return start(command, user, folder, lambda: ping(server))

    server.begin = begin
    server.process = begin()
    return server


def _filled(template: str, server: Server, folder: Path) -> str:
    return template.format(host=HOST, port=server.port, password=server.password, folder=folder)


def _write(path: Path, template: str, server: Server, user: str | None) -> None:
    path.write_text(_filled(template, server, path.parent), encoding="utf-8")
    path.chmod(0o600)
    if user:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
