"""Numbers for Prometheus, in a registry for each application."""

from __future__ import annotations

import hmac
import ipaddress
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.core.build import build
from app.core.database.schema import HEAD
from app.core.querycache.uses import Bypass
from app.core.timing import Answered, on_answer

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
GAUGES = {
    "rollcall_unsealed_segments": "Committed segments of the journal without a seal",
    "rollcall_seal_lag_seconds": "Age of the oldest of them",
    "rollcall_unarchived_segments": "Sealed segments that the archive lacks",
    "rollcall_archive_lag_seconds": "For how long the oldest of them has waited",
    "rollcall_jobs": "Background jobs by state",
    "rollcall_approvals_waiting": "Requests that wait for a second administrator",
    "rollcall_workers": "Workers that were seen within three minutes",
    "rollcall_read_only": "Whether nothing can be changed at the moment",
    "rollcall_storage_up": "Whether the store took files when it was last asked",
    "rollcall_mail_up": "Whether mail could be sent when it was last tried",
}
"""What is read from the database at each scrape; no count goes beyond 10,000."""
OF_CACHE = {
    "rollcall_cache_requests": "Questions to the query cache by what became of them",
    "rollcall_cache_verified": "Hits that were compared with the database",
    "rollcall_cache_differing": "Hits that differed from it",
    "rollcall_cache_saved_seconds": "Time that hits spared the database",
    "rollcall_cache_up": "Whether the query cache’s Redis is in use",
}
"""What the query cache did in this process, by query; those that count end in `_total`, as Prometheus has it."""
REQUESTS, UP = "rollcall_cache_requests", "rollcall_cache_up"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Metrics:
    """The numbers of one application, and from where they may be read."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    sql_statements: Counter
    failed_sign_ins: Counter
    exceptions: Counter
    allowed: tuple[Network, ...]


def init_metrics(app: Flask, config: Mapping[str, Any]) -> None:
    """Count what `app` does; call it after `init_timing`. Raises SystemExit for an address that is none."""
    registry = CollectorRegistry()
    app.extensions["metrics"] = Metrics(
        registry=registry,
        requests=Counter("rollcall_requests", "Requests answered", ["method", "endpoint", "status"], registry=registry),
        seconds=Histogram(
            "rollcall_request_seconds", "Time until a request was answered", ["method", "endpoint"], registry=registry
        ),
        sql_statements=Counter(
            "rollcall_sql_statements", "SQL statements run for requests", ["endpoint"], registry=registry
        ),
        failed_sign_ins=Counter("rollcall_failed_sign_ins", "Sign-ins refused", registry=registry),
        exceptions=Counter("rollcall_exceptions", "Requests that ended in an unexpected error", registry=registry),
        allowed=tuple(_network(text) for text in config["METRICS_ALLOWED"]),
    )
    Info("rollcall_build", "What is running", registry=registry).info(
        {**build(config), "schema": str(HEAD), "python": platform.python_version()}
    )
    ProcessCollector(registry=registry)
    registry.register(_OfCache(app))
    on_answer(app, _count)


class _OfCache(Collector):
    """What the query cache of an application has counted, told when it is asked for."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def describe(self) -> list[Metric]:
        """Return nothing: asked for this when it is registered, an application has no cache yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of this process, and whether its Redis is in use where it has one."""
        cache = self.app.extensions["querycache"]
        requests, verified, differing, saved = (
            CounterMetricFamily(name, words, labels=["query", *(["outcome"] if name == REQUESTS else [])])
            for name, words in OF_CACHE.items()
            if name != UP
        )
        for name, use in cache.uses.totals().items():
            # What was too large was a miss first; here each question counts once.
            outcomes = {"hit": use.hits, "miss": use.misses - use.too_large}
            outcomes |= {str(why): getattr(use, why) for why in Bypass}
            for outcome, count in outcomes.items():
                requests.add_metric([name, outcome], count)
            verified.add_metric([name], use.verified)
            differing.add_metric([name], use.differing)
            saved.add_metric([name], use.saved_seconds)
        yield from (requests, verified, differing, saved)
        if cache.store.is_remote:
            yield GaugeMetricFamily(UP, OF_CACHE[UP], value=cache.store.trouble is None)


def count_failed_sign_in(app: Flask) -> None:
    """Count a refused sign-in of `app`."""
    app.extensions["metrics"].failed_sign_ins.inc()


def exposition(found: Mapping[str, float | Mapping[str, float]] | None) -> bytes:
    """Return the numbers of the application being served as Prometheus text.

    `found` are those of `GAUGES` that the database told, those by state as a mapping; None where it did not answer.
    """
    told = CollectorRegistry()
    Gauge("rollcall_database_up", "Whether the database answered", registry=told).set(found is not None)
    for name, value in (found or {}).items():
        if isinstance(value, Mapping):
            gauge = Gauge(name, GAUGES[name], ["state"], registry=told)
            for state, number in value.items():
                gauge.labels(state).set(number)
        else:
            Gauge(name, GAUGES[name], registry=told).set(value)
    return generate_latest(_metrics().registry) + generate_latest(told)


def may_read() -> bool:
    """Say whether whoever asks now may read the numbers: from an allowed address, or with the token."""
    return _has_token() or _is_near()


def _has_token() -> bool:
    token = current_app.config["METRICS_TOKEN"]
    kind, _, sent = request.headers.get("Authorization", "").partition(" ")
    return bool(token) and kind.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())


def _is_near() -> bool:
    # Behind a proxy that nobody told us about, everybody seems to come from the proxy's own address.
    is_hidden = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if not request.remote_addr or (is_hidden and not current_app.config["TRUSTED_PROXIES"]):
        return False
    try:
        address = ipaddress.ip_address(request.remote_addr)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _metrics().allowed)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise SystemExit(
            f"METRICS_ALLOWED holds “{text}”, which is neither an address nor a network like 10.0.0.0/8."
        ) from error


def _metrics() -> Metrics:
    found: Metrics = current_app.extensions["metrics"]
    return found


def _count(answered: Answered) -> None:
    # Methods are made up by clients and every new one would be kept for ever.
    method = answered.method if answered.method in METHODS else "other"
    metrics = _metrics()
    metrics.requests.labels(method, answered.endpoint, str(answered.status)).inc()
    metrics.seconds.labels(method, answered.endpoint).observe(answered.seconds)
    metrics.sql_statements.labels(answered.endpoint).inc(answered.sql_statements)
    if answered.status == 500:
        metrics.exceptions.inc()
