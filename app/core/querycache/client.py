"""The way to a Redis server, or to the one that its sentinels name: it never waits longer than a request can.

redis-py gives each step of a question its own time to wait; here all steps together have one, connecting included.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, unquote

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, SentinelManagedConnection
from redis.sentinel import Sentinel as RedisSentinel

TIMEOUT_SECONDS = 0.02
PROMPT_SECONDS = 0.002
SLOW_SECONDS = 0.01
"""What has not answered after these is late, and slow: as the system sees it, whatever our own threads wait for."""
SHORTEST_SECONDS = 0.005
"""What the last step may wait for, when those before it have used up all patience while they waited for us."""
PORT, SENTINEL_PORT = 6379, 26379
MASTER = "mymaster"
SENTINEL_SCHEME = "redis+sentinel"
# Nothing but what it takes to read and write: no names told, no notices asked for, nothing done twice.
PLAIN: dict[str, Any] = {"protocol": 2, "driver_info": None, "health_check_interval": 0}


Base: Any = Connection  # half of redis-py has no types
ManagedBase: Any = SentinelManagedConnection
SentinelBase: Any = RedisSentinel


class _Patience(threading.local):
    """Until when this thread waits for a store, over all steps of its question, and whether one was late, or slow."""

    until = math.inf
    was_late = False
    was_slow = False

    def left(self) -> float:
        """Return for how long one more step may wait; a prompt answer has time for it however late it is."""
        return min(TIMEOUT_SECONDS, max(SHORTEST_SECONDS, self.until - time.monotonic()))


_patience = _Patience()


@contextmanager
def patient(seconds: float) -> Iterator[_Patience]:
    """Have this thread wait for stores no longer than this altogether; what is yielded says whether it had to."""
    _patience.until = time.monotonic() + seconds
    _patience.was_late = _patience.was_slow = False
    try:
        yield _patience
    finally:
        _patience.until = math.inf


class _Patient(Base):
    """A connection whose steps share the patience of their thread; one that failed in any way is not used again."""

    @property
    def socket_timeout(self) -> float:
        """What a step may take, where redis-py asks for it."""
        return _patience.left()

    @property
    def socket_connect_timeout(self) -> float:
        """The same for each address of a host."""
        return _patience.left()

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send within what time is left."""
        if self._sock:
            self._sock.settimeout(_patience.left())
        super().send_packed_command(command, check_health)

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer within what time is left, and note if it was late."""
        left, waited = _patience.left(), 0.0
        slow = min(SLOW_SECONDS, left)
        try:
            if not self.can_read(PROMPT_SECONDS):
                _patience.was_late, waited = True, PROMPT_SECONDS
                if not self.can_read(slow - PROMPT_SECONDS):
                    _patience.was_slow, waited = True, slow
        except BaseException:
            self.disconnect()
            raise
        left = max(left - waited, PROMPT_SECONDS)
        return super().read_response(*args, **{**options, "timeout": left, "disconnect_on_error": True})


class _Tls(_Patient):
    """The same through TLS, by one context for all: making one takes longer than all questions of a page."""

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self._context = context
        super().__init__(**options)

    def _connect(self) -> ssl.SSLSocket:
        plain: socket = super()._connect()
        try:
            return self._context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


class _Named(_Patient, ManagedBase):
    """A connection to whichever server the sentinels say is the master."""


class _Sentinels(SentinelBase):
    """The sentinels; the one that answered last is asked first."""

    sentinels: list[Redis]

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the master's address. redis-py's own changes the list in place, which threads must not."""
        for sentinel in self.sentinels:
            with suppress(NotConnected, NoAnswer):
                masters: Any = sentinel.sentinel_masters()
                state = masters.get(service_name)
                if state and self.check_master_state(state, service_name):
                    self.sentinels = [sentinel, *(other for other in self.sentinels if other is not sentinel)]
                    return state["ip"], state["port"]
        raise MasterNotFoundError("no sentinel names a master")


@dataclass(frozen=True, slots=True)
class Place:
    """What `REDIS_URL` says; `config.py` has looked at its form."""

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    path: tuple[str, ...]
    options: dict[str, str] = field(repr=False)


def place_of(url: str) -> Place:
    """Return the parts of a URL: `urlsplit` takes neither several hosts nor IPv6 addresses among them."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    address, _, path = rest.partition("/")
    account, _, hosts = address.rpartition("@")
    username, _, password = account.partition(":")
    port = SENTINEL_PORT if scheme == SENTINEL_SCHEME else PORT
    return Place(
        scheme,
        tuple(_host(host, port) for host in hosts.split(",")),
        unquote(username) or None,
        unquote(password) or None,
        tuple(unquote(part) for part in path.split("/") if part),
        dict(parse_qsl(query)),
    )


def client_of(url: str) -> Redis:
    """Return the client for a URL; nothing is asked yet. Raises ValueError with what is wrong, without secrets."""
    place = place_of(url)
    account = {"username": place.username, "password": place.password}
    if place.scheme == SENTINEL_SCHEME:
        master, number = *place.path, *(MASTER, "0")[len(place.path) :]
        sentinels = _Sentinels([], db=int(number), retry=_never_again(), **account, **PLAIN)
        own = {name: place.options.get(f"sentinel_{name}") for name in account}
        sentinels.sentinels = [_client(_Patient, host, own) for host in place.hosts]
        client: Redis = sentinels.master_for(master, connection_class=_Named)
        return client
    options: dict[str, Any] = {**account, "db": int(place.path[0]) if place.path else 0}
    if place.scheme == "rediss":
        return _client(_Tls, place.hosts[0], {**options, "context": _context(place.options)})
    return _client(_Patient, place.hosts[0], options)


def _client(kind: type[Connection], host: tuple[str, int], options: dict[str, Any]) -> Redis:
    pool = ConnectionPool(kind, host=host[0], port=host[1], retry=_never_again(), **options, **PLAIN)
    return Redis.from_pool(pool)


def _never_again() -> Retry:
    return Retry(NoBackoff(), 0)


def _host(text: str, port: int) -> tuple[str, int]:
    name, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, number = text, ""
    return unquote(name.strip("[]")), int(number or port)


def _context(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:
        raise ValueError(
            f"names a file of certificates that can't be used: {error.strerror or 'it holds none'}"
        ) from None
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
