"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.serving import START, Started


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    running: list[Started] = []

    def begin(**settings: object) -> Started:
        running.append(Started(**{"INSTANCE_PATH": tmp_path / "instance", **settings}))
        return running[-1]

    yield begin
    for one in running:
        one.close()
