"""COMMIT that breaks is never repeated; what the server refuses outright is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from app.core.database import engine
from app.core.problems import OutcomeUnknown, Unavailable
from app.extensions import db
from tests.applications import application
from tests.changes.test_transaction import two_rows
from tests.core.database.conftest import Served, note, scalar
from tests.services.plugin import ProxiedDatabase
from tests.services.proxy import Proxy
from tests.writing import write


def cut_at_commit(cut: Callable[[], object]) -> None:
    """Cut the connection when the next COMMIT is about to be sent."""
    event.listen(db.engine, "commit", lambda _connection: cut(), once=True)


@pytest.mark.parametrize("how", ["cut", "kill"])
def test_connection_that_breaks_at_commit_has_an_unknown_outcome_and_is_not_repeated(served: Served, how: str) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        note(f"try {len(tries)}")

    with served.app.app_context():
        scalar("SELECT 1")
        kill = {"cut": served.proxy.cut, "kill": lambda: served.server.kill_connections(served.database.name)}
        cut_at_commit(kill[how])
        with pytest.raises(OutcomeUnknown) as caught:
            write(work)
    assert "check whether the change is there" in str(caught.value)
    assert len(tries) == 1
    assert served.visit(lambda: write(two_rows)).status_code == 200


def test_answer_to_commit_that_never_comes_has_an_unknown_outcome_though_it_was_saved(
    proxied_database: ProxiedDatabase, serve: Callable[[ProxiedDatabase], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """COMMIT reaches the server, its answer is lost: repeating the work would do it twice."""
    monkeypatch.setattr(engine, "REQUEST", engine.Limits(connect=2, statement=1))
    monkeypatch.setattr("app.core.database.drivers.GRACE_SECONDS", 0)
    served = serve(proxied_database)
    tries: list[int] = []
    with LosingAnswers(served.server.port) as losing:
        url = served.server.admin_url(served.database.name, losing.host, losing.port)
        with application(url) as app, app.app_context():
            cut_at_commit(losing.lose)
            with pytest.raises(OutcomeUnknown):
                write(lambda: (tries.append(1), note("once")))
    assert len(tries) == 1
    assert served.rows() == [("once",)]


class LosingAnswers(Proxy):
    """A proxy that lets everything through but, once told, the server's answers."""

    is_losing = False

    def lose(self) -> None:
        self.is_losing = True

    def _pump(self, connection: Any, source: Any, sink: Any) -> None:
        class Deaf:
            def __init__(self, proxy: LosingAnswers) -> None:
                self.proxy = proxy

            def sendall(self, data: bytes) -> None:
                if not self.proxy.is_losing:
                    sink.sendall(data)

            def shutdown(self, how: int) -> None:
                sink.shutdown(how)

        super()._pump(connection, source, Deaf(self) if source is connection.server else sink)


def test_commit_that_the_server_refuses_saved_nothing_and_is_tried_again(served: Served) -> None:
    """PostgreSQL may refuse at COMMIT as Galera does; on MariaDB the error is made, on the wire all is the same."""
    tries: list[int] = []

    def fail_once(_session: Any) -> None:
        if len(tries) == 1:
            code = "40001" if served.server.tier == "PostgreSQL" else 1213
            served_error(code)

    def work() -> None:
        tries.append(1)
        note(f"try {len(tries)}")

    with served.app.app_context():
        event.listen(db.session(), "before_commit", fail_once)
        write(work)
    assert len(tries) == 2
    assert served.rows() == [("try 2",)]


def served_error(code: str | int) -> None:
    """Let the server raise an error of this code."""
    if isinstance(code, str):
        db.session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$"))
    else:
        db.session.execute(text(f"BEGIN NOT ATOMIC SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {code}; END"))


@pytest.mark.parametrize(
    ("tier", "code"),
    [
        ("MariaDB", 1205),
        ("MariaDB", 1213),
        ("MariaDB", 1020),
        *(("PostgreSQL", c) for c in ("40001", "40P01", "55P03")),
    ],
)
def test_errors_that_mean_again_are_tried_again(served: Served, tier: str, code: str | int) -> None:
    if served.server.tier != tier:
        return
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        note(f"try {len(tries)}")
        if len(tries) < 3:
            served_error(code)

    with served.app.app_context():
        write(work)
    assert served.rows() == [("try 3",)]


def test_error_of_another_kind_is_raised_at_once(served: Served) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        scalar("SELECT nonsense")

    with served.app.app_context(), pytest.raises(DBAPIError, match="nonsense"):
        write(work)
    assert len(tries) == 1


def test_lost_connection_during_the_work_is_unavailable_and_not_repeated(served: Served) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        note("x")
        served.proxy.cut()
        note("y")

    with served.app.app_context(), pytest.raises(Unavailable):
        write(work)
    assert (len(tries), served.rows()) == (1, [])
