#!/usr/bin/python
"""Ansible module: take a server out of HAProxy and put it back, by the admin socket of a load balancer."""

from __future__ import annotations

import csv
import io
import socket
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: rollcall_balancer
short_description: Drain a server in HAProxy, put it back, or look
description:
  - C(drained) lets a server end what it does and gets it nothing new; what takes longer than C(limit) is only said.
  - C(ready) puts it back and waits until HAProxy finds it up. C(looked) says how all servers stand.
  - A server that somebody put into maintenance stays there, whatever is asked for.
options:
  state: {description: What to do., choices: [looked, drained, ready], type: str, required: true}
  backend: {description: Backend that the servers belong to., type: str, default: rollcall}
  server: {description: Name of the server., type: str}
  socket: {description: Admin socket., type: path, default: /run/haproxy/admin.sock}
  limit: {description: Seconds to wait., type: int, default: 30}
  may_be_last: {description: Whether it may be drained though no other server is up., type: bool, default: false}
author: ["Rollcall"]
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"choices": ["looked", "drained", "ready"], "required": True},
    "backend": {"default": "rollcall"},
    "server": {},
    "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
    "limit": {"type": "int", "default": 30},
    "may_be_last": {"type": "bool", "default": False},
}

Servers = dict[str, dict[str, Any]]


class Refused(Exception):
    """HAProxy did not do what it was told; the text says why."""


def main() -> None:
    """Do what the state names, and end with one sentence where it can't be done."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    params = module.params
    step = {"step": params["state"], "server": params["server"]}
    try:
        servers = status(params["socket"], params["backend"])
        if params["state"] == "looked":
            result: dict[str, Any] = {"servers": servers}
        elif params["server"] not in servers:
            raise Refused(f"HAProxy has no server {params['server']} in {params['backend']}: provision the balancers.")
        else:
            result = (drained if params["state"] == "drained" else ready)(module, servers)
    except Refused as refusal:
        module.fail_json(msg=str(refusal), rollcall=step)
    except OSError as error:
        module.fail_json(msg=f"HAProxy's socket {params['socket']} does not answer: {error}.", rollcall=step)
    module.exit_json(changed=result.pop("changed", False), rollcall={**step, **result})


def drained(module: AnsibleModule, servers: Servers) -> dict[str, Any]:
    """Send the server nothing new and wait until it has no session, or for as long as the limit says."""
    params = module.params
    name = params["server"]
    if is_taken_out(servers[name]):
        return {"is_taken_out": True, "left": servers[name]["sessions"]}
    if "DRAIN" in servers[name]["status"]:
        is_changed = False
    else:
        others = [other for other in servers if other != name]
        is_last = is_up(servers[name]) and others and not any(is_up(servers[other]) for other in others)
        if is_last and not params["may_be_last"]:
            raise Refused(
                f"{name} is the only server that is up: bring another one up first, or let nobody be served meanwhile"
                " by -e app_may_be_last=true."
            )
        is_changed = True
    if module.check_mode:
        return {"changed": is_changed}
    tell(params["socket"], f"set server {params['backend']}/{name} state drain")
    until = time.monotonic() + params["limit"]
    while True:
        left = status(params["socket"], params["backend"])[name]["sessions"]
        if left == 0 or time.monotonic() > until:
            return {"changed": is_changed, "left": left}
        time.sleep(0.1)


def ready(module: AnsibleModule, servers: Servers) -> dict[str, Any]:
    """Let the server get requests and wait until HAProxy finds it up."""
    params = module.params
    name = params["server"]
    if is_taken_out(servers[name]):
        return {"is_taken_out": True}
    is_changed = not is_up(servers[name])
    if module.check_mode:
        return {"changed": is_changed}
    tell(params["socket"], f"set server {params['backend']}/{name} state ready")
    until = time.monotonic() + params["limit"]
    while True:
        server = status(params["socket"], params["backend"])[name]
        if is_up(server):
            return {"changed": is_changed}
        if time.monotonic() > until:
            raise Refused(f"HAProxy finds {name} {server['status']} after {params['limit']} s: {server['check']}.")
        time.sleep(0.1)


def is_up(server: dict[str, Any]) -> bool:
    """Say whether HAProxy sends requests there; one that is just going down still counts."""
    return str(server["status"]).startswith(("UP", "no check"))


def is_taken_out(server: dict[str, Any]) -> bool:
    """Say whether somebody put the server into maintenance."""
    return str(server["status"]).startswith("MAINT")


def status(path: str, backend: str) -> Servers:
    """Return the servers of the backend: status, sessions and the result of the last check."""
    text = tell(path, "show stat").lstrip("# ")
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["pxname"] == backend]
    if not rows:
        raise Refused(f"HAProxy has no backend {backend}: provision the balancers.")
    return {
        row["svname"]: {
            "status": row["status"],
            "sessions": int(row["scur"] or 0) + int(row["qcur"] or 0),
            "check": f"{row.get('check_status', '')} {row.get('last_chk', '')}".strip(),
        }
        for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND")
    }


def tell(path: str, command: str) -> str:
    """Return what HAProxy answers to one command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    answer = b"".join(parts).decode(errors="replace").strip()
    if command.startswith("set ") and answer:
        raise Refused(f"HAProxy refused “{command}”: {answer}")
    return answer


if __name__ == "__main__":
    main()
