"""A Redis master, its replicas and the sentinels that watch them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from tests.services.process import free_port
from tests.services.server import HOST, Server

MASTER = "watched"
DOWN_AFTER_SECONDS = 1
READY_SECONDS = 30
MEMBER = """\
masterauth {password}
repl-diskless-sync-delay 0
"""
# Told who is there, they need not wait for each other's greetings, which come every two seconds.
WATCH = """\
sentinel myid {id}
sentinel monitor {name} {host} {port} 2
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_after}
sentinel failover-timeout {name} 4000
"""


@dataclass
class Sentinels:
    """Servers for one test alone; `servers[0]` is the master at first. The sentinels have a password of their own."""

    servers: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """What `REDIS_URL` has to be."""
        hosts = ",".join(f"{one.host}:{one.port}" for one in self.sentinels)
        own = self.sentinels[0].password
        return f"redis+sentinel://:{self.servers[0].password}@{hosts}/{MASTER}/0?sentinel_password={own}"

    def told(self, sentinel: Server) -> dict[str, Any]:
        """Return what a sentinel says of the master."""
        with redis.Redis.from_url(sentinel.admin_url(), socket_timeout=5) as client:
            found: dict[str, Any] = client.sentinel_master(MASTER)  # type: ignore[assignment]
        return found

    def master(self) -> Server:
        """Return the server that the first sentinel says is the master."""
        port = self.told(self.sentinels[0])["port"]
        return next(server for server in self.servers if server.port == port)


def watched(start: Callable[..., Server], replicas: int = 1) -> Sentinels:
    """Start a master, replicas that have what it has, and three sentinels that know all of them."""
    password = secrets.token_hex(12)
    settings = MEMBER.format(password=password)
    master = start("Redis", settings, password)
    settings += f"replicaof {HOST} {master.port}\n"
    servers = [master, *(start("Redis", settings, password) for _ in range(replicas))]
    _wait(lambda: all(_is_following(replica) for replica in servers[1:]))
    ids = {free_port(): secrets.token_hex(20) for _ in range(3)}
    own_password = secrets.token_hex(12)
    found = Sentinels(servers, [])
    for port, its_id in ids.items():
        watch = WATCH.format(
            id=its_id,
            name=MASTER,
            host=HOST,
            port=master.port,
            password=password,
            down_after=DOWN_AFTER_SECONDS * 1000,
        )
        known = [f"sentinel known-replica {MASTER} {HOST} {replica.port}" for replica in servers[1:]]
        known += [
            f"sentinel known-sentinel {MASTER} {HOST} {other} {one}" for other, one in ids.items() if other != port
        ]
        found.sentinels.append(start("Sentinel", watch + "\n".join(known) + "\n", own_password, port))
    _wait(lambda: all(_is_ready(found, sentinel, replicas) for sentinel in found.sentinels))
    return found


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "the servers don't find each other"
        time.sleep(0.05)


def _is_following(replica: Server) -> bool:
    with redis.Redis.from_url(replica.admin_url(), socket_timeout=5) as client:
        return client.info("replication")["master_link_status"] == "up"


def _is_ready(found: Sentinels, sentinel: Server, replicas: int) -> bool:
    """Say whether a sentinel would agree on another master, and knows one to take."""
    said = found.told(sentinel)
    with redis.Redis.from_url(sentinel.admin_url(), socket_timeout=5) as client:
        followers = client.sentinel_slaves(MASTER)
    linked = [one for one in followers if one["master-link-status"] == "ok"]
    return said["num-other-sentinels"] == 2 and len(linked) == replicas and "disconnected" not in said["flags"]
