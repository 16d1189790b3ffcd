"""What the journal costs a single edit: the same edit with it on and off, taking turns, in one run: make bench.

Once as the form sends it, once as the bare action, on SQLite and on the servers that are installed here. They don't
wait for the disk at COMMIT: with a real disk both take longer, and the journal's share is smaller.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from app import actions  # noqa: E402
from app.access.actor import operator  # noqa: E402
from app.actions import registry  # noqa: E402
from app.changes import tracking  # noqa: E402
from app.extensions import db  # noqa: E402
from app.people.employee import Employee  # noqa: E402
from bench.pages import prepared, timed  # noqa: E402
from tests.applications import application  # noqa: E402
from tests.browsing import Browser, filled  # noqa: E402
from tests.services.engines import launch  # noqa: E402
from tests.services.programs import is_installed  # noqa: E402

ROUNDS = 100
PERSON = 50


@contextmanager
def journal_off() -> Iterator[None]:
    """Let actions change data without gathering or writing what they changed."""

    @contextmanager
    def nothing() -> Iterator[list[tracking.Change]]:
        db.session().info[tracking.RECORDING] = {}
        try:
            yield []
        finally:
            db.session().info[tracking.RECORDING] = None

    with patch.object(registry, "recording", nothing):
        yield


def main() -> None:
    """Print a line for each database and kind of edit."""
    print(f"A single edit with and without the journal, medians of {ROUNDS} each, taking turns")
    print(f"{'database':<12}{'edit':<10}{'off ms':>9}{'on ms':>9}{'more':>8}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        measured("SQLite", f"sqlite:///{folder}/bench.sqlite3")
        for tier in ("MariaDB", "PostgreSQL"):
            if is_installed(tier):
                server = launch(tier, Path(folder))
                stack.callback(server.stop)
                measured(tier, server.create_database("bench"))


def measured(name: str, url: str) -> None:
    """Measure on one database."""
    with application(url) as app:
        app.logger.root.setLevel("CRITICAL")
        token, numbers = prepared(app), count()
        browser = Browser(app)
        with browser.client.session_transaction() as session:
            session["_user_id"] = token
        page = f"/admin/employees/edit/?id={PERSON}"

        def as_form() -> Callable[[], bytes]:
            typed = filled(browser.get(page), phone=f"+1 {next(numbers)}")
            return lambda: str(browser.client.post(page, data=typed).status_code).encode()

        def as_action() -> Callable[[], bytes]:
            with app.app_context():
                version = db.session.get_one(Employee, PERSON).version
            wanted = {"employee_id": PERSON, "version": version, "values": {"phone": f"+1 {next(numbers)}"}}

            def act() -> bytes:
                with app.app_context():
                    actions.run("change_employee", actor=operator(), source=actions.Source.CLI, **wanted)
                return b""

            return act

        for kind, made in (("form", as_form), ("action", as_action)):
            on, off = [], []
            for _ in range(ROUNDS):
                with journal_off():
                    off.append(timed(made())[0])
                on.append(timed(made())[0])
            without, with_it = statistics.median(off), statistics.median(on)
            more = with_it / without - 1
            print(f"{name:<12}{kind:<10}{without * 1000:9.2f}{with_it * 1000:9.2f}{more:8.0%}", flush=True)


if __name__ == "__main__":
    main()
