"""Staff lists at the command line: what is said, and the exit code that scripts go by."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from app.commands.people import people
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Pay

STAFF = Path(__file__).parents[1] / "actions" / "imports" / "staff.csv"


def invoke(app: Flask, *arguments: str | Path, typed: bytes | None = None) -> Result:
    runner = app.test_cli_runner()
    assert isinstance(runner, CliRunner)
    return runner.invoke(people, [str(argument) for argument in arguments], input=typed)


def numbers(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.scalars(select(Employee.number)))


def test_dry_run_reports_and_writes_nothing(app: Flask) -> None:
    done = invoke(app, "import", STAFF, "--create-missing")
    assert done.exit_code == 0, done.output
    assert "25 rows: 25 new, 0 changed, 0 unchanged, 0 refused." in done.stdout
    assert "dry run: nothing was written" in done.stdout
    assert "RaceDesc: sensitive: never stored" in done.stdout
    assert "Row 9, Linda Petrov: “Gideon Frost”. Nobody of this name is in the file or here." in done.stdout
    assert "Departments to create (5):" in done.stdout
    assert numbers(app) == set()


def test_import_is_whole_and_the_second_changes_nothing(app: Flask) -> None:
    assert invoke(app, "import", STAFF, "--create-missing", "--apply").exit_code == 0
    again = invoke(app, "import", STAFF, "--apply")
    assert again.exit_code == 0
    assert "25 rows: 0 new, 0 changed, 25 unchanged, 0 refused." in again.stdout
    assert "dry run" not in again.stdout
    assert len(numbers(app)) == 25


def test_refused_rows_end_with_1_and_the_others_come_in(app: Flask) -> None:
    typed = b"number,name,hired,salary\n1,Ann Orr,2020-01-01,5\n2,Bea Quill,soon,\n3,Cleo Dee,2020-01-01,\n"
    done = invoke(app, "import", "-", "--apply", "--currency", "eur", typed=typed)
    assert done.exit_code == 1
    assert "Row 3: refused, 2 Bea Quill: hired: “soon” is no date" in done.stdout
    assert numbers(app) == {"1", "3"}
    with app.app_context():
        assert db.session.scalars(select(Pay.currency)).one() == "EUR"


def test_change_is_told_with_before_and_after(app: Flask) -> None:
    for place in ("Ulm", "Bonn"):
        typed = f"number,name,hired,location\n1,Ann Orr,2020-01-01,{place}\n".encode()
        done = invoke(app, "import", "-", "--apply", typed=typed)
    assert "Row 2: changed, 1 Ann Orr: location: Ulm → Bonn" in done.stdout


def test_report_comes_as_json(app: Flask) -> None:
    done = invoke(app, "import", STAFF, "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert report["counts"]["refused"] == 25
    assert report["rows"][0]["reasons"][0].startswith("There is no department “Board Office”")


def test_mapping_names_the_columns(app: Flask, tmp_path: Path) -> None:
    mapping = tmp_path / "columns.json"
    mapping.write_text('{"Code": "number", "Who": "name", "Since": "hired_on"}')
    typed = b"Code,Who,Since\n1,Ann Orr,2020-01-01\n"
    assert invoke(app, "import", "-", "--apply", typed=typed).exit_code == 2
    assert invoke(app, "import", "-", "--apply", "--map", mapping, typed=typed).exit_code == 0
    assert numbers(app) == {"1"}


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("gone.csv",), None, "gone.csv can't be opened: No such file or directory."),
        (("-",), b"", "The file is empty"),
        (("-",), b"PK\x03\x04", "spreadsheet workbook"),
        (("-",), b"number,hired\n1,2020-01-01\n", "No column is recognised as the name"),
        (("-", "--map", "gone.json"), b"number,name\n", "gone.json can't be opened"),
        (("-", "--currency", "gold"), b"number,name\n", "“gold” is no currency"),
    ],
)
def test_file_that_can_not_be_used_ends_with_2_and_one_sentence(
    app: Flask, arguments: tuple[str, ...], typed: bytes | None, words: str
) -> None:
    done = invoke(app, "import", "--apply", *arguments, typed=typed)
    assert done.exit_code == 2
    assert words in done.stderr
    assert (done.stderr.count("\n"), done.stdout) == (1, "")


def test_export_is_safe_in_a_spreadsheet_private_and_taken_back(app: Flask, tmp_path: Path) -> None:
    head = "number,name,hired,phone,notes,manager"
    typed = f'{head}\n1,"=1+1, Zoë",2020-01-01,+49 1,"- a\nb",\n2,Bea Quill,2020-01-01,,,Zoë =1+1\n'
    assert invoke(app, "import", "-", "--apply", typed=typed.encode()).exit_code == 0
    target = tmp_path / "people.csv"
    done = invoke(app, "export", target)
    assert done.exit_code == 0, done.output
    assert target.stat().st_mode & 0o777 == 0o600
    with target.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["last_name"], first["phone"], first["notes"]) == ("'=1+1", "'+49 1", "'- a\nb")
    assert (second["manager_number"], second["manager"]) == ("1", "Zoë =1+1")
    again = invoke(app, "import", target)
    assert "2 rows: 0 new, 0 changed, 2 unchanged, 0 refused." in again.stdout
    assert "Managers not linked" not in again.stdout


def test_export_goes_to_standard_output(app: Flask) -> None:
    invoke(app, "import", STAFF, "--create-missing", "--apply")
    done = invoke(app, "export", "-")
    assert len(list(csv.DictReader(done.stdout.removeprefix("\ufeff").splitlines()))) == 25
    assert "25 people exported." in done.stderr
    again = invoke(app, "import", "-", typed=done.stdout_bytes)
    assert "25 unchanged" in again.stdout


def test_export_to_a_folder_that_is_not_there_ends_with_2(app: Flask, tmp_path: Path) -> None:
    done = invoke(app, "export", tmp_path / "gone" / "people.csv")
    assert done.exit_code == 2
    assert "can't be written: No such file or directory." in done.stderr
