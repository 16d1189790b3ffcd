"""Deployments, told by the pipeline after each: they stand in the journal beside what people changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.registry import Source, action, run
from app.changes.deployments import Deployment, Result
from app.changes.journal import REASON_LENGTH
from app.core.clock import now
from app.core.problems import Invalid, Sentence
from app.extensions import db

NOTE = "note_deployment"
HASH_SHOWN = 12
LONGEST = {
    "tag": Deployment.TAG_LENGTH,
    "commit": Deployment.COMMIT_LENGTH,
    "digest": Deployment.TAG_LENGTH,
    "run_address": Deployment.RUN_LENGTH,
    "servers": Deployment.SERVERS_LENGTH,
    "summary": REASON_LENGTH,
}


@action(NOTE, needs=(Action.ADMINISTER, Subject.SYSTEM), is_always_told=True, goes_on=True)
def note_deployment(actor: Actor, result: Result, **told: str) -> None:
    """Take note of a deployment, which changes nothing in here; its facts are kept by `note`."""
    errors: dict[str, Sentence] = {
        name: _l("Use at most %(count)s characters.", count=length)
        for name, length in LONGEST.items()
        if len(told.get(name, "")) > length
    }
    if not told.get("tag"):
        errors["tag"] = _l("Enter something here.")
    if errors:
        raise Invalid(errors)


def note(actor: Actor, source: Source, result: Result, **told: str) -> int:
    """Note a deployment (tag, commit, digest, run_address, servers, summary); return the id of its change set.

    The set's reason says the same in a line, so that it is sealed and archived with it.
    """
    facts = {name: " ".join(told.get(name, "").split()) for name in LONGEST}
    facts["servers"] = ", ".join(filter(None, (name.strip() for name in facts["servers"].split(","))))

    def keep(change_set_id: int | None) -> None:
        row = Deployment(at=now(), result=result, change_set_id=change_set_id, summary=facts["summary"] or None)
        row.tag, row.commit_hash, row.digest = facts["tag"], facts["commit"], facts["digest"]
        row.run, row.servers = facts["run_address"], facts["servers"]
        db.session.add(row)

    arguments: dict[str, Any] = {**facts, "result": result}
    done = run(NOTE, actor=actor, source=source, reason=_line(result, facts), also=keep, **arguments)
    assert done.change_set_id is not None  # it is always told
    return done.change_set_id


def _line(result: Result, facts: Mapping[str, str]) -> str:
    """Return a deployment in one line, as `journal list` prints it: “1.4.0 (8d0f2c17a4b3), done, on app1, app2. …”."""
    commit = f" ({facts['commit'][:HASH_SHOWN]})" if facts["commit"] else ""
    servers = f", on {facts['servers']}" if facts["servers"] else ""
    return f"{facts['tag']}{commit}, {result}{servers}. {facts['summary']}".strip()
