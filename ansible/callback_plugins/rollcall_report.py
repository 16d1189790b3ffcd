"""Note what a run did to each server, for the summary that scripts/deploy prints at the end."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: rollcall_report
type: notification
short_description: Note what a run did to each server
description:
  - Appends a line of JSON to a file for each result about a release or a load balancer, and for each failure.
options:
  path:
    description: The file; without it nothing is noted.
    type: path
    env: [{name: ROLLCALL_REPORT}]
"""


class CallbackModule(CallbackBase):
    """Listens to results; what a task returns as `rollcall` is passed on as it is."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "rollcall_report"
    CALLBACK_NEEDS_ENABLED = False

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what a task said."""
        self._note(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note what failed."""
        self._note(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note what did not answer."""
        self._note(result, "unreachable")

    def _note(self, result: Any, outcome: str) -> None:
        path = self.get_option("path")
        if not path:
            return
        told, host = result.result, result.host.get_name()
        task = result.task.get_name().rpartition(" : ")[2]
        parts = told.get("results") if isinstance(told.get("results"), list) else [told]
        lines = []
        for part in parts:
            is_away = bool(part.get("unreachable"))
            is_bad = outcome != "ok" and (len(parts) == 1 or is_away or part.get("failed"))
            if not (part.get("rollcall") or is_bad or is_away):
                continue
            note = {"host": host, "task": task, "outcome": "unreachable" if is_away else outcome if is_bad else "ok"}
            note |= part.get("rollcall") or {}
            if part.get("app_balancer"):
                note["balancer"] = part["app_balancer"]
            if part.get("msg") and (is_bad or is_away or part.get("failed_when_result") is False):
                note["message"] = " ".join(str(part["msg"]).split())[:1000]
            lines.append(json.dumps(note) + "\n")
        if lines:
            with open(path, "a", encoding="utf-8") as file:
                file.writelines(lines)
