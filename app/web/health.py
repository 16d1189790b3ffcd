"""Whether this process is alive and ready, and its numbers; for machines, so without a session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, current_app, jsonify
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app.core import metrics, signs
from app.core.build import build
from app.core.database import schema
from app.core.database.diagnosis import Fault, fault
from app.core.database.engine import end_transaction
from app.core.signs import Kind
from app.core.stopping import is_stopping
from app.core.version import VERSION
from app.extensions import db
from app.reading import backlog, cache

blueprint = Blueprint("health", __name__)
OK, DEGRADED, FAILED = "ok", "degraded", "failed"
Check = dict[str, Any]


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process answers, whatever its database does."""
    return _no_store(jsonify(status="alive", version=VERSION, build=build(current_app.config)))


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether requests can be served: 200, or 503 with the reason; what is only degraded does not count."""
    if is_stopping(current_app):
        return _not_ready("stopping", _("This server is about to end; what is sent to it until then is answered."))
    database = _database()
    has_signs = all(check["state"] == OK for check in database.values())
    checks = {**database, "cache": _cache(), "storage": _storage(has_signs)}
    reasons = [check["reason"] for check in checks.values() if check["state"] == FAILED]
    if not reasons:
        return _no_store(jsonify(status="ready", checks=checks, build=build(current_app.config)))
    return _not_ready("not ready", " ".join(reasons), checks=checks)


@blueprint.get("/metrics", endpoint="metrics")
def numbers() -> Response:
    """Return the numbers as Prometheus text, to allowed addresses or with the token."""
    if not metrics.may_read():
        refused = current_app.response_class(_("This is for the monitoring of this installation.") + "\n", 403)
        refused.mimetype = "text/plain"
        return _no_store(refused)
    return _no_store(current_app.response_class(metrics.exposition(_gauges()), content_type=metrics.CONTENT_TYPE))


def _not_ready(status: str, reason: str, **more: Any) -> Response:
    answer = jsonify(status=status, reason=reason, build=build(current_app.config), **more)
    answer.status_code = 503
    return _no_store(answer)


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _database() -> dict[str, Check]:
    """Read a real table, since a node without quorum still answers `SELECT 1`."""
    try:
        is_usable = schema.is_usable()
    except SQLAlchemyError as error:
        db.session.rollback()
        if fault(error) is not Fault.NOT_MIGRATED:
            current_app.logger.warning("not ready: the database does not answer (%s)", fault(error).value)
            reason = _("The database does not answer.")
            return {"database": _failed(reason), "schema": {"state": "unknown"}}
        is_usable = False
    if is_usable:
        return {"database": {"state": OK}, "schema": {"state": OK}}
    reason = _("The database has another version’s tables: migrate it, or start the version that fits.")
    return {"database": {"state": OK}, "schema": _failed(reason)}


def _cache() -> Check:
    """Say whether the query cache is in use, as this process knows already; pages work without."""
    if cache.trouble() is None:
        return {"state": OK}
    reason = _(
        "The query cache is out of use, so pages may be slower; the page “Query cache” of the administration says why."
    )
    return {"state": DEGRADED, "reason": reason}


def _storage(has_signs: bool) -> Check:
    """Look whether the instance folder takes files and the store did when it was last used; pages work without both.

    The store's own words are not for strangers: they name hosts and folders.
    """
    if not os.access(current_app.instance_path, os.W_OK | os.X_OK):
        return {"state": DEGRADED, "reason": _("The instance folder can’t be written.")}
    if has_signs and any(sign.kind is Kind.STORAGE and not sign.is_good for sign in signs.signs()):
        reason = _(
            "The store did not take files when it was last used; the page “System” of the administration says why."
        )
        return {"state": DEGRADED, "reason": reason}
    return {"state": OK}


def _gauges() -> Mapping[str, float | Mapping[str, float]] | None:
    """Return what waits; None where the database can't say, which is no reason to keep the other numbers back."""
    try:
        return backlog.gauges()
    except SQLAlchemyError as error:
        end_transaction()
        current_app.logger.warning("the database tells no numbers (%s)", fault(error).value)
        return None


def _failed(reason: str) -> Check:
    return {"state": FAILED, "reason": reason}
