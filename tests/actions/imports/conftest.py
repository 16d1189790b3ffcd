"""An application whose database is emptied after each test: making one anew each time would take most of the time."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, update

from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Assignment, Pay
from app.people.role import Role
from app.people.search import SearchWord
from tests.applications import application, migrate


@pytest.fixture(scope="package")
def migrated(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return an application on a migrated database of this run's kind."""
    with application(make_database(), INSTANCE_PATH=tmp_path_factory.mktemp("instance")) as app:
        migrate(app)
        yield app


@pytest.fixture
def app(migrated: Flask) -> Iterator[Flask]:
    """Return the application, its context open and nobody in it."""
    with migrated.app_context():
        yield migrated
        db.session.rollback()
        db.session.execute(update(Employee).values(manager_id=None))
        for model in (SearchWord, Assignment, Pay, Employee, Department, Role):
            db.session.execute(delete(model))
        db.session.commit()
        db.session.remove()
