"""What runs on which server, and what is odd about it: the build, the migration it knows, and when it was last seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import ngettext

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.core import servers
from app.core.clock import now
from app.core.database.schema import SchemaState
from app.core.servers import BUILD, Part, Server
from app.reading.backlog import SEEN_WITHIN
from app.reading.parts import Item, State


class Mark(StrEnum):
    """What is odd about a server."""

    UNSEEN = "unseen"
    """It was not seen for three minutes."""
    OTHER_BUILD = "other_build"
    """Most of the others run another build."""
    BEHIND = "behind"
    """A newer version has migrated the database than it knows."""
    SHUT_OUT = "shut_out"
    """The tables are no longer those that its code may change."""
    AHEAD = "ahead"
    """It knows a migration that the database lacks."""
    DRAINING = "draining"
    """It is about to end and takes nothing new: which is meant so."""


ODD = frozenset(Mark) - {Mark.DRAINING}


@dataclass(frozen=True, slots=True)
class Running:
    """What runs on one host for one part, with what is odd about it."""

    host: str
    part: Part
    version: str
    commit: str
    tag: str
    digest: str
    run: str
    knows: int
    since: datetime
    at: datetime
    marks: tuple[Mark, ...]


def running(actor: Actor, schema: SchemaState | None) -> list[Running]:
    """Return all servers by host, in one statement."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    found, at = servers.servers(), now()
    usual = _usual_build([row for row in found if row.at >= at - SEEN_WITHIN] or found)
    return [
        Running(
            host=row.host,
            part=row.part,
            version=row.version,
            commit=row.commit_hash,
            tag=row.tag,
            digest=row.digest,
            run=row.run,
            knows=row.knows,
            since=row.since,
            at=row.at,
            marks=tuple(_marks(row, at, usual, schema)),
        )
        for row in found
    ]


def item(found: Sequence[Running]) -> Item:
    """Return how it is with all of them."""
    name = _("Servers")
    if not found:
        return Item("servers", name, State.OFF, [_("No server has said yet what runs on it.")])
    hosts = len({row.host for row in found})
    facts = [ngettext("%(num)s server is known.", "%(num)s servers are known.", hosts)]
    told = {mark: ", ".join(dict.fromkeys(row.host for row in found if mark in row.marks)) for mark in Mark}
    remedies = []
    for mark, (fact, remedy) in _words().items():
        if told[mark]:
            facts.append(fact % {"hosts": told[mark]})
            remedies.append(remedy)
    if not remedies:
        return Item("servers", name, State.GOOD, facts)
    state = State.BAD if told[Mark.SHUT_OUT] else State.WARN
    return Item("servers", name, state, facts, " ".join(dict.fromkeys(remedies)))


def _words() -> dict[Mark, tuple[str, str]]:
    deploy = _("Finish the deployment, or roll it back, so that all run the same.")
    return {
        Mark.SHUT_OUT: (_("Too old for the tables by now: %(hosts)s"), _("Deploy the newest version there at once.")),
        Mark.UNSEEN: (
            _("Not seen for three minutes: %(hosts)s"),
            _("Look whether it runs and reaches the database; one that is gone for good leaves the list after a day."),
        ),
        Mark.OTHER_BUILD: (_("Another build than most: %(hosts)s"), deploy),
        Mark.BEHIND: (_("Behind the tables: %(hosts)s"), deploy),
        Mark.AHEAD: (_("Ahead of the tables: %(hosts)s"), _("Run “flask --app run migrate”.")),
    }


def _usual_build(found: Sequence[Server]) -> tuple[str, ...]:
    """Return the build that most of them run; of two that are as many, the one that began later."""
    counts = Counter(_build(row) for row in found)
    newest = {_build(row): row.since for row in sorted(found, key=lambda row: row.since)}
    return max(counts, key=lambda build: (counts[build], newest[build]), default=())


def _build(row: Server) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in BUILD)


def _marks(row: Server, at: datetime, usual: tuple[str, ...], schema: SchemaState | None) -> list[Mark]:
    number, oldest = (schema.number, schema.oldest_code) if schema else (0, 0)
    told = {
        Mark.UNSEEN: row.at < at - SEEN_WITHIN,
        Mark.OTHER_BUILD: _build(row) != usual,
        Mark.SHUT_OUT: row.knows < oldest,
        Mark.BEHIND: oldest <= row.knows < number,
        Mark.AHEAD: row.knows > number,
        Mark.DRAINING: row.is_draining,
    }
    return [mark for mark, is_so in told.items() if is_so]
