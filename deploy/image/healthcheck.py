"""Say by the exit code whether the server of this container answers; one that does something else has no address."""

import os
import socket
import sys
from pathlib import Path

SECONDS = 4
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 asked about, never bound to


def is_serving() -> bool:
    """Say whether the first process of the container serves: a worker has no port to ask."""
    return b"serve" in Path("/proc/1/cmdline").read_bytes().split(b"\0")


def status() -> bytes:
    """Return the first line of the answer of /healthz; nothing but sockets, for this runs every half minute."""
    host = os.environ.get("HOST", "")
    address = (EVERYWHERE.get(host, host), int(os.environ["PORT"]))
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return connection.makefile("rb").readline().strip()


def main() -> None:
    """End with 0 where all is well, and with the reason otherwise."""
    if not is_serving():
        return
    try:
        answer = status()
    except OSError as error:
        sys.exit(f"nothing answers: {error}")
    if b" 200 " not in answer:
        sys.exit(f"/healthz says {answer.decode(errors='replace')}")


if __name__ == "__main__":
    main()
