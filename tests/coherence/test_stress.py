"""Two processes read and two write, on a server, while writers die and Redis is killed, flushed, put back and lost.

Nothing that a reader is told differs from its snapshot, and none of it is older than what was committed before.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select, update

from app.changes.tracking import KNOWINGLY
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.role import Role
from tests import sample
from tests.applications import application, migrate
from tests.coherence.town import SECRET, outside, sign_in
from tests.coherence.workers import Board
from tests.patience import wait_until
from tests.services.proxy import Proxy
from tests.services.server import Server

ROOT = Path(__file__).parents[2]
KINDS = {"role": Role, "place": Department, "phone": Employee}
WAIT_SECONDS = 30


def make_house(url: str, folder: Path) -> None:
    """Make the sample in an empty database, each of whose records has a mark with the number 0."""
    with application(url, SECRET_KEY=SECRET) as app, app.app_context():
        migrate(app)
        sample.build()
        marks: list[str] = []
        with db.engine.begin() as connection:
            connection = connection.execution_options(**{KNOWINGLY: True})
            for kind, model in KINDS.items():
                for row_id in connection.execute(select(model.id).order_by(model.id)).scalars().all():
                    marks.append(f"{kind} {row_id}")
                    value = f"{marks[-1]} #0"
                    field = {"role": "title", "place": "name"}.get(kind)
                    values = {field: value, f"{field}_key": value} if field else {"phone": value}
                    connection.execute(update(model).where(model.id == row_id).values(**values))
        tokens = sign_in(*(f"{role}@sample.example" for role in ("administrator", "manager", "staff")))
        (folder / "marks").write_text(json.dumps(marks))
        (folder / "tokens").write_text(json.dumps(tokens))


@contextmanager
def at_work(folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Let the house work until the block ends; then each has left word in the folder."""
    environment = {"PATH": os.environ["PATH"], "FLASK_CONFIG": "testing", "SECRET_KEY": SECRET, "CACHE_VERIFY": "1"}
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.coherence.workers", str(folder)],
            cwd=ROOT,
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        with process:
            assert process.stdin
            assert process.stdout
            try:
                assert process.stdout.readline() == "begun\n"
                yield process
            finally:
                process.stdin.close()  # at which all end
                try:
                    code = process.wait(WAIT_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
    words = [line for line in (folder / "said").read_text().splitlines() if "the query cache is" not in line]
    assert code == 0, "\n".join(words)[-5000:]


class Troubles:
    """A Redis server behind a proxy, its replica, and what befalls them."""

    def __init__(self, server: Server, replica: Server, proxy: Proxy) -> None:
        self.server, self.replica, self.proxy = server, replica, proxy
        self.url = server.admin_url(host=proxy.host, port=proxy.port)
        self.client = redis.Redis.from_url(server.admin_url())
        self.replica_client = redis.Redis.from_url(replica.admin_url())
        self.client.config_set("repl-diskless-sync-delay", 0)
        self.replica_client.config_set("masterauth", server.password)
        self.replica_client.replicaof(server.host, str(server.port))
        self.sizes: dict[str, int] = {}

    def happen(self, seconds: float) -> None:
        """Let it all happen within so many seconds."""
        part = seconds / 8
        time.sleep(2 * part)
        # A busy machine takes its time to start those who ask and change.
        wait_until(lambda: self.client.dbsize() and self.replica_client.dbsize(), WAIT_SECONDS)
        self.client.save()  # the file that it begins again from
        self.replica_client.replicaof("NO", "ONE")  # type: ignore[arg-type]  # from now on it lags behind
        self.sizes = {"in the file": self.client.dbsize(), "in the replica": self.replica_client.dbsize()}
        self.client.flushall()
        time.sleep(part)
        self.server.pause()
        time.sleep(part / 4)
        self.server.resume()
        time.sleep(part * 3 / 4)
        self.server.crash()
        time.sleep(part)
        self.server.start()
        time.sleep(part)
        self.proxy.lead_to(self.replica.port)
        time.sleep(part)
        self.proxy.lead_to(self.server.port)  # and back again, to what lags behind as well
        time.sleep(part)

    def close(self) -> None:
        self.client.close()
        self.replica_client.close()


@pytest.fixture
def troubles(own_server: Callable[[str], Server]) -> Iterator[Troubles]:
    server, replica = own_server("Redis"), own_server("Redis")
    with Proxy(server.port) as proxy:
        troubles = Troubles(server, replica, proxy)
        yield troubles
        troubles.close()


def heard(folder: Path, who: str) -> dict[str, Any]:
    """Return what the two of a kind left word of, added up."""
    found = [json.loads((folder / f"{who} {place}").read_text()) for place in (0, 1)]
    return {
        key: sum((one.get(key, type(value)()) for one in found), type(value)())
        for one in found
        for key, value in one.items()
    }


def check(folder: Path, url: str, seconds: float) -> None:
    """Raise unless nobody was told what was not so, and enough has happened to say so."""
    read, died = heard(folder, "reader"), heard(folder, "writer")
    acknowledged = sum(Board(folder).noted().values())
    sys.stdout.write(f"{ {**read, **died, 'acknowledged': acknowledged} }\n")  # for who asks with -rP
    assert read["wrong"] == []
    assert read["differing"] == 0
    assert read["hits"] > read["misses"] // 3
    assert read["hits"] > seconds
    assert read["verified"] == read["hits"]
    assert acknowledged > seconds / 2
    assert died["by their own hand"] + died["by another's"] > seconds / 2
    noted = Board(folder).noted()
    engine = outside(url)
    with engine.connect() as connection:
        stored = connection.execute(select(Role.id, Role.title)).all()
    engine.dispose()
    assert all(int(title.partition("#")[2]) >= noted[f"role {row_id}"] for row_id, title in stored)


@pytest.mark.parametrize(
    ("tier", "seconds"),
    [
        pytest.param("MariaDB", 8, marks=pytest.mark.mariadb),
        pytest.param("MariaDB", 60, marks=[pytest.mark.mariadb, pytest.mark.slow]),
        pytest.param("PostgreSQL", 60, marks=[pytest.mark.postgresql, pytest.mark.slow]),
    ],
)
def test_nothing_is_stale_whoever_dies(
    shared_server: Callable[[str], Server],
    troubles: Troubles,
    tmp_path: Path,
    tier: str,
    seconds: float,
) -> None:
    server = shared_server(tier)
    name = f"rollcall_stress_{secrets.token_hex(3)}"
    url = server.create_database(name)
    try:
        make_house(url, tmp_path)
        Board(tmp_path)
        with at_work(tmp_path, DATABASE_URL=url, REDIS_URL=troubles.url):
            troubles.happen(seconds)
        check(tmp_path, url, seconds)
        assert troubles.sizes["in the file"]
        assert troubles.sizes["in the replica"]
    finally:
        server.drop_database(name)
