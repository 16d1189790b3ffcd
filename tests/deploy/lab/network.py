"""The switch between the servers, and the cables; all of it on this machine, and gone afterwards."""

from __future__ import annotations

from contextlib import suppress

from tests.deploy.lab.ground import LabError, run
from tests.deploy.lab.server import Server

SWITCH = "rc-switch"
NETWORK = "10.77.0"
AGENT = f"{NETWORK}.1"
"""The address of this machine there: the build agent, with the registry."""


def connect(servers: list[Server]) -> None:
    """Make the switch and a namespace with a cable for each server."""
    disconnect(servers)
    run(["ip", "link", "add", SWITCH, "type", "bridge"])
    run(["ip", "address", "add", f"{AGENT}/24", "dev", SWITCH])
    run(["ip", "link", "set", SWITCH, "up"])
    for server in servers:
        run(["ip", "netns", "add", server.namespace])
        run(["ip", "link", "add", server.port, "type", "veth", "peer", "name", "eth0", "netns", server.namespace])
        run(["ip", "link", "set", server.port, "master", SWITCH, "up"])
        inside = ["ip", "-n", server.namespace]
        run([*inside, "address", "add", f"{server.address}/24", "dev", "eth0"])
        for device in ("lo", "eth0"):
            run([*inside, "link", "set", device, "up"])


def disconnect(servers: list[Server]) -> None:
    """Take everything away again, also what a run that was killed left."""
    for command in [
        *(["ip", "netns", "delete", server.namespace] for server in servers),
        *(["ip", "link", "delete", server.port] for server in servers),
        ["ip", "link", "delete", SWITCH],
    ]:
        with suppress(LabError):
            run(command)


def pull_cable(server: Server) -> None:
    """Cut a server off: packets to and from it are lost, silently."""
    run(["ip", "link", "set", server.port, "down"])


def plug_in(server: Server) -> None:
    """Connect it again."""
    run(["ip", "link", "set", server.port, "up"])
