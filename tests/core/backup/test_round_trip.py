"""What was backed up is there again after a restore, on this run's database and from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask, current_app
from flask_migrate import downgrade, upgrade
from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from app.changes.journal import ChangeRow, ChangeSet
from app.changes.replay import compare
from app.changes.seals import Seal
from app.changes.verification import verify
from app.core.backup import dumping, files, restoring
from app.core.backup.container import opened
from app.core.backup.making import Made
from app.core.backup.tables import NotReady
from app.core.database import migration, schema
from app.core.storage import storage
from app.extensions import db
from app.people.employee import Employee
from tests.actions.archive.archiving import archive
from tests.applications import application
from tests.core.backup.backing import CHECKED, TOKENS, back_up, contents, put_back, silent, tokens
from tests.core.backup.conftest import DIFFICULT, Kept
from tests.migrations.rows import fill
from tests.sample import act

HIRED = {"number": "200", "first_name": "New", "hired_on": date(2025, 1, 1)}


def is_proved() -> bool:
    """Say whether the journal is whole and gives today's tables."""
    db.session.rollback()
    return not list(verify()) and not list(compare())


def test_everything_is_there_again_and_as_it_was_meant(kept: Kept, spare: Flask) -> None:
    done = put_back(kept.path)
    assert contents() == kept.contents
    assert done.rows == {name: told["rows"] for name, told in kept.made.told["tables"].items()}
    assert (done.revision, done.head) == (migration.head(), migration.head())
    assert migration.current() == migration.head()
    assert schema.is_usable()
    look_at_the_proof(kept)
    look_at_the_schema(spare)
    look_at_the_guards()
    look_at_the_tokens(kept)
    assert act("hire", values=HIRED) > kept.gone
    archive()
    assert is_proved()


def look_at_the_proof(kept: Kept) -> None:
    """The journal is whole, and so is the archive, whose files the backup has."""
    last = db.session.execute(select(Seal.position, Seal.hash).order_by(Seal.position.desc()).limit(1)).one()
    assert kept.made.told["journal"] == {"position": last.position, "hash": last.hash}
    with opened(kept.path) as backup:
        assert files.load(storage(), backup, silent) == (last.position, 0)
    assert current_app.test_cli_runner().invoke(args=["journal", "verify"]).exit_code == 0


def look_at_the_schema(app: Flask) -> None:
    """It is the one that migrations make, down to the foreign keys, and nothing is left beside it."""
    checked = app.test_cli_runner().invoke(args=["db", "check"])
    assert checked.exit_code == 0, checked.output
    assert set(inspect(db.engine).get_table_names()) == {*db.metadata.tables, "alembic_version"}
    for name, table in db.metadata.tables.items():
        keys = {key["name"] for key in inspect(db.engine).get_foreign_keys(name)}
        assert keys == {key.name for key in table.foreign_key_constraints}


def look_at_the_guards() -> None:
    """The journal can't be changed, and references to nobody are refused."""
    db.session.rollback()
    statements = (update(ChangeSet).values(action="x"), delete(ChangeRow), update(Seal).values(hash="0"), delete(Seal))
    for statement in statements:
        with pytest.raises(DBAPIError, match=r"never changed|more than 1 row"), db.engine.begin() as connection:
            connection.execute(statement)
    with pytest.raises(DBAPIError), db.engine.begin() as connection:
        connection.execute(text("INSERT INTO search_words (word, employee_id, field_group) VALUES ('x', 999999, 'y')"))


def look_at_the_tokens(kept: Kept) -> None:
    """What anybody cached, before or from the database that was backed up, goes by others."""
    now = tokens()
    assert now.keys() == kept.tokens.keys()
    assert not [name for name in now if now[name] == kept.tokens[name]]


def test_every_kind_of_value_of_an_older_schema_comes_back_and_is_brought_up_to_date(
    fresh_database_url: str, spare: Flask, tmp_path: Path
) -> None:
    with application(fresh_database_url, INSTANCE_PATH=str(tmp_path / "source")) as source, source.app_context():
        upgrade()
        fill()
        held = contents()
        downgrade()
        older = migration.current()
        with db.engine.begin() as connection:  # of others, and of a kind that backups don't know
            connection.execute(text("CREATE TABLE bicycles (id INTEGER NOT NULL PRIMARY KEY, rung TIME)"))
            connection.execute(text("ALTER TABLE departments ADD COLUMN bell TIME"))
        made = back_up(tmp_path / "every.backup")
    assert made.strangers == {"bicycles", "departments.bell"}
    assert (made.told["revision"], made.told["schema"]) == (older, int(older or 0))
    done = put_back(made.path)
    assert (done.revision, done.head) == (older, migration.head())
    assert schema.is_usable()
    found = contents()
    assert {name: found[name] for name in made.told["tables"] if name not in (TOKENS, "schema_state")} == {
        name: rows for name, rows in held.items() if name in made.told["tables"] and name != "schema_state"
    }
    look_at_what_stays_as_it_was(made, older)


