from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.changes.approvals import Verdict
from app.changes.read_only import ROW, ReadOnlyMode
from app.core import signs
from app.core.jobs.job import State
from app.core.metrics import GAUGES, OF_CACHE, count_failed_sign_in
from app.core.querycache.statements import Plan
from app.core.querycache.store import Trouble
from app.core.signs import Kind
from app.core.version import VERSION
from app.extensions import db
from tests.applications import application
from tests.asking import asked
from tests.clock import Clock
from tests.services.process import free_port
from tests.waiting import add_approval, add_job, add_segment, wait_for_archive
from tests.writing import empty_journal

UP = "rollcall_database_up"


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    with ExitStack() as stack:

        def make(**settings: Any) -> Flask:
            settings = {"INSTANCE_PATH": tmp_path, **settings}
            return stack.enter_context(application(f"sqlite:///{tmp_path / 'metrics.sqlite3'}", **settings))

        yield make


def read(app: Flask, address: str = "127.0.0.1", **headers: str) -> TestResponse:
    return app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address}, headers=headers)


def value(app: Flask, name: str, **labels: str) -> float:
    """Return one number as Prometheus would read it; 0 where it was never counted."""
    wanted = name + ("{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}" if labels else "")
    for line in read(app).text.splitlines():
        if line.startswith(f"{wanted} "):
            return float(line.rpartition(" ")[2])
    return 0


