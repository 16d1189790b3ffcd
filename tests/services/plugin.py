"""pytest's options and fixtures for real servers; `tests/conftest.py` names it in `pytest_plugins`.

    pytest                         everything on SQLite, and what tests the servers themselves
    pytest --database mariadb      again what uses `database_url` or `fresh_database_url`, now on MariaDB; but not the
                                   faces, which reach it only through rooms that are tested on each database
    pytest --database mariadb --turns    the same, where each test that is not about databases has its turn on one of
                                   the two servers only: half the time, and the full matrix is for --slow
    pytest --slow                  also the tests marked slow, and on a second database the faces

A server that isn't installed skips its tests, named at the end; with CI=true it fails them.
"""

from __future__ import annotations

import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.services.broker import Asker, Owner, end
from tests.services.engines import launch
from tests.services.programs import TIERS, is_installed, program
from tests.services.proxy import Proxy
from tests.services.sentinels import Sentinels, watched
from tests.services.server import Server

DATABASES = {"sqlite": "SQLite", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}
DATABASE_FIXTURES = {"database_url", "fresh_database_url"}
FACES = {"admin", "web", "ui", "rules", "commands"}
ABOUT_DATABASES = {"backup", "changes", "coherence", "commands", "database", "migrations", "services"}
OWNER = pytest.StashKey[Owner | Asker]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of the database and the switch for slow tests."""
    group = parser.getgroup("rollcall")
    group.addoption("--database", choices=sorted(DATABASES), default="sqlite", help="run the tests on this database")
    group.addoption("--turns", action="store_true", help="run each test on one of the two servers, not on both")
    group.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_configure(config: pytest.Config) -> None:
    """Declare our marker; the process that runs pytest owns the servers, xdist's workers ask it."""
    config.addinivalue_line("markers", "once: uses the database, but runs on SQLite only")
    config.addinivalue_line("markers", "servers: says something about database servers, so doesn't run on SQLite")
    config.addinivalue_line("markers", "everywhere: tests a face, but runs on each database")
    workerinput = getattr(config, "workerinput", None)
    config.stash[OWNER] = Asker(workerinput["services"]) if workerinput else Owner()
    config.add_cleanup(config.stash[OWNER].stop)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to ask for servers."""
    node.workerinput["services"] = node.config.stash[OWNER].address()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests unless asked for, and on a second database all that doesn't touch it."""
    is_slow_wanted = config.option.slow or "slow" in config.option.markexpr
    is_second_run = config.option.database != "sqlite"
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        is_out = item.get_closest_marker("slow") is not None and not is_slow_wanted
        if is_second_run:
            names = set(getattr(item, "fixturenames", ()))
            is_out |= not names & DATABASE_FIXTURES
            is_out |= any(item.get_closest_marker(name) is not None for name in ("once", "browser"))
            is_face = item.path.parent.name in FACES and item.get_closest_marker("everywhere") is None
            is_out |= is_face and not is_slow_wanted
            is_out |= config.option.turns and not _has_its_turn(item, config.option.database)
        else:
            is_out |= item.get_closest_marker("servers") is not None
        (left_out if is_out else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _has_its_turn(item: pytest.Item, database: str) -> bool:
    """Say whether a test runs on this server: always where it is about databases, else on one of the two."""
    folders = item.path.relative_to(item.config.rootpath).parts
    is_about_databases = not ABOUT_DATABASES.isdisjoint(folders) or any(
        item.get_closest_marker(name) is not None for name in ("servers", "everywhere")
    )
    return is_about_databases or zlib.crc32(item.nodeid.encode()) % 2 == (database == "mariadb")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which database the tests run on."""
    return f"database: {DATABASES[config.option.database]}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tiers that were skipped because they are not installed."""
    skipped: dict[str, int] = {}
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if found := re.match(r"Skipped: (\w+) is not installed", reason):
            skipped[found[1]] = skipped.get(found[1], 0) + 1
    if skipped:
        terminalreporter.section("tiers left out", sep="-", yellow=True)
        for tier, count in sorted(skipped.items()):
            terminalreporter.line(f"{tier} is not installed, {count} skipped: `make services` as root installs it")


def is_ci() -> bool:
    """Say whether a missing tier is a failure."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def need(tier: str) -> None:
    """Skip the test when a tier isn't installed, or fail it under CI; what is no program is a package we require."""
    if tier not in TIERS or is_installed(tier):
        return
    programs = ", ".join(" or ".join(names) for names in TIERS[tier])
    words = f"{tier} is not installed: needs {programs}; `make services` as root installs it"
    if is_ci():
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


def worker() -> str:
    """Return this process's part of database names: each worker has databases of its own."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def shared_server(pytestconfig: pytest.Config) -> Callable[[str], Server]:
    """Return a function that gives the running server of a tier, or skips."""

    def give(tier: str) -> Server:
        need(tier)
        return pytestconfig.stash[OWNER].server(tier)

    return give


@pytest.fixture(scope="session")
def mariadb_server(shared_server: Callable[[str], Server]) -> Server:
    """Return the MariaDB server that all tests share."""
    return shared_server("MariaDB")


@pytest.fixture(scope="session")
def postgresql_server(shared_server: Callable[[str], Server]) -> Server:
    """Return the PostgreSQL server that all tests share."""
    return shared_server("PostgreSQL")


@pytest.fixture(scope="session")
def redis_server(shared_server: Callable[[str], Server]) -> Server:
    """Return the Redis server that all tests share."""
    return shared_server("Redis")


@pytest.fixture(scope="session")
def s3_server(shared_server: Callable[[str], Server]) -> Server:
    """Return the S3 server that all tests share."""
    return shared_server("S3")


@pytest.fixture
def own_server(pytestconfig: pytest.Config) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server for this test alone, to be paused, crashed, restarted."""
    started: list[Server] = []

    def give(tier: str, *arguments: Any) -> Server:
        need(tier)
        started.append(launch(tier, pytestconfig.stash[OWNER].folder, *arguments))
        return started[-1]

    yield give
    for server in started:
        end(server)


@pytest.fixture
def own_mariadb(own_server: Callable[[str], Server]) -> Server:
    """Return a MariaDB server for this test alone."""
    return own_server("MariaDB")


@pytest.fixture
def own_postgresql(own_server: Callable[[str], Server]) -> Server:
    """Return a PostgreSQL server for this test alone."""
    return own_server("PostgreSQL")


@pytest.fixture
def own_redis(own_server: Callable[[str], Server]) -> Server:
    """Return a Redis server for this test alone."""
    return own_server("Redis")


@pytest.fixture
def sentinels(own_server: Callable[..., Server]) -> Sentinels:
    """Return two Redis servers for this test alone, watched by three sentinels."""
    return watched(own_server)


@pytest.fixture
def own_s3(own_server: Callable[[str], Server]) -> Server:
    """Return an S3 server for this test alone; it forgets everything when it is stopped."""
    return own_server("S3")


@pytest.fixture(scope="session")
def database_engine(pytestconfig: pytest.Config) -> str:
    """Return the database of this run: sqlite, mariadb or postgresql."""
    return str(pytestconfig.option.database)


@pytest.fixture(scope="session")
def make_database(
    database_engine: str, shared_server: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database of this run's kind and gives its URL; all go at the end."""
    made: list[str] = []
    server = None if database_engine == "sqlite" else shared_server(DATABASES[database_engine])

    def make() -> str:
        name = f"rollcall_{worker()}_{secrets.token_hex(3)}"
        if server is None:
            return f"sqlite:///{tmp_path_factory.mktemp('database') / name}.sqlite3"
        made.append(name)
        return server.create_database(name)

    yield make
    for name in made:
        assert server is not None
        server.drop_database(name)


@pytest.fixture(scope="session")
def database_url(make_database: Callable[[], str]) -> str:
    """Return the URL of this worker's database, empty when the run begins."""
    return make_database()


@pytest.fixture
def fresh_database_url(make_database: Callable[[], str]) -> str:
    """Return the URL of an empty database that no other test uses."""
    return make_database()


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """Return the URL of this worker's database on the Redis server, emptied."""
    number = int(re.sub(r"\D", "", worker()) or 0) % 60 + 1
    url = redis_server.admin_url(str(number))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def s3_url(s3_server: Server) -> str:
    """Return the URL of an empty bucket that no other test uses, as `STORAGE_URL` takes it."""
    return s3_server.create_bucket(f"rollcall-{worker()}-{secrets.token_hex(3)}")


@dataclass
class ProxiedDatabase:
    """An empty database behind a proxy: `url` goes through it, `direct_url` doesn't."""

    url: str
    direct_url: str
    name: str
    proxy: Proxy
    server: Server


@pytest.fixture(params=["MariaDB", "PostgreSQL"])
def proxied_database(
    request: pytest.FixtureRequest, shared_server: Callable[[str], Server]
) -> Iterator[ProxiedDatabase]:
    """Run the test with a database of each server behind a proxy that cuts and silences connections."""
    server = shared_server(request.param)
    name = f"rollcall_{worker()}_{secrets.token_hex(3)}"
    direct_url = server.create_database(name)
    with Proxy(server.port) as proxy:
        yield ProxiedDatabase(server.admin_url(name, proxy.host, proxy.port), direct_url, name, proxy, server)
    server.drop_database(name)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """Return the path of Chromium."""
    need("Chromium")
    return Path(program("Chromium"))


@pytest.fixture(scope="session")
def chromium_arguments() -> list[str]:
    """Return the arguments that Chromium needs here; its sandbox refuses root."""
    return ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
