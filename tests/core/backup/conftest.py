"""An organisation with a journal, backed up once for all tests of a run; and a database to put it into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.actions import demo
from app.core.backup.making import Made
from app.core.storage import storage
from app.extensions import db
from app.people.employee import Employee
from tests.actions.archive.archiving import archive
from tests.applications import application, migrate
from tests.core.backup.backing import back_up, contents, put_back, tokens
from tests.sample import act

PEOPLE = 24
DIFFICULT = "Zoë \u2028 “\\n” \U0001f389 李 'x' %s {} \\"


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup, what its database held then and under which tokens, and an id of a person who is gone since."""

    made: Made
    contents: dict[str, list[tuple[Any, ...]]]
    tokens: dict[str, tuple[int, int]]
    gone: int

    @property
    def path(self) -> Path:
        """Where the backup is."""
        return self.made.path


def organise() -> int:
    """Make people through the actions, with words that are easily spoilt; return the id of one who is gone again."""
    demo.seed(PEOPLE, 1)
    act("create_department", values={"name": DIFFICULT, "code": "Ü-1"}, reason=DIFFICULT)
    gone = 0
    for number in ("98", "99"):
        values = {"number": number, "first_name": "A", "last_name": DIFFICULT, "hired_on": date(2024, 2, 29)}
        gone = int(act("hire", values={**values, "custom": {"ü": [DIFFICULT, 1.5, None]}}))
    act("delete_employee", employee_id=gone, version=db.session.get_one(Employee, gone).version)
    archive()
    return gone


@pytest.fixture(scope="session")
def kept(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return the backup of an organisation on this run's database."""
    folder = tmp_path_factory.mktemp("kept")
    with application(make_database(), INSTANCE_PATH=str(folder)) as app:
        migrate(app)
        with app.app_context():
            gone = organise()
            made = back_up(folder / "kept.backup", storage())
            return Kept(made, contents(), tokens(), gone)


@pytest.fixture(scope="session")
def spare_url(make_database: Callable[[], str]) -> str:
    """Return the URL of a database that tests of backups put their backups into, one after the other."""
    return make_database()


@pytest.fixture
def holding(kept: Kept, spare: Flask) -> Flask:
    """Give the application of `spare`, whose database holds the organisation; put there only where it is not yet."""
    with suppress(DBAPIError):
        if contents() == kept.contents:
            return spare
    put_back(kept.path)
    return spare


@pytest.fixture
def spare(spare_url: str, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Give an application on that database, inside its context, with an instance folder of its own.

    `database_url` is what makes a test one for each database.
    """
    with application(spare_url, INSTANCE_PATH=str(tmp_path / "instance"), CACHE_VERIFY="1") as app, app.app_context():
        yield app
