"""Deployments and builds in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask import url_for
from flask_babel import lazy_gettext as _l

from app.access import gate
from app.access.grants import Action, Subject
from app.changes.deployments import Deployment, Result
from app.core.problems import Sentence

COMMIT_SHOWN, DIGEST_SHOWN = 12, 12

RESULTS: dict[Result, tuple[Sentence, str]] = {
    Result.DONE: (_l("Done"), "good"),
    Result.FAILED: (_l("Failed"), "bad"),
    Result.BACK: (_l("Went back"), "wait"),
}
"""How a deployment ended, with the tone of its pill."""


@dataclass(frozen=True, slots=True)
class Build:
    """What an image is, for a page; what is missing is ""."""

    tag: str
    commit: str
    digest: str
    run: str

    @property
    def title(self) -> str:
        """Return tag and short commit, as far as they are known."""
        short = self.commit[:COMMIT_SHOWN]
        return f"{self.tag} ({short})" if self.tag and short and short not in self.tag else self.tag or short

    @property
    def short_digest(self) -> str:
        """Return the beginning of the digest, which tells images apart."""
        return self.digest.rpartition(":")[2][:DIGEST_SHOWN]

    @property
    def run_url(self) -> str | None:
        """Return the address of the pipeline's run, where it is one that a browser may be sent to."""
        try:
            parts = urlsplit(self.run)
        except ValueError:
            return None
        return self.run if parts.scheme in ("http", "https") and parts.hostname else None


@dataclass(frozen=True, slots=True)
class Shown:
    """A deployment for a page; `url` is where the journal tells of it, for who may read that."""

    build: Build
    label: Sentence
    tone: str
    at: datetime
    servers: str
    summary: str | None
    url: str | None


def shown(row: Deployment) -> Shown:
    """Return a deployment in words."""
    label, tone = RESULTS[row.result]
    may_read = row.change_set_id is not None and gate.actor().can_everywhere(Action.VIEW, Subject.JOURNAL)
    return Shown(
        build=Build(row.tag, row.commit_hash, row.digest, row.run),
        label=label,
        tone=tone,
        at=row.at,
        servers=row.servers,
        summary=row.summary,
        url=url_for("journal.details_view", id=row.change_set_id) if may_read else None,
    )
