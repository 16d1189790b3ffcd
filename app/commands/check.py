"""`flask check`: what is not as it should be, one finding a line, under ids that stay (docs/operations.md)."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import SQLAlchemyError

from app.core import mail
from app.core.database import migration, schema, server
from app.core.database.diagnosis import diagnose
from app.core.database.pending import is_known
from app.core.database.report import TooNew, Verdict, hosts_seen, report
from app.core.querycache.cached import of_app
from app.core.security import LOOPBACK
from app.extensions import db

ERROR, WARNING = "error", "warning"
SHORTEST_KEY = 32
FEWEST_LETTERS = 10
DDL = re.compile(r"\b(ALL PRIVILEGES|CREATE|ALTER|DROP|INDEX|SUPER)\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be; an error makes the command fail."""

    id: str
    level: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.id} {self.level}: {self.sentence}"


@click.command("check")
@click.option("--deploy", "is_deployed", is_flag=True, help="Also check what matters where others sign in.")
@click.option("--before-migration", "is_before", is_flag=True, help="A deployment migrates next, and has not yet.")
@with_appcontext
def check(is_deployed: bool, is_before: bool) -> None:
    """Print what is not as it should be; exit code 1 where that includes an error."""
    found = sorted(findings(is_deployed, is_before), key=lambda finding: finding.id)
    for finding in found:
        click.echo(str(finding))
    if not found:
        click.echo("Nothing found.", err=True)
    if any(finding.level == ERROR for finding in found):
        raise SystemExit(1)


