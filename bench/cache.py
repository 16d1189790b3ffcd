"""What the query cache gives: pages without it, at a miss and at a hit, and how many hits there are while people edit.

Pages are asked by turns in one run, so what holds from machine to machine are the ratios: make bench PEOPLE=100000
shows what the numbers of the HR home save where there are many people, READER_SECONDS=60 watches readers for longer.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from flask import Flask, g  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402
from sqlalchemy import func, select, text  # noqa: E402

from app import actions  # noqa: E402
from app.access.actor import by_session_token, operator  # noqa: E402
from app.accounts import sessions  # noqa: E402
from app.accounts.models import User  # noqa: E402
from app.changes.transaction import write  # noqa: E402
from app.core import querycache, timing  # noqa: E402
from app.core.clock import now  # noqa: E402
from app.core.querycache import keeper, versions  # noqa: E402
from app.extensions import db  # noqa: E402
from app.people.employee import Employee, Status  # noqa: E402
from app.reading import statistics as numbers  # noqa: E402
from bench.pages import PEOPLE, prepared, timed  # noqa: E402
from tests.applications import application  # noqa: E402
from tests.services.engines import launch  # noqa: E402
from tests.services.programs import is_installed  # noqa: E402

ROUNDS = 15
SECONDS = float(os.environ.get("READER_SECONDS", "15"))
VERIFIED = "0.01"
PAGES = {
    "HR home": "/admin/",
    "employees": "/admin/employees/",
    "departments": "/admin/departments/",
    "directory": "/directory",
    "dashboard": "/dashboard",
}
READERS = ("administrator", "hr", "manager", "staff")
THINKING_SECONDS = 0.05
IMPORTED = 5_000
"""So many people stand in the list that is imported; reading a longer one would take most of the time watched."""
Asked = Callable[[], tuple[float, int]]
"""Ask for something once; return the seconds and the number of SQL statements."""
PHONES = count()
"""Numbers that nobody has yet: to change somebody's to what it is would be no edit."""


def main() -> None:
    """Build the organisation, and print what each part measures."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        url = f"sqlite:///{folder}/bench.sqlite3"
        stores = {"memory": ""}
        if is_installed("Redis"):
            redis = launch("Redis", folder)
            stack.callback(redis.stop)
            stores["Redis"] = redis.admin_url()
        apps = {
            store: stack.enter_context(application(url, REDIS_URL=redis_url, CACHE_VERIFY="0"))
            for store, redis_url in stores.items()
        }
        apps["memory"].logger.root.setLevel("CRITICAL")
        token = prepared(apps["memory"])
        pages(apps, token)
        hit_rates(folder, url, stores)


# Pages and the numbers of the HR home


def pages(apps: dict[str, Flask], token: str) -> None:
    """Print a line for each page and store, and for the numbers of the HR home alone."""
    print(f"{PEOPLE:,} people on SQLite: medians of {ROUNDS} rounds in ms and SQL statements, taking turns")
    print(f"{'page':<14}{'store':<8}{'without':>14}{'miss':>14}{'hit':>14}{'without/hit':>13}{'miss/hit':>10}")
    for store, app in apps.items():
        client, told = signed_in(app, token), []
        timing.on_answer(app, told.append)

        def page(url: str, client: FlaskClient = client, told: list[Any] = told) -> tuple[float, int]:
            seconds, _size = timed(lambda: client.get(url).data)
            answered = told.pop()
            if answered.status != 200:
                raise SystemExit(f"{url} answered {answered.status}")
            return seconds, answered.sql_statements

        print(line("numbers alone", store, app, lambda app=app: overview(app, token)), flush=True)
        for name, url in PAGES.items():
            print(line(name, store, app, lambda url=url: page(url)), flush=True)


def line(name: str, store: str, app: Flask, asked: Asked) -> str:
    """Return a line of the table: the same asked without the cache, at a miss and at a hit."""
    found: dict[str, list[tuple[float, int]]] = {"without": [], "miss": [], "hit": []}
    kept_in = app.extensions["querycache"].store
    while len(found["hit"]) <= ROUNDS:
        with without_cache():
            without = asked()
        move_tokens(app)
        taken = {"without": without, "miss": asked(), "hit": asked()}
        if kept_in.trouble is not None:  # on a busy machine it may answer too late; that is measured elsewhere
            kept_in.probe()
            continue
        for kind, one in taken.items():
            found[kind].append(one)
    found = {kind: taken[1:] for kind, taken in found.items()}  # the first imports, compiles and connects
    middle = {kind: statistics.median(seconds for seconds, _ in taken) for kind, taken in found.items()}
    asks = {kind: max(statements for _, statements in taken) for kind, taken in found.items()}
    columns = "".join(f"{middle[kind] * 1000:9.1f} ({asks[kind]:2d})" for kind in found)
    ratios = f"{middle['without'] / middle['hit']:13.1f}{middle['miss'] / middle['hit']:10.1f}"
    return f"{name:<14}{store:<8}{columns}{ratios}"


@contextmanager
def without_cache() -> Iterator[None]:
    """Ask the database whatever is asked through the cache."""

    def straight(name: str, statement: Any, scope: str) -> list[Any]:
        return [tuple(row) for row in db.session.execute(statement)]

    with patch.object(querycache, "rows", straight):
        yield


def overview(app: Flask, token: str) -> tuple[float, int]:
    """Ask for the numbers of the HR home; the request's first statement, which brings the tokens, has run before."""
    with app.test_request_context():
        actor = by_session_token(token, now())
        assert actor is not None
        before = g.get("sql_statements", 0)
        start = time.perf_counter()
        numbers.overview(actor)
        return time.perf_counter() - start, g.get("sql_statements", 0) - before


