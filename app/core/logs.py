"""Logs: one line an event on stderr, as JSON or for eyes, with the id of the request that it belongs to."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import structlog
from flask import Flask, Response, current_app, g, has_app_context, request
from flask.logging import default_handler

from app.core.timing import Answered, on_answer

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What may stand in a path or in a driver's words, but never in a log: tokens of links, people's data.
HIDDEN = (
    (re.compile(r"(/(?:sign-in|people)/)[^\s/?\"']+"), r"\1…"),
    (re.compile(r"\[parameters: .*\]"), "[parameters: …]"),
    (re.compile(r"(Duplicate entry ').*(' for key)"), r"\1…\2"),
    (re.compile(r"(DETAIL: +).*"), r"\1…"),
    (re.compile(r"(Incorrect \w+ value: ').*(' for )"), r"\1…\2"),
    (re.compile(r"(invalid input (?:syntax|value) for [^:]+: \").*(\")"), r"\1…\2"),
)
# A path by itself, to its end: a number may hold any character.
OF_SOMEBODY = re.compile(r"^(/(?:sign-in|people)/).+?(/?)$", re.DOTALL)
# Libraries that say on each start, at the level of news, that all is as always.
QUIET = ("alembic.runtime.plugins", "alembic.ddl")

Event = MutableMapping[str, Any]
log = structlog.stdlib.get_logger("rollcall.requests")


def init_logs(app: Flask, config: Mapping[str, Any]) -> None:
    """Log what `app` does, give each request an id and one line; call it right after `init_timing`.

    The handler is the process's: a second application shares it, yet its own lines have its own format.
    """
    _install(config["LOG_FORMAT"])
    app.logger.removeHandler(default_handler)
    if config.get("DEBUG"):
        app.logger.setLevel(logging.DEBUG)
    app.before_request(_name_request)
    app.after_request(_send_request_id)
    on_answer(app, _log_request)


def current_request_id() -> str:
    """Return the id of the request being handled; "" outside requests."""
    return str(g.get("request_id", "")) if has_app_context() else ""


class Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment; who replaces it is not left with a closed file."""

    format_elsewhere = "console"

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as the application wants it that is being served; elsewhere, as the latest one does."""
        wanted = current_app.config.get("LOG_FORMAT") if has_app_context() else None
        return _formatter(wanted or self.format_elsewhere, sys.stderr.isatty()).format(record)


def _install(wanted: str) -> None:
    root = logging.getLogger()
    handler = next((handler for handler in root.handlers if isinstance(handler, Stderr)), None)
    if handler is None:
        handler = Stderr()
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("werkzeug").addFilter(_is_no_request_line)
        logging.getLogger("alembic.runtime.migration").addFilter(_is_a_step)
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
    handler.format_elsewhere = wanted


def _is_no_request_line(record: logging.LogRecord) -> bool:
    """Drop the development server's own request lines: they hold the query string, and ours says the rest."""
    return " - - [" not in record.getMessage()


def _is_a_step(record: logging.LogRecord) -> bool:
    """Keep “Running upgrade …”, drop which dialect Alembic recognised."""
    return record.levelno > logging.INFO or str(record.msg).startswith("Running")


@lru_cache(maxsize=4)
def _formatter(wanted: str, is_terminal: bool) -> structlog.stdlib.ProcessorFormatter:
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if wanted != "json":
        # The plain traceback: fancier ones print local variables, and with them people's data.
        renderer = structlog.dev.ConsoleRenderer(
            colors=is_terminal, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _drop_leftovers],
        processors=[
            _add_origin,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _make_harmless,
            renderer,
        ],
    )


def _drop_leftovers(_logger: Any, _method: str, event: Event) -> Event:
    """Drop what other handlers' formatters left on the record; it is nothing that the caller added."""
    for name in ("message", "asctime"):
        event.pop(name, None)
    return event


def _add_origin(_logger: Any, _method: str, event: Event) -> Event:
    """Add when, how grave, from whom, and for which request."""
    record: logging.LogRecord = event["_record"]
    event["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event["level"] = record.levelname.lower()
    event["logger"] = record.name
    if request_id := current_request_id():
        event["request_id"] = request_id
    return event


def _make_harmless(_logger: Any, _method: str, event: Event) -> Event:
    """Hide secrets and people's data; escape what could forge a second line or steer a terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            if name == "path":
                value = OF_SOMEBODY.sub(r"\1…\2", value)
            for pattern, instead in HIDDEN:
                value = pattern.sub(instead, value)
            event[name] = value if name == "exception" else CONTROL.sub(_escaped, value)
    return event


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    is_believed = current_app.config["TRUSTED_PROXIES"] > 0 and GIVEN_ID.fullmatch(given)
    g.request_id = given if is_believed else secrets.token_hex(8)


def _send_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = current_request_id()
    return response


def _log_request(answered: Answered) -> None:
    actor = getattr(g.get("_login_user"), "actor", None)
    # A page brings a dozen files along, which tell nothing.
    say = log.debug if answered.endpoint == "static" else log.info
    say(
        "request",
        method=answered.method,
        path=answered.path,
        status=answered.status,
        milliseconds=round(answered.seconds * 1000, 1),
        sql_statements=answered.sql_statements,
        user_id=getattr(actor, "user_id", None),
    )
