"""How long a request takes, its SQL statements, what the cache did; told to whoever asks, and in `Server-Timing`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request


@dataclass(frozen=True, slots=True)
class Answered:
    """One request after its answer: `path` has no query string, `endpoint` is "" where no route fits."""

    method: str
    path: str
    endpoint: str
    status: int
    seconds: float
    sql_statements: int


Observer = Callable[[Answered], None]


def init_timing(app: Flask, config: Mapping[str, Any]) -> None:
    """Time each request of `app`; call it before anything else that hooks into requests.

    Being first, its clock starts before the gate, and its header is written after everybody else's statements.
    """
    app.extensions["answer_observers"] = []
    app.before_request(_start)
    app.after_request(_add_header if config["SERVER_TIMING"] else _note_status)
    app.teardown_request(_tell)


def on_answer(app: Flask, observer: Observer) -> None:
    """Have `observer` called once for each request, after its answer (a streamed one: after its last row) went out."""
    app.extensions["answer_observers"].append(observer)


def _start() -> None:
    # Set afresh, not only where missing: in tests many requests share one application context and with it `g`.
    g.started_at = time.perf_counter()
    g.answer_status = 500  # what the server answers when making an answer fails altogether
    g.sql_statements, g.sql_seconds = 0, 0.0
    g.cache_hits, g.cache_misses, g.cache_seconds, g.cache_store_seconds = 0, 0, 0.0, 0.0


def _note_status(response: Response) -> Response:
    g.answer_status = response.status_code
    return response


def _add_header(response: Response) -> Response:
    statements, milliseconds = g.get("sql_statements", 0), g.get("sql_seconds", 0.0) * 1000
    response.headers["Server-Timing"] = f'db;dur={milliseconds:.1f};desc="{statements}", {_cache()}'
    return _note_status(response)


def _cache() -> str:
    """Return what the query cache did for this request: off where it was of no use, and one miss makes it a miss."""
    hits, misses = g.get("cache_hits", 0), g.get("cache_misses", 0)
    outcome = "miss" if misses else "hit" if hits else "off"
    milliseconds = g.get("cache_seconds", 0.0) * 1000
    return f'cache;dur={milliseconds:.2f};desc={outcome}, cache-hits;desc="{hits}", cache-misses;desc="{misses}"'


def _tell(_error: BaseException | None) -> None:
    started_at = g.pop("started_at", None)
    if started_at is None:  # a context that was opened, but never handled a request
        return
    answered = Answered(
        method=request.method,
        path=request.path,
        endpoint=request.endpoint or "",
        status=g.answer_status,
        seconds=time.perf_counter() - started_at,
        sql_statements=g.get("sql_statements", 0),
    )
    for observer in current_app.extensions["answer_observers"]:
        observer(answered)