def findings(is_deployed: bool, is_before: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with the settings, the folders and the database of the current application.

    With `is_before` a database that is behind is as it should be: the deployment that asks migrates next.
    """
    if is_deployed:
        yield from _settings(current_app.config)
        yield from _deployment(current_app.config)
    yield from _folders(Path(current_app.instance_path))
    yield from _database(is_deployed, is_before)
    yield from _redis()


def _settings(config: Any) -> Iterator[Finding]:
    key = config["SECRET_KEY"] or ""
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_LETTERS:
        yield Finding(
            "R001",
            ERROR,
            f"SECRET_KEY is easy to guess: use at least {SHORTEST_KEY} random characters, for example those of "
            "python3 -c 'import secrets; print(secrets.token_hex(32))'.",
        )
    if current_app.debug or config["FLASK_CONFIG"] == "development":
        yield Finding("R002", ERROR, "Debugging is on, which shows code to visitors: set FLASK_CONFIG=production.")
    is_near = config["HOST"] in LOOPBACK or f"[{config['HOST']}]" in LOOPBACK
    if not config["TRUSTED_PROXIES"]:
        yield Finding(
            "R003",
            WARNING,
            "No proxy is trusted, so this serves plain http, and browsers elsewhere drop the sign-in cookie: put a "
            "proxy with https in front and set TRUSTED_PROXIES=1.",
        )
    elif not is_near:
        yield Finding(
            "R004",
            WARNING,
            f"{config['TRUSTED_PROXIES']} proxies are trusted while HOST={config['HOST']} is open to other machines: "
            "see to it that only the proxy reaches this port, or anybody can pretend to be at any address.",
        )
    yield from _mail(config)
    if not (config["SESSION_COOKIE_HTTPONLY"] and config["SESSION_COOKIE_SAMESITE"] in ("Lax", "Strict")):
        yield Finding("R003", ERROR, "The session cookie can be read by scripts or sent from other sites.")


def _deployment(config: Any) -> Iterator[Finding]:
    """Look at what matters where servers are replaced one by one."""
    if config["FLASK_CONFIG"] == "production" and config["TRUSTED_PROXIES"] and not config["DRAIN_SECONDS"]:
        yield Finding(
            "R016",
            WARNING,
            "A proxy is in front and DRAIN_SECONDS is 0, so what it sends while this server ends is refused: set "
            "DRAIN_SECONDS to more seconds than its health checks take to notice, such as 10.",
        )
    made = Path(current_app.instance_path) / "secret_key"
    if db.engine.dialect.name != "sqlite" and _holds(made, config["SECRET_KEY"]):
        yield Finding(
            "R018",
            WARNING,
            f"SECRET_KEY is the one that this machine made for itself ({made}), so another server would refuse its "
            "cookies: set the same SECRET_KEY on all of them.",
        )


def _holds(path: Path, words: str) -> bool:
    try:
        return path.read_text(encoding="ascii").strip() == words
    except (OSError, ValueError):
        return False


def _mail(config: Any) -> Iterator[Finding]:
    if config["TRUSTED_PROXIES"] and config["PUBLIC_URL"].startswith("http://"):
        yield Finding(
            "R012",
            WARNING,
            f"Links in mails begin with {config['PUBLIC_URL']}, although a proxy with https is in front: set "
            "PUBLIC_URL to the address that people use, such as https://hr.example.com.",
        )
    if mail.goes_to_a_folder():
        yield Finding(
            "R013",
            WARNING,
            "Messages are written into a folder and reach nobody: set MAIL_URL to your mail server, such as "
            "smtp://user:password@host:587?from=hr@example.com.",
        )


def _folders(instance: Path) -> Iterator[Finding]:
    try:
        probe = instance / ".checked"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding("R008", ERROR, f"The instance folder {instance} can't be written: {error.strerror}.")
    url = db.engine.url
    data = [Path(str(url.database))] if url.get_backend_name() == "sqlite" and url.database else []
    for path, level in [
        *((instance / name, ERROR) for name in ("secret_key", "config.py")),
        *((file, WARNING) for file in data),
    ]:
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding("R008", level, f"{path} is open to other users of this machine: run chmod 600 {path}.")


def _database(is_deployed: bool, is_before: bool) -> Iterator[Finding]:
    backend = db.engine.dialect.name
    if is_deployed and backend == "sqlite":
        yield Finding(
            "R009",
            WARNING,
            "SQLite serves one machine only: for several, or for many people writing at once, set DATABASE_URL.",
        )
    try:
        yield from _migrations(is_before)
        if is_deployed:
            yield from _downtime()
        with db.engine.connect() as connection:
            if is_deployed:
                yield from _storage(connection)
            if backend != "sqlite":  # which has the clock of this machine and knows only UTF-8
                yield from _clock(connection)
                yield from _charset(connection)
                if is_deployed:
                    yield from _rights(connection)
    except SQLAlchemyError as error:
        yield Finding("R011", ERROR, diagnose(error))


def _redis() -> Iterator[Finding]:
    """Look whether the store of the query cache takes values and gives them back in time; memory always does."""
    store = of_app().store
    store.probe()
    if store.trouble:
        yield Finding(
            "R014",
            WARNING,
            f"Redis is of no use at the moment, {store.trouble.reason}: pages are right, but slower, until REDIS_URL "
            "leads to one that works (docs/operations.md, “When Redis is in trouble”).",
        )


def _migrations(is_before: bool) -> Iterator[Finding]:
    current, head = migration.current(), migration.head()
    if current == head or (is_before and (current is None or is_known(current))):
        return
    if current is not None and schema.is_usable():
        yield Finding("R006", WARNING, f"The database is at migration {current}, beyond this version's {head}.")
    else:
        yield Finding(
            "R006",
            ERROR,
            f"The database is at migration {current or 'none'}, this version needs {head}: run "
            "`flask --app run migrate`.",
        )


def _downtime() -> Iterator[Finding]:
    """Look whether what is still to be migrated lets the version that runs now go on."""
    try:
        found = report()
    except TooNew:  # R006 says so
        return
    if found.verdict is Verdict.DOWNTIME:
        yield Finding(
            "R015",
            ERROR,
            f"The pending migrations need downtime. {found.reasons[0]} See `flask --app run migration-report`; end "
            "what runs, and use `flask --app run migrate --with-downtime`.",
        )


def _storage(connection: Connection) -> Iterator[Finding]:
    """Look whether several servers would each write into a folder of their own."""
    hosts = sorted(hosts_seen(connection))
    if len(hosts) > 1 and current_app.config["STORAGE_URL"].lower().startswith("file:"):
        yield Finding(
            "R017",
            WARNING,
            f"{len(hosts)} servers run ({', '.join(hosts)}) and STORAGE_URL is a folder: see to it that all of them "
            "share it, or name a bucket, such as s3://bucket/prefix.",
        )


def _clock(connection: Connection) -> Iterator[Finding]:
    seconds = server.seconds_ahead(connection) or 0
    if abs(seconds) > server.CLOCK_SECONDS:
        yield Finding(
            "R007",
            ERROR,
            f"The clocks of this machine and of the database server are {abs(seconds):.0f} seconds apart: let "
            "both follow a time server.",
        )


def _charset(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name == "postgresql":
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            yield Finding(
                "R005",
                ERROR,
                f"The database's encoding is {encoding}, which can't hold every name: make one with ENCODING 'UTF8'.",
            )
        return
    query = "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = DATABASE()"
    charset = connection.execute(text(query)).scalar_one()
    narrow = connection.execute(
        text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_collation NOT LIKE 'utf8mb4%' ORDER BY table_name"
        )
    )
    tables = [str(row[0]) for row in narrow]
    if charset != "utf8mb4" or tables:
        where = f"of the tables {', '.join(tables)}" if tables else "of the database"
        yield Finding(
            "R005",
            ERROR,
            f"The character set {where} is not utf8mb4, which every name needs: convert with "
            "ALTER … CHARACTER SET utf8mb4.",
        )


def _rights(connection: Connection) -> Iterator[Finding]:
    """Look whether the application's own account could change tables, which only the migrator should."""
    if connection.dialect.name == "postgresql":
        query = "SELECT has_schema_privilege(current_user, current_schema(), 'CREATE')"
        may = bool(connection.execute(text(query)).scalar())
    else:
        grants = [str(row[0]) for row in connection.execute(text("SHOW GRANTS"))]
        may = any(DDL.search(_privileges(grant)) for grant in grants if _is_about(grant, db.engine.url))
    if may:
        yield Finding(
            "R010",
            WARNING,
            f"The database account “{db.engine.url.username}” may change tables: let the application sign in as one "
            "that only reads and writes rows, and leave tables to the migrator (scripts/bootstrap-*.sql make both).",
        )


def _privileges(grant: str) -> str:
    return grant.partition(" ON ")[0]


def _is_about(grant: str, url: URL) -> bool:
    """Say whether a grant covers the database: `*.*`, or its name, in which `_` may be escaped."""
    target = grant.partition(" ON ")[2].partition(" TO ")[0].replace("\\", "")
    return target.startswith(("*.*", f"`{url.database}`."))
