from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.core.database.test_tls import make_certificates
from tests.mailing import MailServer

START = Callable[..., MailServer]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an authority, a certificate of it for 127.0.0.1, and a stranger's authority."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def start_server() -> Iterator[START]:
    """Give a function that starts a mail server; all end after the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> MailServer:
            return stack.enter_context(MailServer(*arguments, **options))

        yield start