def move_tokens(app: Flask) -> None:
    """Move all tokens, as a commit that touches everything does, and fold them, as is done each second."""
    with app.app_context():
        with keeper._writing() as connection, connection.begin():
            versions.move(connection, set(versions.groups().values()))
        keeper.fold()


def signed_in(app: Flask, token: str) -> FlaskClient:
    """Return a client that carries this session."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
    return client


# Hit rates


def hit_rates(folder: Path, url: str, stores: dict[str, str]) -> None:
    """Print how many answers come from the cache, for readers of all kinds who go from page to page."""
    print(f"\nReaders ({', '.join(READERS)}) on {', '.join(PAGES)}; {SECONDS:.0f} s each")
    print(f"{'edits':<16}{'store':<8}{'commits':>8}{'pages':>7}{'median ms':>11}", end="")
    print(f"{'asked':>8}{'hits':>7}{'verified':>10}")
    # Only these readers' application is open here, so that the other's pool holds no old snapshot.
    for store, redis_url in stores.items():
        with application(url, REDIS_URL=redis_url, CACHE_VERIFY=VERIFIED, SECRET_KEY=secret()) as app:
            clients = [signed_in(app, token) for token in tokens(app)]
            for edits, begun in (("none", idle), ("one a second", editing), ("an import", importing)):
                print(f"{edits:<16}{store:<8}{watched(app, clients, begun, folder, url)}", flush=True)


def secret() -> str:
    """Return a key of its own for each application, so that none finds what another kept."""
    return os.urandom(16).hex()


def tokens(app: Flask) -> list[str]:
    """Return tokens of sessions, one for each kind of reader; the manager is who most people report to."""
    found = []
    with app.app_context():
        roles = dict(db.session.execute(text("SELECT name, id FROM access_roles")).all())
        here = select(Employee.manager_id).where(Employee.status == Status.ACTIVE, Employee.manager_id.is_not(None))
        boss = here.group_by(Employee.manager_id).order_by(func.count().desc())
        nobody = here.with_only_columns(Employee.id).order_by(Employee.id.desc())
        people = {"manager": db.session.scalars(boss).first(), "staff": db.session.scalars(nobody).first()}
        for name in READERS:
            email = f"{name}-{secret()[:8]}@rollcall.example"
            taken = select(User.id).where(User.employee_id == people.get(name, 0))
            user_id = db.session.execute(taken).scalar()
            if user_id is None:
                values = {"email": email, "access_role_id": roles[name], "employee_id": people.get(name)}
                run = actions.run("create_user", actor=operator(), source=actions.Source.CLI, values=values)
                user_id = run.value
            found.append(write(lambda user_id=user_id: sessions.start(db.session.get_one(User, user_id), None, None)))
    return found


def watched(app: Flask, clients: list[FlaskClient], begun: Any, folder: Path, url: str) -> str:
    """Have everybody read while somebody edits; return the numbers as columns."""
    kept = app.extensions["querycache"]
    kept.uses = type(kept.uses)()
    before, times, stopping = commits(app), [], threading.Event()
    threads = [threading.Thread(target=read, args=(client, times, stopping)) for client in clients]
    with begun(app, folder, url):
        for thread in threads:
            thread.start()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(keeper.TURN_SECONDS)
            with app.app_context():  # what the thread of a serving process does
                kept.keeper.turn(kept)
        stopping.set()
        for thread in threads:
            thread.join()
    uses = list(kept.uses.totals().values())
    hits, misses, verified = (sum(getattr(use, what) for use in uses) for what in ("hits", "misses", "verified"))
    assert not sum(use.differing for use in uses), "the cache answered what was not so"
    asked = max(hits + misses, 1)
    middle = statistics.median(times) * 1000
    shares = f"{hits / asked:7.1%}{verified / max(hits, 1):10.1%}"
    return f"{commits(app) - before:8d}{len(times):7d}{middle:11.1f}{hits + misses:8d}{shares}"


def read(client: FlaskClient, times: list[float], stopping: threading.Event) -> None:
    """Go from page to page, as the reader's rights allow, with a short look at each."""
    chance = Random(len(times))
    allowed = [url for url in PAGES.values() if client.get(url).status_code == 200]
    while not stopping.is_set():
        start = time.perf_counter()
        client.get(chance.choice(allowed))
        times.append(time.perf_counter() - start)
        stopping.wait(THINKING_SECONDS)


