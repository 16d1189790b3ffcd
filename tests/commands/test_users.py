from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from app.access.actor import operator
from app.accounts import passwords
from app.accounts.models import AccessRole, User
from app.accounts.sign_in import owner_of_link
from app.actions import run
from app.actions.registry import Source
from app.commands import users
from app.core.clock import today
from app.extensions import db
from tests.applications import application

LINK = re.compile(r"/sign-in/([\w-]{43})\n")


def invoke(app: Flask, command: Any, *arguments: str, typed: str | None = None) -> Result:
    runner = app.test_cli_runner()
    assert isinstance(runner, CliRunner)
    return runner.invoke(command, arguments, input=typed)


def account(app: Flask, email: str) -> tuple[str, str | None, int | None] | None:
    """Return the access role, password hash and employee of an account."""
    with app.app_context():
        query = select(AccessRole.name, User.password_hash, User.employee_id).join(AccessRole)
        row = db.session.execute(query.where(User.email == email)).first()
        return tuple(row) if row else None  # type: ignore[return-value]


def owner(app: Flask, printed: str) -> str:
    """Return the address of whom the printed link signs in."""
    found = LINK.fullmatch(printed)
    assert found, printed
    with app.app_context():
        return owner_of_link(found[1]).email


def test_user_without_password_gets_a_link_that_works(app: Flask) -> None:
    done = invoke(app, users.create_user, "ana@example.org", "--access-role", "HR")
    assert done.exit_code == 0, done.output
    assert owner(app, done.stdout) == "ana@example.org"
    assert account(app, "ana@example.org") == ("hr", None, None)


def test_password_is_read_from_standard_input_and_not_shown(app: Flask) -> None:
    typed = "four Words for ana\nmore"
    done = invoke(app, users.create_admin, "ana@example.org", "--password-stdin", typed=typed)
    assert (done.exit_code, done.output) == (0, "")
    found = account(app, "ana@example.org")
    assert found is not None
    assert found[0] == "administrator"
    assert passwords.matches(found[1], "four Words for ana")


def test_account_can_belong_to_an_employee(app: Flask) -> None:
    with app.app_context():
        values = {"number": "E-7", "first_name": "Ana", "last_name": "Lovelace", "hired_on": today().isoformat()}
        employee_id = run("hire", actor=operator(), source=Source.CLI, values=values).value
    arguments = ("ana@example.org", "--access-role", "staff", "--employee", " e-7")
    done = invoke(app, users.create_user, *arguments)
    assert done.exit_code == 0, done.output
    assert account(app, "ana@example.org") == ("staff", None, employee_id)
    again = invoke(app, users.create_user, "other@example.org", "--access-role", "staff", "--employee", "E-7")
    assert again.exit_code == 1
    assert again.stderr.startswith("Error: ")
    assert account(app, "other@example.org") is None


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (
            ("ana@example.org", "--access-role", "boss"),
            None,
            "There is no access role “boss”; there are: administrator, auditor, hr, manager, staff.",
        ),
        (
            ("ANA@here.example", "--access-role", "hr"),
            None,
            "There is an account with the address ANA@here.example already.",
        ),
        (
            ("ana@example.org", "--access-role", "hr", "--employee", "9"),
            None,
            "There is no employee with the number 9.",
        ),
        (
            ("ana@example.org", "--access-role", "hr", "--password-stdin"),
            "",
            "Standard input holds no password: write it there in one line.",
        ),
        (
            ("ana@example.org", "--access-role", "hr", "--password-stdin"),
            "short\n",
            "Use at least 8 characters; a few words are fine.",
        ),
    ],
)
def test_refusal_is_one_sentence_and_makes_nothing(
    app: Flask, arguments: tuple[str, ...], typed: str | None, sentence: str
) -> None:
    assert invoke(app, users.create_admin, "ana@here.example").exit_code == 0
    done = invoke(app, users.create_user, *arguments, typed=typed)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"Error: {sentence}\n")
    with app.app_context():
        assert list(db.session.scalars(select(User.email))) == ["ana@here.example"]


def test_address_that_is_none_is_refused(app: Flask) -> None:
    done = invoke(app, users.create_admin, "nobody")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert account(app, "nobody") is None


def test_new_link_replaces_the_one_before(app: Flask) -> None:
    first = invoke(app, users.create_admin, "ana@example.org").stdout
    second = invoke(app, users.sign_in_link, "Ana@Example.org")
    assert owner(app, second.stdout) == "ana@example.org"
    with pytest.raises(Exception, match="doesn’t work any more"):
        owner(app, first)


def test_link_for_nobody_is_refused(app: Flask) -> None:
    done = invoke(app, users.sign_in_link, "ana@example.org")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no account with the address ana@example.org" in done.stderr


def test_database_without_tables_is_one_sentence(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=tmp_path) as app:
        done = invoke(app, users.create_admin, "ana@example.org")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "does not have this version's tables yet: run `flask --app run db upgrade`." in done.stderr
    assert len(done.stderr.splitlines()) == 1
