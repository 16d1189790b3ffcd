"""The `flask` command line: results on stdout, logs on stderr, exit code 0 only when all went well."""

from flask import Flask

from app.commands.cache import cache
from app.commands.check import check
from app.commands.demo import seed_demo
from app.commands.four_eyes import four_eyes
from app.commands.journal import journal
from app.commands.people import people
from app.commands.serve import serve
from app.commands.users import create_admin, create_user, sign_in_link
from app.commands.worker import worker


def init_app(app: Flask) -> None:
    """Add our commands to `app`."""
    for command in (
        cache,
        check,
        create_admin,
        create_user,
        four_eyes,
        journal,
        people,
        seed_demo,
        serve,
        sign_in_link,
        worker,
    ):
        app.cli.add_command(command)
