"""Error pages: a sentence and a request id for people, the cause for the log; nobody sees SQL or a traceback."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from app.changes.read_only import ReadOnly, ReadOnlyState
from app.core import problems
from app.core.database.diagnosis import Fault, diagnose, fault
from app.core.problems import Sentence

log = logging.getLogger(__name__)

WORDS: dict[int, tuple[Sentence, Sentence]] = {
    400: (_l("This request can’t be understood"), _l("Go back, reload the page and try again. Nothing was saved.")),
    403: (
        _l("Not for your account"),
        _l("Your account doesn’t have the right to do this. An administrator can change that."),
    ),
    404: (_l("Nothing here"), _l("This page doesn’t exist, or was removed.")),
    405: (_l("Not like this"), _l("This page can’t be used this way. Start again from the page you came from.")),
    409: (
        _l("Changed in the meantime"),
        _l("Somebody else changed this record. Go back, reload the page and try again."),
    ),
    413: (_l("Too large"), _l("What was sent is larger than this page takes. Nothing was saved.")),
    415: (_l("Not this kind of content"), _l("This page doesn’t take this kind of content.")),
    429: (_l("Too many tries"), _l("Wait a little, then try again.")),
    500: (_l("Something went wrong"), _l("The fault is ours, and it was noted. Nothing was saved.")),
    503: (
        _l("Not available at the moment"),
        _l("The database can’t be reached just now. Try again in a minute. Nothing was saved."),
    ),
}

STATUS: dict[type[problems.Problem], int] = {
    problems.Invalid: 400,
    problems.NotFound: 404,
    problems.Forbidden: 403,
    problems.Conflict: 409,
    problems.Passing: 503,
}


HOLDS_A_FORM = {200, 422}
"""The statuses of pages that show a form again, with what is wrong on top."""


def init_errors(app: Flask) -> None:
    """Answer every error of `app` with a page."""
    app.after_request(_say_when_to_try_again)
    for code in default_exceptions:
        app.register_error_handler(code, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(problems.Problem, _problem)
    app.register_error_handler(problems.HeldBack, _held_back)
    app.register_error_handler(ReadOnly, _read_only)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _full)
    app.register_error_handler(Exception, _unforeseen)


def error_page(status: int, sentence: Sentence | None = None, title: Sentence | None = None) -> tuple[str, int]:
    """Return the page for a status; it needs neither the database nor who is signed in."""
    usual, words = WORDS.get(status, WORDS[500 if status >= 500 else 400])
    # Not by `render_template`: that asks for every page who is signed in, and the database may be what failed.
    page = current_app.jinja_env.get_template("errors/error.html").render(
        status=status,
        title=title or usual,
        sentence=sentence or words,
        request_id=g.get("request_id", ""),
        home_url="/",
        viewer=None,
        navigation=[],
    )
    return page, status


def _http(error: HTTPException) -> Any:
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _unforeseen(error.original_exception)
    if error.code is None or error.code < 400:
        return error
    page, status = error_page(error.code)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return page, status, headers


def _csrf(error: CSRFError) -> Any:
    log.warning("refused a form without a good token", extra={"why": error.description, "path": request.path})
    return error_page(
        400, _l("The form was too old or came from elsewhere. Go back, reload the page and send it again.")
    )


def _problem(problem: problems.Problem) -> Any:
    status = next((STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS), 400)
    if status == 503:
        log.error("the database is in trouble", exc_info=problem)
    elif status == 403:
        log.warning("refused", extra={"path": request.path})
    return error_page(status, str(problem) if status in (400, 503) else None)


def _held_back(held: problems.HeldBack) -> Any:
    """Lead to where it waits, from whatever page it was asked for: what was typed waits there, too."""
    flash(_("Nothing was changed yet: this waits for a second administrator."), "info")
    return redirect(url_for("approvals.details_view", id=held.approval_id), 303)


def _read_only(problem: ReadOnly) -> Any:
    """Say so of what was no form; one with something typed in it is shown again by its own page."""
    return error_page(503, str(problem), _l("Nothing can be changed at the moment"))


def _say_when_to_try_again(response: Response) -> Response:
    """Tell programs what the page tells people, where a change was refused because there are none at the moment."""
    refused: ReadOnlyState | None = g.pop("refused_as_read_only", None)
    if refused is not None and (response.status_code in HOLDS_A_FORM or response.status_code == 503):
        response.status_code = 503
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _database(error: DBAPIError) -> Any:
    if fault(error) is Fault.OTHER:
        return _unforeseen(error)
    log.error(diagnose(error), exc_info=error)
    return error_page(503)


def _full(error: PoolTimeout) -> Any:
    log.error("every connection to the database is in use", exc_info=error)
    return error_page(503)


def _unforeseen(error: BaseException) -> Any:
    log.error("unforeseen error", exc_info=error, extra={"path": request.path})
    return error_page(500)
