"""Accounts at the command line: the way in where nobody can sign in yet, or any more."""

from __future__ import annotations

import sys
from typing import Any

import click
from flask.cli import with_appcontext

from app import actions
from app.access.actor import Actor, operator
from app.actions.registry import Source
from app.commands.words import failing_in_words
from app.reading import named
from app.reading.accounts import access_roles

WITH_PASSWORD = click.option(
    "--password-stdin", "is_password_given", is_flag=True, help="Read the password from standard input."
)


@click.command("create-user")
@click.argument("email")
@click.option("--access-role", "access_role", required=True, help="What they may do: administrator, hr, staff …")
@click.option("--employee", "number", help="Number of the employee whose account this is.")
@WITH_PASSWORD
@with_appcontext
def create_user(email: str, access_role: str, number: str | None, is_password_given: bool) -> None:
    """Add an account, and print a one-time sign-in link where no password is given."""
    with failing_in_words():
        _create(email, access_role, number, is_password_given)


@click.command("create-admin")
@click.argument("email")
@WITH_PASSWORD
@with_appcontext
def create_admin(email: str, is_password_given: bool) -> None:
    """Add an administrator, and print a one-time sign-in link where no password is given."""
    with failing_in_words():
        _create(email, "administrator", None, is_password_given)


@click.command("sign-in-link")
@click.argument("email")
@with_appcontext
def sign_in_link(email: str) -> None:
    """Print a new one-time sign-in link for somebody who has no password or forgot it."""
    with failing_in_words():
        actor = operator()
        user_id = named.user_id(actor, email)
        if user_id is None:
            raise click.ClickException(f"There is no account with the address {email}: make one with create-user.")
        _print_link(actor, user_id)


def _create(email: str, access_role: str, number: str | None, is_password_given: bool) -> None:
    actor = operator()
    values: dict[str, Any] = {"email": email, "access_role_id": named.access_role_id(actor, access_role)}
    if values["access_role_id"] is None:
        known = ", ".join(role.name for role in access_roles(actor))
        raise click.ClickException(f"There is no access role “{access_role}”; there are: {known}.")
    if number is not None:
        values["employee_id"] = named.employee_id(actor, number)
        if values["employee_id"] is None:
            raise click.ClickException(f"There is no employee with the number {number}.")
    if named.user_id(actor, email) is not None:
        raise click.ClickException(f"There is an account with the address {email} already.")
    password = _password() if is_password_given else None
    user_id = actions.run("create_user", actor=actor, source=Source.CLI, values=values, password=password).value
    if password is None:
        _print_link(actor, user_id)


def _password() -> str:
    """Return the first line of standard input."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("Standard input holds no password: write it there in one line.")
    return password


def _print_link(actor: Actor, user_id: int) -> None:
    """Print the path only: under which address people reach this installation is not known here."""
    token = actions.run("make_sign_in_link", actor=actor, source=Source.CLI, user_id=user_id).value
    click.echo(f"/sign-in/{token}")
    click.echo("Works once, within two days, after the address of this installation.", err=True)
