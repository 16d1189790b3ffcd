"""What `make run` does once everything is installed: from whatever is there to a serving application."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app import actions
from app.access.actor import operator
from app.actions.registry import Source
from app.commands.migrator import refuse_unfinished
from app.commands.words import failing_in_words
from app.core.clock import now
from app.core.database import migration, schema
from app.core.database.pending import is_known
from app.core.problems import Invalid
from app.core.security import LOOPBACK
from app.extensions import db
from app.reading import named

DEMO_SEED = 1
DEMO_PREFIX = "D-"


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """Who was made administrator just now; the password only where it is ours and has to be shown."""

    email: str
    made_up_password: str | None


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Migrate, make the first administrator and the demo organisation where there are none, and serve.

    With SETUP_AT_START=0 it only serves, also while the database is away or not migrated yet: /readyz says which.
    """
    # The first process of a container ends by this signal only where it says so; until gunicorn takes it over.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    host, port = app.config["HOST"], app.config["PORT"]
    _refuse_unwritable_folder(Path(app.instance_path))
    _refuse_lost_cookies(host)
    with _bound(host, port) as listener, failing_in_words():
        way_in = _set_up() if app.config["SETUP_AT_START"] else "Sign in with your account."
        # Only now: it takes its time to load, and the other steps may end the program before.
        from app.commands.server import serve_on

        serve_on(listener, app, lambda: _print_welcome(app, way_in))


def _refuse_unwritable_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".written-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise click.ClickException(
            f"{folder} can't be written ({error.strerror}): make it writable or name another folder by INSTANCE_PATH."
        ) from error


def _refuse_lost_cookies(host: str) -> None:
    """Refuse an address at which nobody could sign in: off this machine, browsers keep our cookie only over https."""
    if host in LOOPBACK or f"[{host}]" in LOOPBACK or current_app.config["TRUSTED_PROXIES"] > 0:
        return
    raise click.ClickException(
        f"HOST={host} would serve plain http to other machines, where browsers drop the sign-in cookie: put a proxy "
        "with https in front and set TRUSTED_PROXIES=1, or keep HOST=127.0.0.1 and reach it through an SSH tunnel."
    )


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that holds the address from now on, so that two starts can't both go on to migrate."""
    if not 0 < port < 65536:
        raise click.ClickException(f"PORT={port} is no port: choose one from 1024 to 65535.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise click.ClickException(_why_not_bound(host, port, error)) from error
    return listener


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use, perhaps by another Rollcall: stop that program, or choose another port with "
            f"PORT={port + 1 if port < 65535 else 5000}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for the system's own programs: choose one from 1024 on, for example PORT=5000."
    return f"HOST={host} is no address of this machine: use HOST=127.0.0.1."


def _set_up() -> str:
    """Make everything that serving needs, and return how one signs in."""
    _migrate()
    made, email = _first_run(), current_app.config["ADMIN_EMAIL"]
    if made is None:
        is_known = named.user_id(operator(), email) is not None
        way_in = f"Sign in as {email}, or with any other account." if is_known else "Sign in with your account."
    elif made.made_up_password is None:
        way_in = f"Sign in as {email} with the password of ADMIN_PASSWORD."
    else:
        way_in = f"Sign in as {email} with the password {made.made_up_password} (shown only now)."
    db.session.remove()
    db.engine.dispose()
    return way_in


def _migrate() -> None:
    """Bring the database up to date, unless a newer version of this code already took it further."""
    before = migration.current()
    refuse_unfinished(before)
    if before is not None and not is_known(before):
        if schema.is_usable():
            return
        raise click.ClickException(
            f"The database was migrated by a newer Rollcall (to {before}), with which this one can't work: start the "
            "newer one, or put a copy from before that migration in its place."
        )
    copy = migration.bring_up_to_date(now())
    if copy:
        click.echo(f"The database was migrated; a copy from before is kept at {copy}.")


def _first_run() -> FirstAdministrator | None:
    """Make the demo organisation and the administrator where there is no account yet.

    The administrator comes last: a first run that was interrupted is a first run again.
    """
    if named.is_any_user(operator()):
        return None
    config = current_app.config
    email, password = config["ADMIN_EMAIL"], config["ADMIN_PASSWORD"] or secrets.token_urlsafe(12)
    _create_administrator(email, password, preview=True)
    if config["DEMO"] and not named.is_any_employee_besides(operator(), DEMO_PREFIX):
        _make_demo(config["DEMO"])
    _create_administrator(email, password)
    return FirstAdministrator(email, None if config["ADMIN_PASSWORD"] else password)


def _create_administrator(email: str, password: str, preview: bool = False) -> None:
    values = {"email": email, "access_role_id": named.access_role_id(operator(), "administrator")}
    try:
        actions.run(
            "create_user", actor=operator(), source=Source.CLI, preview=preview, values=values, password=password
        )
    except Invalid as problem:
        setting = {"email": "ADMIN_EMAIL", "password": "ADMIN_PASSWORD"}.get(next(iter(problem.errors), ""), "")
        raise click.ClickException(f"{setting}: {problem}" if setting else str(problem)) from problem


def _make_demo(employees: int) -> None:
    from app.actions.demo.fill import seed  # takes its time to load, and later starts don't need it
    from app.actions.demo.plan import MOST_EMPLOYEES

    if employees > MOST_EMPLOYEES:
        raise click.ClickException(f"DEMO={employees} is too many: choose a number from 0 to {MOST_EMPLOYEES}.")
    click.echo(f"Making a demo organisation of {employees} people (DEMO=0 leaves it out) …", err=True)
    seed(employees, DEMO_SEED)


def _print_welcome(app: Flask, way_in: str) -> None:
    config = app.config
    host = f"[{config['HOST']}]" if ":" in config["HOST"] else config["HOST"]
    click.echo(f"Rollcall serves at http://{host}:{config['PORT']}\n{way_in}\nStop with Ctrl-C.")