def commits(app: Flask) -> int:
    """Return how many commits the journal tells of."""
    with app.app_context():
        return int(db.session.execute(text("SELECT COUNT(*) FROM segments")).scalar_one())


@contextmanager
def idle(_app: Flask, _folder: Path, _url: str) -> Iterator[None]:
    """Change nothing."""
    yield


@contextmanager
def editing(app: Flask, _folder: Path, _url: str) -> Iterator[None]:
    """Change somebody's phone number each second."""
    chance = Random(1)

    def edit() -> None:
        with app.app_context():
            person = chance.randrange(1, PEOPLE)
            version = db.session.get_one(Employee, person).version
            wanted = {"employee_id": person, "version": version, "values": {"phone": f"+1 555 {next(PHONES):04d}"}}
            actions.run("change_employee", actor=operator(), source=actions.Source.CLI, **wanted)

    with again_and_again(edit, 1):
        yield


@contextmanager
def importing(app: Flask, folder: Path, url: str) -> Iterator[None]:
    """Import people with another phone number, in another process."""
    settings: dict[str, Any] = {"cwd": ROOT, "capture_output": True, "text": True}
    settings["env"] = {**os.environ, "DATABASE_URL": url, "INSTANCE_PATH": str(folder / "instance")}
    staff = folder / "staff.csv"
    with app.app_context():
        names = (Employee.number, Employee.first_name, Employee.last_name)
        known = [tuple(row) for row in db.session.execute(select(*names).limit(IMPORTED))]

    def run() -> None:
        phone = f"+1 556 {next(PHONES):04d}"
        with staff.open("w", encoding="utf-8", newline="") as file:
            rows = [(*person, phone) for person in known]
            csv.writer(file).writerows([("number", "first name", "last name", "phone"), *rows])
        command = [sys.executable, "-m", "flask", "--app", "run", "people", "import", str(staff), "--apply"]
        done = subprocess.run(command, check=False, **settings)
        if done.returncode:
            raise RuntimeError(f"the import failed: {done.stdout[-500:]}{done.stderr[-500:]}")

    with again_and_again(run, 0):
        yield


@contextmanager
def again_and_again(work: Callable[[], None], pause: float) -> Iterator[None]:
    """Do something in a thread, with a pause before each time; what it raises is raised at the end."""
    stopping = threading.Event()

    def go_on() -> None:
        while not stopping.wait(pause):
            work()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(go_on)
        try:
            yield
        finally:
            stopping.set()
        done.result()


if __name__ == "__main__":
    main()
