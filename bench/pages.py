"""How long pages take, beside the least that such a page can take, in one run: make bench PEOPLE=20000.

The measure is bare Flask with one query of fifty joined rows by SQLAlchemy Core and a plain Jinja table, on the same
database and in the same process. What holds from machine to machine are the ratios, not the milliseconds.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, render_template_string
from flask_migrate import upgrade
from sqlalchemy import Engine, text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from app import actions, create_app  # noqa: E402
from app.access.actor import operator  # noqa: E402
from app.accounts import sessions  # noqa: E402
from app.accounts.models import User  # noqa: E402
from app.actions import demo  # noqa: E402
from app.changes.transaction import write  # noqa: E402
from app.extensions import db  # noqa: E402
from config import load_config  # noqa: E402

ROUNDS = 15
PEOPLE = int(os.environ.get("PEOPLE", "5000"))
PAGES = {
    "list, first page": "/admin/employees/",
    "list, last page": "/admin/employees/?last=1",
    "list, by hiring date": "/admin/employees/?sort=5&desc=1",
    "list, search by surname": "/admin/employees/?search=silva",
    "list, one department": "/admin/employees/?flt0_department=3",
    "form": "/admin/employees/edit/?id=50",
    "directory": "/directory",
    "dashboard": "/dashboard",
    "HR home": "/admin/",
}
BARE_ROWS = text(
    "SELECT e.number, e.first_name, e.last_name, e.hired_on, e.status, d.name AS department, r.title AS role "
    "FROM (SELECT id FROM employees ORDER BY name_key, id LIMIT 50) AS page JOIN employees e ON e.id = page.id "
    "LEFT JOIN departments d ON d.id = e.department_id LEFT JOIN roles r ON r.id = e.role_id"
)
BARE_TABLE = (
    "<table>{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table>"
)


def main() -> None:
    """Build the organisation, measure, and print a line for each page."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(load_config("testing", environ={}, DATABASE_URL=f"sqlite:///{folder}/bench.sqlite3"))
        app.logger.root.setLevel("CRITICAL")
        token = prepared(app)
        with app.app_context():
            engine = db.engine
        client, bare = app.test_client(), bare_app(engine).test_client()
        with client.session_transaction() as session:
            session["_user_id"] = token
        print(f"{PEOPLE:,} people on SQLite, median of {ROUNDS} rounds, each beside the bare page")
        print(f"{'page':<26}{'ms':>8}{'bare ms':>10}{'ratio':>8}{'kB':>8}")
        for name, url in PAGES.items():
            ours, least, size = [], [], 0
            for _ in range(ROUNDS):
                seconds, size = timed(lambda url=url: client.get(url).data)
                ours.append(seconds)
                least.append(timed(lambda: bare.get("/").data)[0])
            mine, its = statistics.median(ours), statistics.median(least)
            print(f"{name:<26}{mine * 1000:8.1f}{its * 1000:10.1f}{mine / its:8.1f}{size / 1000:8.0f}")
        print(f"memory of this process at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        engine.dispose()


def prepared(app: Flask) -> str:
    """Fill the database and return the token of an administrator's session."""
    with app.app_context():
        upgrade()
        demo.seed(PEOPLE, 1)
        role_id = db.session.execute(text("SELECT id FROM access_roles WHERE name = 'administrator'")).scalar()
        values = {"email": "bench@rollcall.example", "access_role_id": role_id}
        run = actions.run("create_user", actor=operator(), source=actions.Source.CLI, values=values)
        return write(lambda: sessions.start(db.session.get_one(User, run.value), None, None))


def bare_app(engine: Engine) -> Flask:
    """Return the least that shows fifty joined rows."""
    bare = Flask("bare")

    @bare.get("/")
    def rows() -> str:
        with engine.connect() as connection:
            return render_template_string(BARE_TABLE, rows=connection.execute(BARE_ROWS).all())

    return bare


def timed(work: Callable[[], bytes]) -> tuple[float, int]:
    """Return the seconds that `work` takes, and the size of what it gives."""
    gc.collect()
    start = time.perf_counter()
    size = len(work())
    return time.perf_counter() - start, size


if __name__ == "__main__":
    main()
