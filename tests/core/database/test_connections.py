"""Connections that are cut for real: the next request works, and one in the middle saves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from werkzeug.test import TestResponse

from app.core.database import engine
from app.core.problems import Unavailable
from app.extensions import db
from tests.core.database.conftest import Served, note, scalar
from tests.services.plugin import ProxiedDatabase
from tests.services.proxy import Proxy
from tests.services.server import Server
from tests.writing import write

CONNECTION_ID = {"mysql": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}


def assert_is_page_without_detail(answer: TestResponse) -> None:
    """Check for the page of a database in trouble: a sentence, no statement, no address."""
    assert answer.status_code == 503
    words = BeautifulSoup(answer.text, "html.parser").get_text(" ")
    assert "Not available at the moment" in words
    assert not {"SELECT", "INSERT", "127.0.0.1", "pymysql", "psycopg", "Traceback"} & set(answer.text.split())


@pytest.mark.parametrize("how", ["reset by the network", "killed by the server"])
def test_connection_cut_while_idle_is_not_noticed_by_the_next_request(served: Served, how: str) -> None:
    assert served.visit().status_code == 200
    if how == "reset by the network":
        assert served.proxy.cut() > 0
    else:
        assert served.server.kill_connections(served.database.name) > 0
    assert served.visit().status_code == 200


def test_request_whose_connection_is_cut_ends_with_a_page_and_the_next_works(served: Served) -> None:
    def be_cut() -> None:
        scalar("SELECT 1")
        served.proxy.cut()
        scalar("SELECT 2")

    assert_is_page_without_detail(served.visit(be_cut))
    assert served.visit().status_code == 200


def test_page_that_is_made_is_delivered_though_the_connection_is_cut_behind_it(served: Served) -> None:
    def read_and_be_cut() -> str:
        scalar("SELECT 1")
        served.proxy.cut()
        return "made"

    answer = served.visit(read_and_be_cut)
    assert (answer.status_code, answer.text) == (200, "made")


def test_change_whose_connection_is_cut_leaves_nothing_behind(served: Served) -> None:
    def work() -> None:
        note("half")
        served.server.kill_connections(served.database.name)
        note("other half")

    assert_is_page_without_detail(served.visit(lambda: write(work)))
    assert served.rows() == []
    assert served.visit(lambda: write(lambda: note("whole"))).status_code == 200
    assert served.rows() == [("whole",)]


def test_change_goes_on_when_only_the_read_before_it_lost_its_connection(served: Served) -> None:
    def read_then_write() -> None:
        scalar("SELECT 1")
        served.proxy.cut()
        write(lambda: note("saved"))

    assert served.visit(read_then_write).status_code == 200
    assert served.rows() == [("saved",)]


def test_server_that_is_down_is_a_page_and_then_works_again(served: Served) -> None:
    served.visit()
    served.proxy.refuse()
    assert_is_page_without_detail(served.visit())
    assert_is_page_without_detail(served.visit(lambda: write(lambda: note("x"))))
    served.proxy.restore()
    assert served.visit().status_code == 200
    assert served.rows() == []


def test_application_starts_while_its_database_is_down(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served]
) -> None:
    proxied_database.proxy.refuse()
    served = serve(proxied_database)
    assert served.app.test_client().get("/healthz").status_code == 200
    assert served.app.test_client().get("/readyz").status_code == 503
    with served.app.app_context(), pytest.raises(Unavailable):
        write(lambda: note("x"))
    proxied_database.proxy.restore()
    assert served.visit().status_code == 200


@pytest.mark.parametrize(
    "how", ["nothing is passed on", pytest.param("nothing is passed on any more", marks=pytest.mark.slow)]
)
def test_silent_network_ends_with_a_page_and_the_next_request_after_it_works(
    proxied_database: ProxiedDatabase,
    serve: Callable[[ProxiedDatabase], Served],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    be_impatient(monkeypatch)
    served = serve(proxied_database)
    served.visit()

    def fall_silent() -> None:
        write(lambda: (note("half"), served.proxy.black_hole(), note("other half")))

    if how == "nothing is passed on":
        served.proxy.black_hole()
        assert_is_page_without_detail(served.visit())
    else:
        assert_is_page_without_detail(served.visit(fall_silent))
    served.proxy.restore()
    assert served.visit().status_code == 200
    assert served.rows() == []


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for seconds where production waits for half a minute."""
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(connect=2, statement=1, lock=1))
    monkeypatch.setattr("app.core.database.drivers.GRACE_SECONDS", 0)


@pytest.mark.parametrize("tier", ["MariaDB", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
def test_server_may_freeze_restart_and_hang_up_on_who_is_idle(
    own_server: Callable[[str], Server],
    serve: Callable[[ProxiedDatabase], Served],
    monkeypatch: pytest.MonkeyPatch,
    tier: str,
) -> None:
    be_impatient(monkeypatch)
    server = own_server(tier)
    direct = server.create_database("staff")
    with Proxy(server.port) as proxy:
        served = serve(
            ProxiedDatabase(server.admin_url("staff", proxy.host, proxy.port), direct, "staff", proxy, server)
        )
        assert served.visit().status_code == 200
        server.restart()
        assert served.visit().status_code == 200
        server.pause()
        assert_is_page_without_detail(served.visit())
        server.resume()
        assert served.visit().status_code == 200
        if tier == "MariaDB":
            server.execute("SET GLOBAL wait_timeout = 1")
        else:
            server.execute("ALTER DATABASE staff SET idle_session_timeout = '1s'")
        with served.app.app_context():
            db.engine.dispose()
        first = served.visit(lambda: scalar(CONNECTION_ID[db.engine.dialect.name])).text
        while any(str(row[0]) == first for row in server.execute(_connections(tier))):
            pass  # until the server hangs up
        assert served.visit().status_code == 200
        server.crash()
        assert_is_page_without_detail(served.visit())
        server.start()
        assert served.visit().status_code == 200


def _connections(tier: str) -> str:
    return "SELECT id FROM information_schema.processlist" if tier == "MariaDB" else "SELECT pid FROM pg_stat_activity"


def test_statement_that_takes_too_long_ends_with_a_page(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(statement=1))
    served = serve(proxied_database)
    sleep = "SELECT SLEEP(30)" if served.server.tier == "MariaDB" else "SELECT pg_sleep(30)"
    assert_is_page_without_detail(served.visit(lambda: scalar(sleep)))
    assert served.visit().status_code == 200


def test_connection_is_replaced_before_a_proxy_forgets_it(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < engine.POOL["pool_recycle"] < 300
    monkeypatch.setitem(engine.POOL, "pool_recycle", 0)
    served = serve(proxied_database)
    ask = CONNECTION_ID["mysql" if served.server.tier == "MariaDB" else "postgresql"]
    assert served.visit(lambda: scalar(ask)).text != served.visit(lambda: scalar(ask)).text
