"""Ansible's side of a deployment that only Ansible can load: how HAProxy is talked to, and what modules take."""

from __future__ import annotations

import socketserver
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.ansible.test_deploy_files import ROLE, load, tasks


class _Haproxy(socketserver.ThreadingUnixStreamServer):
    """Answers on a socket as HAProxy does, as far as it is asked here."""

    def __init__(self, path: Path, states: dict[str, list[tuple[str, int]]]) -> None:
        super().__init__(str(path), _Line)
        self.states, self.told = states, list[str]()


class _Line(socketserver.StreamRequestHandler):
    server: _Haproxy

    def handle(self) -> None:
        line = self.rfile.readline().decode().strip()
        if line.startswith("set "):
            self.server.told.append(line)
            return
        rows = ["# pxname,svname,qcur,scur,status,check_status,last_chk", "rollcall,FRONTEND,,,OPEN,,"]
        for name, states in self.server.states.items():
            status, sessions = states.pop(0) if len(states) > 1 else states[0]
            rows.append(f"rollcall,{name},0,{sessions},{status},L7OK,")
        self.wfile.write("\n".join(rows).encode() + b"\n\n")


@pytest.fixture
def balancer() -> ModuleType:
    """Give the module for HAProxy."""
    return load(ROLE / "library/rollcall_balancer.py", "rollcall_balancer")


def act(
    balancer: ModuleType,
    folder: Path,
    state: str,
    limit: int = 5,
    may_be_last: bool = False,
    **states: list[tuple[str, int]],
) -> tuple[Any, list[str]]:
    """Drain app1 or put it back; return what was said and what HAProxy was told."""
    path = folder / "socket"
    with _Haproxy(path, states) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        params = {"socket": str(path), "backend": "rollcall", "server": "app1", "limit": limit}
        params["may_be_last"] = may_be_last
        module = SimpleNamespace(params=params, check_mode=False)
        try:
            said = getattr(balancer, state)(module, balancer.status(str(path), "rollcall"))
        finally:
            server.shutdown()
    return said, server.told


def test_drained_server_ends_what_it_does(balancer: ModuleType, tmp_path: Path) -> None:
    busy = [("UP", 3), ("DRAIN", 2), ("DRAIN", 0)]
    said, told = act(balancer, tmp_path, "drained", app1=busy, app2=[("UP", 1)])
    assert said == {"changed": True, "left": 0}
    assert told == ["set server rollcall/app1 state drain"]


def test_session_that_does_not_end_is_only_said(balancer: ModuleType, tmp_path: Path) -> None:
    said, _told = act(balancer, tmp_path, "drained", 0, app1=[("UP", 1)], app2=[("UP", 1)])
    assert said["left"] == 1


def test_the_only_server_that_is_up_is_not_drained(balancer: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(balancer.Refused, match="app1 is the only server that is up"):
        act(balancer, tmp_path, "drained", app1=[("UP", 1)], app2=[("DOWN", 0)])
    said, _told = act(balancer, tmp_path / "..", "drained", app1=[("DOWN", 0)], app2=[("DOWN", 0)])
    assert said["left"] == 0


def test_the_only_server_that_is_up_is_drained_where_that_is_accepted(balancer: ModuleType, tmp_path: Path) -> None:
    said, _told = act(balancer, tmp_path, "drained", may_be_last=True, app1=[("UP", 0)], app2=[("DOWN", 0)])
    assert said == {"changed": True, "left": 0}


@pytest.mark.parametrize("state", ["drained", "ready"])
def test_server_in_maintenance_stays_there(balancer: ModuleType, tmp_path: Path, state: str) -> None:
    said, told = act(balancer, tmp_path, state, app1=[("MAINT", 0)], app2=[("DOWN", 0)])
    assert (said["is_taken_out"], told) == (True, [])


def test_server_is_back_when_haproxy_finds_it_up(balancer: ModuleType, tmp_path: Path) -> None:
    said, told = act(balancer, tmp_path, "ready", app1=[("DRAIN", 0), ("DOWN 1/2", 0), ("UP", 0)])
    assert said == {"changed": True}
    assert told == ["set server rollcall/app1 state ready"]


def test_server_that_does_not_come_up_fails(balancer: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(balancer.Refused, match="finds app1 DOWN"):
        act(balancer, tmp_path, "ready", 0, app1=[("DOWN", 0)])


def test_rollback_of_a_run_leaves_what_another_one_deployed() -> None:
    module = load(ROLE / "library/rollcall_release.py", "rollcall_release")
    older = {"image": "r/hr/rollcall", "tag": "v1", "digest": "sha256:1"}
    current = {**older, "tag": "v2", "digest": "sha256:2", "run": "ci/7", "older": older}
    wanted = {"image": "r/hr/rollcall", "tag": "", "pull": "missing"}
    for of, tag in ((None, "v1"), ("ci/7", "v1"), ("ci/8", "v2")):
        assert module._wanted({"current": current, "previous": []}, {**wanted, "of": of})["tag"] == tag


@pytest.mark.parametrize("name", ["rollcall_release", "rollcall_once", "rollcall_balancer"])
def test_modules_tell_of_each_option(name: str) -> None:
    module = load(ROLE / f"library/{name}.py", name)
    described = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert described.keys() == module.OPTIONS.keys()
    for option, told in module.OPTIONS.items():
        for detail in ("choices", "default", "required"):
            assert described[option].get(detail) == told.get(detail), option
    used = {key for _path, task in tasks() for key in task.get(name, {})}
    assert used <= module.OPTIONS.keys()