def test_requests_are_counted_by_method_endpoint_and_status(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    client = app.test_client()
    for _ in range(2):
        client.get("/healthz")
    client.get("/nowhere/at/all")
    client.open("/healthz", method="BREW")
    alive = {"method": "GET", "endpoint": "health.alive"}
    assert value(app, "rollcall_requests_total", **alive, status="200") == 2
    assert value(app, "rollcall_request_seconds_count", **alive) == 2
    assert value(app, "rollcall_requests_total", method="GET", endpoint="", status="404") == 1
    assert value(app, "rollcall_requests_total", method="other", endpoint="", status="405") == 1
    assert "nowhere" not in read(app).text


def test_statements_sign_ins_and_errors_are_counted(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def view() -> str:
        db.session.execute(text("SELECT 1"))
        raise RuntimeError("unexpected")

    app.view_functions["health.alive"] = view
    assert app.test_client().get("/healthz").status_code == 500
    count_failed_sign_in(app)
    assert value(app, "rollcall_sql_statements_total", endpoint="health.alive") >= 1
    assert value(app, "rollcall_exceptions_total") == 1
    assert value(app, "rollcall_failed_sign_ins_total") == 1


def gauges(app: Flask) -> dict[str, float]:
    """Return the numbers that are read at each scrape, by name and state."""
    lines = [line.rpartition(" ") for line in read(app).text.splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in lines if name.partition("{")[0] in {*GAUGES, UP}}


@pytest.fixture
def journal(context: Flask) -> Iterator[None]:
    """Empty the journal, of which other tests left what is sealed or not, before and after."""
    empty_journal()
    yield
    empty_journal()


QUIET = {
    UP: 1,
    "rollcall_unsealed_segments": 0,
    "rollcall_seal_lag_seconds": 0,
    "rollcall_unarchived_segments": 0,
    "rollcall_archive_lag_seconds": 0,
    'rollcall_jobs{state="waiting"}': 0,
    'rollcall_jobs{state="running"}': 0,
    'rollcall_jobs{state="failed"}': 0,
    "rollcall_approvals_waiting": 0,
    "rollcall_workers": 0,
    "rollcall_read_only": 0,
}


def let_wait(at: datetime) -> None:
    """Let a job of each kind, a request for approval and three parts of the journal wait since then."""
    for state in (State.WAITING, State.RUNNING, State.RUNNING, State.FAILED, State.DONE):
        add_job(state)
    add_approval(Verdict.WAITING, timedelta(hours=1))
    add_segment(at)
    for position in (1, 2):
        add_segment(at, position)
        wait_for_archive(position, at)


def add_hold(until: datetime) -> None:
    """Let nothing be changed until then, as a migration does."""
    db.session.rollback()
    db.session.get_one(ReadOnlyMode, ROW).held_until = until
    db.session.commit()


@pytest.mark.usefixtures("journal")
def test_what_waits_is_read_at_each_scrape_in_two_statements(context: Flask, clock: Clock) -> None:
    assert gauges(context) == QUIET
    with asked() as few:
        read(context)
    assert len(few) == 2
    let_wait(clock.now())
    clock.move(seconds=90)
    signs.note(Kind.WORKER, "one:1", True)
    signs.note(Kind.STORAGE, "archive", True)
    signs.note(Kind.MAIL, "server", False, "Away.")
    assert gauges(context) == {
        UP: 1,
        "rollcall_unsealed_segments": 1,
        "rollcall_seal_lag_seconds": 90,
        "rollcall_unarchived_segments": 2,
        "rollcall_archive_lag_seconds": 90,
        'rollcall_jobs{state="waiting"}': 1,
        'rollcall_jobs{state="running"}': 2,
        'rollcall_jobs{state="failed"}': 1,
        "rollcall_approvals_waiting": 1,
        "rollcall_workers": 1,
        "rollcall_read_only": 0,
        "rollcall_storage_up": 1,
        "rollcall_mail_up": 0,
    }
    with asked() as many:
        read(context)
    assert len(many) == 2
    signs.note(Kind.STORAGE, "archive", False, "Away.")
    signs.note(Kind.MAIL, "server", True)
    clock.move(minutes=4)
    add_hold(clock.now() + timedelta(minutes=1))
    found = gauges(context)
    assert [found[name] for name in ("rollcall_storage_up", "rollcall_mail_up", "rollcall_workers")] == [0, 1, 0]
    assert found["rollcall_read_only"] == 1


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_numbers_come_also_while_the_database_is_away(kind: str, tmp_path: Path) -> None:
    url = f"{kind}://ana:S3cret@127.0.0.1:{free_port()}/rollcall"
    with application(url, INSTANCE_PATH=tmp_path) as app:
        app.test_client().get("/healthz")
        answer = read(app)
        assert answer.status_code == 200
        assert gauges(app) == {UP: 0}
        assert value(app, "rollcall_requests_total", method="GET", endpoint="health.alive", status="200") == 1
        assert "S3cret" not in answer.text


def test_numbers_come_also_before_the_tables_are_made(make_app: Callable[..., Flask]) -> None:
    assert gauges(make_app()) == {UP: 0}


def test_every_number_stands_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    missing = [name for name in (*GAUGES, UP, *OF_CACHE) if f"`{name}" not in guide]
    assert not missing, f"say in docs/operations.md what these count, and when to be alarmed: {missing}"


def test_each_question_to_the_cache_is_counted_once_by_what_became_of_it(make_app: Callable[..., Flask]) -> None:
    app, plan = make_app(), Plan("SELECT 1", (), ())
    assert "rollcall_cache_requests_total{" not in read(app).text
    uses = app.extensions["querycache"].uses
    for _ in range(3):
        uses.note("home.count", plan, hits=1, saved_seconds=0.5)
    uses.note("home.count", plan, misses=1)
    uses.note("home.count", plan, misses=1, too_large=1)
    uses.note("home.count", plan, writing=1)
    uses.note("home.count", plan, verified=2, differing=1)
    uses.note("other", plan, away=4)
    counted = {"hit": 3, "miss": 1, "too_large": 1, "writing": 1, "refused": 0, "away": 0}
    for outcome, count in counted.items():
        assert value(app, "rollcall_cache_requests_total", query="home.count", outcome=outcome) == count, outcome
    assert value(app, "rollcall_cache_requests_total", query="other", outcome="away") == 4
    assert value(app, "rollcall_cache_verified_total", query="home.count") == 2
    assert value(app, "rollcall_cache_differing_total", query="home.count") == 1
    assert value(app, "rollcall_cache_saved_seconds_total", query="home.count") == 1.5


def test_cache_is_up_or_not_only_where_there_is_a_redis(make_app: Callable[..., Flask]) -> None:
    assert "rollcall_cache_up" not in read(make_app()).text
    app = make_app(REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    store = app.extensions["querycache"].store
    assert value(app, "rollcall_cache_up") == 1
    store.probe()
    assert isinstance(store.trouble, Trouble)
    assert "\nrollcall_cache_up 0.0\n" in read(app).text


def test_two_applications_share_no_number(make_app: Callable[..., Flask]) -> None:
    one, other = make_app(), make_app()
    one.test_client().get("/healthz")
    count_failed_sign_in(one)
    alive = {"method": "GET", "endpoint": "health.alive", "status": "200"}
    assert value(one, "rollcall_requests_total", **alive) == 1
    assert value(other, "rollcall_requests_total", **alive) == 0
    assert value(other, "rollcall_failed_sign_ins_total") == 0


def test_build_and_process_are_told(make_app: Callable[..., Flask]) -> None:
    answer = read(make_app())
    assert answer.content_type.startswith("text/plain; version=")
    assert f'version="{VERSION}"' in answer.text
    assert "process_resident_memory_bytes" in answer.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 403),
        ("192.0.2.7", 200),
        ("::ffff:192.0.2.7", 200),
        ("192.0.2.8", 403),
        ("10.9.8.7", 200),
        ("11.9.8.7", 403),
        ("2001:db8::1", 200),
        ("2001:db9::1", 403),
        ("", 403),
        ("somewhere", 403),
    ],
)
def test_only_allowed_addresses_may_read(make_app: Callable[..., Flask], address: str, status: int) -> None:
    app = make_app(METRICS_ALLOWED="192.0.2.7, 10.0.0.0/8, 2001:db8::/32")
    answer = read(app, address)
    assert answer.status_code == status
    assert ("rollcall_requests" in answer.text) == (status == 200)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("token", "sent", "status"),
    [
        ("long-token", "Bearer long-token", 200),
        ("long-token", "bearer long-token", 200),
        ("long-token", "Bearer long-toke", 403),
        ("long-token", "Basic long-token", 403),
        ("long-token", "Bearer ", 403),
        ("long-token", "Bearer lóng-token", 403),
        ("", "Bearer ", 403),
        ("", "Bearer", 403),
    ],
)
def test_token_opens_from_anywhere(make_app: Callable[..., Flask], token: str, sent: str, status: int) -> None:
    app = make_app(METRICS_TOKEN=token)
    assert read(app, "192.0.2.1", Authorization=sent).status_code == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_visitors_behind_an_untold_proxy_do_not_pass_as_the_proxy(make_app: Callable[..., Flask], header: str) -> None:
    assert read(make_app(), "127.0.0.1", **{header: "for=192.0.2.1"}).status_code == 403


def test_address_behind_a_trusted_proxy_is_the_visitors(make_app: Callable[..., Flask]) -> None:
    app = make_app(TRUSTED_PROXIES="1", METRICS_ALLOWED="192.0.2.1")
    assert read(app, "127.0.0.1", **{"X-Forwarded-For": "192.0.2.1"}).status_code == 200
    assert read(app, "192.0.2.1", **{"X-Forwarded-For": "192.0.2.9"}).status_code == 403
    assert read(app, "127.0.0.1", **{"X-Forwarded-For": "192.0.2.1, 192.0.2.9"}).status_code == 403


def test_address_that_is_none_is_one_sentence_at_the_start(make_app: Callable[..., Flask]) -> None:
    with pytest.raises(SystemExit, match="METRICS_ALLOWED holds “everywhere”, which is neither"):
        make_app(METRICS_ALLOWED="everywhere")