def look_at_what_stays_as_it_was(made: Made, older: str | None) -> None:
    """The version before can go on with it: it is at its migration, and nothing of a later one is left."""
    done = put_back(made.path, is_as_it_was=True)
    assert (done.revision, done.head, migration.current()) == (older, older, older)
    assert set(inspect(db.engine).get_table_names()) == {*made.told["tables"], "alembic_version"}
    upgrade()
    assert schema.is_usable()


@pytest.mark.once
def test_database_that_a_newer_version_migrated_is_backed_up_by_this_one(
    kept: Kept, spare: Flask, tmp_path: Path
) -> None:
    put_back(kept.path)
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_tomorrow (id INTEGER NOT NULL PRIMARY KEY, word VARCHAR(20))"))
        connection.execute(text("INSERT INTO of_tomorrow VALUES (1, 'new')"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("INSERT INTO schema_state VALUES (9999, '9999', 6, '2030-01-01 00:00:00.000000')"))
    told = back_up(tmp_path / "newer.backup").told
    assert (told["schema"], told["revision"]) == (9999, "9999")
    assert told["tables"]["of_tomorrow"]["rows"] == 1
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE of_tomorrow"))


@pytest.mark.once
def test_what_a_version_that_did_not_know_the_migration_backed_up_is_put_back_by_one_that_does(
    kept: Kept, holding: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE bicycles (id INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(text("ALTER TABLE departments ADD COLUMN bell INTEGER"))
    with monkeypatch.context() as older:
        older.setattr(dumping, "is_known", lambda _revision: False)
        made = back_up(tmp_path / "unknown.backup")
    assert made.strangers == set()
    assert "bicycles" in made.told["tables"]
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE bicycles"))
    put_back(made.path)
    assert contents() == kept.contents
    with opened(made.path) as backup:
        assert restoring.strangers(backup, CHECKED[made.path]) == ["bicycles", "departments.bell"]
    look_at_the_schema(holding)


@pytest.mark.once
def test_database_that_lacks_what_its_migration_makes_is_not_backed_up_in_vain(
    kept: Kept, holding: Flask, tmp_path: Path
) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE search_words"))
        connection.execute(text("ALTER TABLE signs RENAME COLUMN at TO seen"))
    with pytest.raises(NotReady, match=r"lacks what migration 0\d+ makes \(search_words, signs\)"):
        back_up(tmp_path / "x.backup")
    assert list(tmp_path.glob("*.backup*")) == []
    put_back(kept.path)


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Flask]:
    """Give an application on an empty SQLite database."""
    with application(f"sqlite:///{tmp_path / 'lite.sqlite3'}", INSTANCE_PATH=str(tmp_path / "lite")) as app:
        yield app


@pytest.mark.servers
def test_an_organisation_moves_from_a_server_to_sqlite_and_back(
    kept: Kept, spare: Flask, lite: Flask, tmp_path: Path
) -> None:
    with lite.app_context():
        put_back(kept.path, is_replaced=False)
        assert contents() == kept.contents
        assert is_proved()
        act("hire", values=HIRED)
        archive()
        held, path = contents(), back_up(tmp_path / "lite.backup").path
    put_back(path)
    assert contents() == held
    assert is_proved()
    assert act("hire", values={**HIRED, "number": "201"}) > db.session.scalar(
        select(Employee.id).where(Employee.number == "200")
    )
    assert db.session.scalar(select(Employee.last_name).where(Employee.number == "98")) == DIFFICULT


@pytest.mark.once
@pytest.mark.slow
def test_an_organisation_moves_from_one_server_to_the_other(
    kept: Kept, mariadb_server, postgresql_server, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    path = kept.path
    for round_, server in enumerate((mariadb_server, postgresql_server, mariadb_server)):
        name = f"rollcall_moved_{round_}"
        with application(server.create_database(name), INSTANCE_PATH=str(tmp_path / name)) as app, app.app_context():
            put_back(path, is_replaced=False)
            assert contents() == kept.contents
            assert is_proved()
            path = back_up(tmp_path / f"{name}.backup").path
        server.drop_database(name)
