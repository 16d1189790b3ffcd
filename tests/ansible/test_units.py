"""The units for running without Docker start commands that there are, and hold them all in the same way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/rollcall/current/.venv/bin/flask"


def held(service: Path) -> str:
    """Return what a service may do and as whom, which is the same for all."""
    text = service.read_text(encoding="utf-8")
    return re.split(r"\n\n\[Install\]", text[text.index("User=") :])[0].strip()


@pytest.mark.once
def test_each_service_starts_a_command_that_there_is(app: Flask) -> None:
    for service in SERVICES:
        started = re.findall(rf"^ExecStart={PROGRAM} --app run ([a-z]+)", service.read_text(), flags=re.M)
        assert len(started) == 1, service.name
        assert started[0] in app.cli.commands


def test_all_services_are_held_alike() -> None:
    assert len(SERVICES) == 3
    assert len({held(service) for service in SERVICES}) == 1
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="} <= set(held(SERVICES[0]).split())
