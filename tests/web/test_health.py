from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import insert

from app.core import signs
from app.core.clock import now
from app.core.database.schema import HEAD, SchemaState
from app.core.signs import Kind
from app.core.stopping import begin_to_stop
from app.core.storage import storage
from app.core.version import VERSION
from app.extensions import db
from tests.applications import application, migrate
from tests.services.process import free_port
from tests.writing import commit

BUILD = {"version": VERSION, "commit": "c0ffee", "tag": "v1"}
IMAGE = {"IMAGE_COMMIT": "c0ffee", "IMAGE_TAG": "v1"}


@pytest.fixture
def app(fresh_database_url: str, tmp_path: Path) -> Iterator[Flask]:
    with application(fresh_database_url, INSTANCE_PATH=tmp_path, SERVER_TIMING="1", **IMAGE) as app:
        migrate(app)
        yield app


@contextmanager
def without_database(kind: str, folder: Path) -> Iterator[Flask]:
    """Give an application whose database nobody serves."""
    with application(f"{kind}://ana:S3cret@127.0.0.1:{free_port()}/rollcall", INSTANCE_PATH=folder) as app:
        yield app


def newer_schema(app: Flask, oldest_code: int) -> None:
    """Migrate as a later version would."""
    with app.app_context():
        values = {"number": HEAD + 1, "revision": "later", "oldest_code": oldest_code, "applied_at": now()}
        db.session.execute(insert(SchemaState).values(values))
        commit()


def test_process_is_alive_without_asking_the_database(app: Flask) -> None:
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive", "version": VERSION, "build": BUILD})
    assert 'desc="0"' in answer.headers["Server-Timing"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_machines_get_no_cookie_and_nothing_to_keep(app: Flask, path: str) -> None:
    client = app.test_client()
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "Set-Cookie" not in answer.headers
    assert client.head(path).status_code == 200
    assert client.post(path).status_code in (400, 405)


def test_migrated_database_is_ready(app: Flask) -> None:
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (
        200,
        {
            "status": "ready",
            "build": BUILD,
            "checks": {
                "database": {"state": "ok"},
                "schema": {"state": "ok"},
                "cache": {"state": "ok"},
                "storage": {"state": "ok"},
            },
        },
    )


def test_empty_database_is_not_ready_and_says_why(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=tmp_path) as app:
        client = app.test_client()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["status"] == "not ready"
        assert "migrate it" in answer.json["reason"]
        assert answer.json["checks"]["database"]["state"] == "ok"
        assert answer.json["checks"]["schema"]["state"] == "failed"
        migrate(app)
        assert client.get("/readyz").status_code == 200


def test_server_that_is_about_to_end_is_alive_but_not_ready(app: Flask) -> None:
    begin_to_stop(app)
    client = app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
    assert answer.json is not None
    assert (answer.json["status"], answer.json["build"]) == ("stopping", BUILD)
    assert 'desc="0"' in answer.headers["Server-Timing"]  # its database may be what is being replaced
    assert client.get("/healthz").status_code == 200


def test_numbers_tell_which_image_runs(app: Flask) -> None:
    (line,) = [line for line in app.test_client().get("/metrics").text.splitlines() if "rollcall_build_info{" in line]
    assert 'commit="c0ffee"' in line
    assert 'tag="v1"' in line
    assert f'version="{VERSION}"' in line


def test_older_schema_is_not_ready(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="-1")
    assert app.test_client().get("/readyz").status_code == 503


@pytest.mark.parametrize(("oldest_code", "status"), [(HEAD, 200), (HEAD + 1, 503)])
def test_newer_schema_is_ready_as_long_as_it_takes_this_code(app: Flask, oldest_code: int, status: int) -> None:
    newer_schema(app, oldest_code)
    assert app.test_client().get("/readyz").status_code == status


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_unreachable_database_is_alive_but_not_ready_and_nothing_is_given_away(kind: str, tmp_path: Path) -> None:
    with without_database(kind, tmp_path) as app:
        client = app.test_client()
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["reason"] == "The database does not answer."
        assert answer.json["checks"]["schema"] == {"state": "unknown"}
        for secret in ("S3cret", "ana", "127.0.0.1"):
            assert secret not in answer.text


def test_missing_instance_folder_is_degraded_but_ready(fresh_database_url: str, tmp_path: Path) -> None:
    with application(fresh_database_url, INSTANCE_PATH=tmp_path / "gone") as app:
        migrate(app)
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["checks"]["storage"]["state"] == "degraded"


def test_store_in_trouble_is_degraded_but_ready_and_its_own_words_are_not_for_strangers(app: Flask) -> None:
    client = app.test_client()
    with app.app_context():
        signs.note(Kind.MAIL, "server", False, "mail.internal is away.")
        signs.note(Kind.STORAGE, "archive", True)
    assert client.get("/readyz").json["checks"]["storage"] == {"state": "ok"}
    with app.app_context():
        signs.note(Kind.STORAGE, "archive", False, "s3://secret-bucket is away.")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ready"
    assert answer.json["checks"]["storage"]["state"] == "degraded"
    assert "did not take files" in answer.json["checks"]["storage"]["reason"]
    assert "secret-bucket" not in answer.text


def test_readiness_asks_no_store(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise AssertionError("the store was asked")

    with app.app_context():
        store = storage()
    for name in ("put", "open", "check", "names", "delete"):
        monkeypatch.setattr(store, name, refuse)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.headers["Server-Timing"].split('desc="')[1][0] == "2"


def test_redis_in_trouble_is_degraded_but_ready_and_no_address_is_told(fresh_database_url: str, tmp_path: Path) -> None:
    url = f"redis://:S3cret@127.0.0.1:{free_port()}/0"
    with application(fresh_database_url, INSTANCE_PATH=tmp_path, REDIS_URL=url) as app:
        migrate(app)
        client = app.test_client()
        assert client.get("/readyz").json["checks"]["cache"] == {"state": "ok"}  # it was not needed yet
        app.extensions["querycache"].store.probe()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["status"]) == (200, "ready")
        assert answer.json["checks"]["cache"]["state"] == "degraded"
        assert "out of use" in answer.json["checks"]["cache"]["reason"]
        for secret in ("S3cret", "127.0.0.1"):
            assert secret not in answer.text


def test_stranger_may_not_read_the_numbers(app: Flask) -> None:
    answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 403
    assert answer.mimetype == "text/plain"
