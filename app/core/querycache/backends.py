"""Where values are kept: Flask-Caching's backend of Redis, without pickle and by our client; memory with a limit."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from cachetools import TLRUCache
from flask_caching.backends.base import BaseCache
from flask_caching.backends.rediscache import RedisCache
from redis.exceptions import ResponseError

from app.core.querycache.client import SENTINEL_SCHEME, client_of

PREFIX = "rollcall:"
MEMORY_BYTES = 64 * 1024**2
OVERHEAD_BYTES = 450
"""What a value in memory takes beside its bytes: its key, and its place in the order of use."""


class Bytes:
    """Values are bytes already, and whatever comes back is never unpickled."""

    def dumps(self, value: bytes) -> bytes:
        """Return the bytes."""
        return value

    def loads(self, value: bytes | None) -> bytes | None:
        """Return the bytes."""
        return value


class Redis(RedisCache):
    """A Redis server, or what speaks like one."""

    serializer = Bytes()  # type: ignore[assignment]

    @classmethod
    def factory(cls, app: Any, config: Any, args: Any, kwargs: Any) -> Redis:
        """Return the backend of an application; nothing is asked before the first value. Raises SystemExit."""
        try:
            return cls(client_of(config["CACHE_REDIS_URL"]), key_prefix=PREFIX)
        except ValueError as error:
            raise SystemExit(f"REDIS_URL {error}.") from error

    def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none, or something that nobody of us has put there."""
        try:
            found: bytes | None = super().get(key)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return None
        return found

    def add(self, key: str, value: bytes, timeout: Any = None) -> bool:
        """Keep a value where there is none, in one step with its end; say whether it was kept."""
        return bool(self._write_client.set(PREFIX + key, value, nx=True, ex=timeout or self.default_timeout))

    def reconnect(self) -> None:
        """Drop the connections that nobody uses now: those to a server in trouble may be dead without saying so."""
        self._write_client.connection_pool.disconnect(inuse_connections=False)


class Sentinel(Redis):
    """The Redis server that its sentinels say is the master.

    It is read there as well: a replica doesn't have yet what was just kept, and would be one more server that can fail.
    """


class Memory(BaseCache):
    """The memory of this process: what was used least recently goes first."""

    def __init__(self, size: int = MEMORY_BYTES, timer: Any = time.monotonic) -> None:
        super().__init__()
        self._kept: TLRUCache[str, tuple[bytes, float]] = TLRUCache(
            size,
            ttu=lambda _key, value, now: now + value[1],
            timer=timer,
            getsizeof=lambda value: len(value[0]) + OVERHEAD_BYTES,
        )
        self._lock = Lock()

    @classmethod
    def factory(cls, app: Any, config: Any, args: Any, kwargs: Any) -> Memory:
        """Return an empty one for an application."""
        return cls()

    def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        with self._lock:
            found = self._kept.get(key)
        return None if found is None else found[0]

    def set(self, key: str, value: bytes, timeout: Any = None) -> bool:
        """Keep a value for so many seconds; say whether there is room for one of its size at all."""
        with self._lock:
            try:
                self._kept[key] = (value, timeout or self.default_timeout)
            except ValueError:  # larger than everything together may be
                return False
        return True

    def add(self, key: str, value: bytes, timeout: Any = None) -> bool:
        """Keep a value where there is none; say whether it was kept."""
        with self._lock:
            if key in self._kept:
                return False
            self._kept[key] = (value, timeout or self.default_timeout)
        return True

    def delete(self, key: str) -> bool:
        """Forget a value; say whether there was one."""
        with self._lock:
            return self._kept.pop(key, None) is not None

    def clear(self) -> bool:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
        return True

    @property
    def bytes_used(self) -> int:
        """The bytes of all values with what they take beside."""
        with self._lock:
            return int(self._kept.currsize)

    @property
    def bytes_allowed(self) -> int:
        """The most they may be together."""
        return int(self._kept.maxsize)


def memory(backend: Any) -> tuple[int, int]:
    """Return how many bytes a backend uses, and how many it may use, 0 where that has no limit.

    A Redis server is asked; whatever it or the way to it raises is the caller's.
    """
    if isinstance(backend, Memory):
        return backend.bytes_used, backend.bytes_allowed
    told = backend._write_client.info("memory")
    return int(told["used_memory"]), int(told.get("maxmemory", 0))


def settings(url: str) -> dict[str, Any]:
    """Return Flask-Caching's settings for `REDIS_URL`; without one, values are kept in memory."""
    if not url:
        return {"CACHE_TYPE": f"{__name__}.Memory"}
    kind = "Sentinel" if url.startswith(SENTINEL_SCHEME) else "Redis"
    return {"CACHE_TYPE": f"{__name__}.{kind}", "CACHE_REDIS_URL": url}
