"""The page of an object of the archive."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, current_app, render_template, request, url_for
from flask_babel import gettext as _

from app.access.gate import actor
from app.core.storage import StorageAway, StorageRefused
from app.reading import archive
from app.ui.errors import error_page
from app.web.pages import blueprint


@blueprint.get("/archive/<date>/<key>")
def archived(date: str, key: str) -> Any:
    """Show an object as the store has it; with `?raw=1` its bytes."""
    key = key.removesuffix(".json")
    try:
        kept = archive.one(actor(), date, key)
    except (StorageAway, StorageRefused) as problem:
        current_app.logger.warning("the archive’s store can’t be read: %s", problem)
        return error_page(
            503, _("The archive can’t be read at the moment. Nothing in it is lost; please try again in a minute.")
        )
    if request.args.get("raw"):
        return Response(kept.content, mimetype="application/json")
    told = kept.told
    return render_template(
        "web/archive.html",
        set_id=told["set"]["id"],
        number=told["segment"]["number"],
        facts=[
            (_("Object"), f"{date}/{key}.json"),
            (_("Position"), told["position"]),
            (_("Sealed"), told["sealed_at"]),
            (_("Hash"), told["hash"]),
        ],
        text=json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True),
        set_url=url_for("journal.details_view", id=told["set"]["id"]),
        raw_url=url_for("web.archived", date=date, key=key, raw=1),
    )
