"""What watches over Rollcall asks for numbers that there are, and fires when it should."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from app.core.metrics import GAUGES, OF_CACHE, UP

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "ansible" / "roles" / "monitoring"
RULES = yaml.safe_load((ROLE / "files" / "rollcall.rules.yml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROLE / "files" / "rollcall-dashboard.json").read_text(encoding="utf-8"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
OF_HAPROXY = {
    "haproxy_server_status",
    "haproxy_backend_active_servers",
    "haproxy_backend_http_responses_total",
}
"""Of the numbers that HAProxy's own exporter has, those that are used."""
NAME = re.compile(r"\b((?:rollcall|haproxy|process)_\w+|up)\b(?!=)")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def asked() -> dict[str, str]:
    """Return every expression by where it stands."""
    found = {str(rule["alert"]): str(rule["expr"]) for rule in ALERTS}
    for panel in panels():
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


@pytest.fixture
def known(app: Flask) -> set[str]:
    """Return the names of all numbers, as Prometheus stores them."""
    text = app.test_client().get("/metrics").get_data(as_text=True)
    families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M))
    parts = {
        f"{name}_{end}" for name, kind in families.items() if kind == "histogram" for end in ("bucket", "sum", "count")
    }
    return {*families, *parts, *GAUGES, UP, *(f"{name}_total" for name in OF_CACHE if name != UP), *OF_HAPROXY, "up"}


@pytest.mark.once
def test_only_numbers_that_there_are_are_asked_for(known: set[str]) -> None:
    for where, expression in asked().items():
        names = set(NAME.findall(re.sub(r'"[^"]*"', "", expression)))
        assert names, where
        assert names <= known, f"{where} asks for {names - known}"


def test_each_alert_of_the_operators_guide_is_there() -> None:
    rows = re.findall(r"^\| `(rollcall_\w+)` \|[^|]*\| (`.+) \|$", OPERATIONS, flags=re.M)
    assert len(rows) > 7
    for name, when in rows:
        limit = re.search(r"(==|>) (\d+)", when)
        assert limit, when
        rules = [rule for rule in ALERTS if name in rule["expr"] and rule["expr"].endswith(f"{limit[1]} {limit[2]}")]
        assert rules, f"no alert for {name} {limit[0]}"
        if lasting := re.search(r"for (\d+) (minute|day)|for a (day)", when):
            expected = f"{lasting[1] or 1}{(lasting[2] or lasting[3])[0]}"
            assert expected in {rule.get("for") for rule in rules}, f"{name}: {when}"


def test_each_alert_says_what_to_do_and_how_bad_it_is() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["description"].endswith("."), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
