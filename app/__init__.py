"""Rollcall: who works where, in which role, under whom, since when, and who changed that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import admin, commands, web
from app.access.gate import init_gate
from app.changes.tracking import init_tracking
from app.core.database.engine import init_database
from app.core.logs import init_logs
from app.core.mail import init_mail
from app.core.metrics import init_metrics
from app.core.querycache.cached import init_querycache
from app.core.security import init_security
from app.core.servers import init_servers
from app.core.storage import init_storage
from app.core.timing import init_timing
from app.extensions import babel, csrf, db, migrate
from app.ui.context import init_context
from app.ui.errors import init_errors


def create_app(config: Mapping[str, Any]) -> Flask:
    """Return an application for `config`, as `config.load_config()` gives it; several in one process share nothing."""
    app = Flask(__name__, instance_path=config["INSTANCE_PATH"])
    app.config.from_mapping(config)
    if hops := config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    # The ground
    init_timing(app, config)
    init_logs(app, config)
    init_metrics(app, config)
    init_security(app)
    init_database(app, config)
    init_querycache(app, config)
    init_storage(app, config)
    init_mail(app, config)
    init_servers(app)
    init_tracking(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/../migrations")
    babel.init_app(app)

    # Who may come in (the gate before the tokens: a stranger is sent to sign in, whatever they send), what pages share
    init_gate(app)
    csrf.init_app(app)
    init_context(app)
    init_errors(app)

    # The faces
    web.init_app(app)
    admin.init_app(app)
    commands.init_app(app)
    return app
