"""The bootstrap scripts make a database, an account that can't change tables, and one that can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.services.programs import program
from tests.services.server import Server

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PASSWORDS = {"app_password": "it's @pp:100%/\\\"", "migrator_password": "mi\"gr\\a'tor`$(1)"}
NAMES = {"database": "staff_of-2", "app": "staff_app", "migrator": "staff migrator"}


def run_script(server: Server, answers: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap script of this server's kind as its head comment says."""
    quoted = {key: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'" for key, value in answers.items()}
    file = folder / "answers.sql"
    environment = {**os.environ, "MYSQL_PWD": server.password, "PGPASSWORD": server.password}
    address = [f"--host={server.host}", f"--port={server.port}"]
    script = SCRIPTS / f"bootstrap-{server.tier.lower()}.sql"
    if server.tier == "MariaDB":
        file.write_text("".join(f"SET @{key} = {value};\n" for key, value in quoted.items()))
        command, words = (
            [program("MariaDB", 2), "--no-defaults", *address, "--user=root"],
            file.read_text() + script.read_text(),
        )
    else:
        file.write_text("".join(f"\\set {key} {value}\n" for key, value in quoted.items()))
        command, words = (
            [program("PostgreSQL", 2), "-X", *address, "-U", "postgres", "-f", str(file), "-f", str(script)],
            "",
        )
    return subprocess.run(command, input=words, capture_output=True, text=True, env=environment)


@pytest.fixture(params=["MariaDB", "PostgreSQL"])
def server(request: pytest.FixtureRequest, own_server: Callable[[str], Server], tmp_path: Path) -> Server:
    """Return a server of its own on which the script has run twice, because accounts belong to the whole server."""
    server = own_server(request.param)
    for _ in range(2):
        done = run_script(server, NAMES | PASSWORDS, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    assert "is ready" in done.stdout
    return server


def sign_in(server: Server, account: str, database: str = NAMES["database"]) -> Engine:
    url = server.url(database, NAMES[account], PASSWORDS[f"{account}_password"])
    return create_engine(url, poolclass=NullPool)


@pytest.fixture
def table(server: Server) -> str:
    """Return the name of a table that the migrator made."""
    statement = "CREATE TABLE people (id SERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL)"
    with sign_in(server, "migrator").begin() as connection:
        connection.execute(text(statement))
        connection.execute(text("ALTER TABLE people ADD COLUMN city VARCHAR(20)"))
        connection.execute(text("CREATE INDEX people_by_name ON people (name)"))
    return "people"


def test_application_reads_and_writes_rows_but_changes_no_table(server: Server, table: str) -> None:
    with sign_in(server, "app").begin() as connection:
        connection.execute(text("INSERT INTO people (name, city) VALUES ('李 Zoë 🎉', 'Łódź')"))
        connection.execute(text("UPDATE people SET city = 'Kraków'"))
        assert connection.execute(text("SELECT name, city FROM people")).all() == [("李 Zoë 🎉", "Kraków")]
        connection.execute(text("DELETE FROM people"))
    refused = (
        "CREATE TABLE more (id INTEGER)",
        "ALTER TABLE people ADD COLUMN more INTEGER",
        "CREATE INDEX more ON people (city)",
        "TRUNCATE TABLE people",
        "DROP TABLE people",
    )
    for statement in refused:
        with sign_in(server, "app").connect() as connection, pytest.raises(DBAPIError, match=r"denied|must be owner"):
            connection.execute(text(statement))


def test_accounts_reach_no_other_database(server: Server) -> None:
    # The "_" of the granted name must not stand for any letter.
    server.create_database("staffXof-2")
    server.execute("CREATE TABLE secrets (id INTEGER)", "staffXof-2")
    for account in ("app", "migrator"):
        with pytest.raises(DBAPIError, match="denied"), sign_in(server, account, "staffXof-2").connect() as connection:
            connection.execute(text("SELECT * FROM secrets"))


def test_database_is_in_full_unicode(server: Server) -> None:
    question = {"MariaDB": "SELECT @@character_set_database", "PostgreSQL": "SHOW server_encoding"}[server.tier]
    assert server.execute(question, NAMES["database"])[0][0] in ("utf8mb4", "UTF8")


def test_second_run_keeps_rows_and_sets_new_passwords(server: Server, table: str, tmp_path: Path) -> None:
    with sign_in(server, "app").begin() as connection:
        connection.execute(text("INSERT INTO people (name) VALUES ('Ana')"))
    answers = NAMES | {"app_password": "new", "migrator_password": "newer"}
    assert run_script(server, answers, tmp_path).returncode == 0
    with pytest.raises(DBAPIError, match=r"denied|authentication failed"):
        sign_in(server, "app").connect()
    engine = create_engine(server.url(NAMES["database"], NAMES["app"], "new"), poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM people")).scalar() == "Ana"


def test_script_without_passwords_stops_with_a_sentence_and_makes_nothing(
    mariadb_server: Server, postgresql_server: Server, tmp_path: Path
) -> None:
    for server in (mariadb_server, postgresql_server):
        answers = {"database": "never_made", "app_password": "only one"}
        done = run_script(server, answers, tmp_path)
        assert done.returncode != 0
        assert "migrator_password first" in done.stderr
        catalogue = {"MariaDB": "information_schema.schemata", "PostgreSQL": "pg_database"}[server.tier]
        column = {"MariaDB": "schema_name", "PostgreSQL": "datname"}[server.tier]
        assert not server.execute(f"SELECT 1 FROM {catalogue} WHERE {column} = 'never_made'")
