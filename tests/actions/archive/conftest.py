from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.core.storage import Storage, make_store
from tests.actions.archive.archiving import Watched, use
from tests.actions.archive.installing import Installation
from tests.applications import application, migrate
from tests.writing import empty_journal


@pytest.fixture
def store(context: Flask, tmp_path: Path) -> Iterator[Storage]:
    """Give an empty folder for the archive of an empty journal."""
    empty_journal()
    was = context.extensions["storage"]
    yield use(make_store((tmp_path / "storage").as_uri(), tmp_path))
    context.extensions["storage"] = was
    empty_journal()  # what else would the archive of the next test lack?


@pytest.fixture
def watched(store: Storage) -> Watched:
    """Give the store, watched."""
    return use(Watched(store))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite database with empty tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    file = folder / "rollcall.sqlite3"
    with application(f"sqlite:///{file}", INSTANCE_PATH=str(folder)) as app:
        migrate(app)
    return file


@pytest.fixture
def installation(tmp_path: Path, migrated_file: Path) -> Iterator[Installation]:
    """Give an installation of its own, in whose context the test runs."""
    made = Installation(tmp_path)
    shutil.copy(migrated_file, made.file)
    with application(f"sqlite:///{made.file}", INSTANCE_PATH=str(tmp_path / "instance")) as app, app.app_context():
        yield made
