"""The `flask` command line: results on stdout, logs on stderr, exit code 0 only when all went well."""

from flask import Flask

from app.commands.backup import backup
from app.commands.cache import cache
from app.commands.check import check
from app.commands.demo import seed_demo
from app.commands.deployed import deployed
from app.commands.four_eyes import four_eyes
from app.commands.journal import journal
from app.commands.migrate import migrate
from app.commands.migration_report import migration_report
from app.commands.people import people
from app.commands.read_only import read_only
from app.commands.restore import restore
from app.commands.serve import serve
from app.commands.users import create_admin, create_user, sign_in_link
from app.commands.worker import worker


def init_app(app: Flask) -> None:
    """Add our commands to `app`."""
    for command in (
        backup,
        cache,
        check,
        create_admin,
        create_user,
        deployed,
        four_eyes,
        journal,
        migrate,
        migration_report,
        people,
        read_only,
        restore,
        seed_demo,
        serve,
        sign_in_link,
        worker,
    ):
        app.cli.add_command(command)
