"""Change sets in words, for the journal, the HR home and the history of a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flask import request, url_for
from flask_babel import gettext as _

from app.access import gate
from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.deployments import NOTE
from app.admin.declarations import Entry as Record
from app.reading import deployments, journal
from app.reading.journal import Entry
from app.reading.journal_rights import WITHIN
from app.reading.news import Headline
from app.ui.deployments import Shown as Deployed
from app.ui.deployments import shown
from app.ui.differences import Item, described_each, name_of
from app.ui.labels import SOURCES, action
from app.ui.lists import Links, asked_place, links

if TYPE_CHECKING:
    from app.admin.panel import Panel

ON_A_TAB = 20
NAMED = 3


@dataclass(frozen=True, slots=True)
class ShownSet:
    """A change set for a page: what was done to whom, by whom, and the changes of it that stand in the list."""

    id: int
    url: str
    title: str
    names: str
    who: str
    at: datetime
    source: str
    reason: str | None
    records: int
    has_more: bool
    items: list[Item]
    deployment: Deployed | None
    is_open: bool
    progress_url: str | None
    undoes_url: str | None
    undone_by_url: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A change set in one line: what was done to whom, by whom, and the page that tells all of it."""

    url: str
    title: str
    names: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tab:
    """A link of the bar above a record."""

    label: str
    url: str
    is_current: bool


def shown_sets(who: Actor, entries: Sequence[Entry]) -> list[ShownSet]:
    """Return change sets in words, in no more statements than for one."""
    told = described_each(who, [entry.changes for entry in entries], within=WITHIN)
    found = _deployed(entries)
    return [shown_set(who, entry, items, found.get(entry.id)) for entry, items in zip(entries, told, strict=True)]


def shown_set(who: Actor, entry: Entry, items: list[Item], deployment: Deployed | None = None) -> ShownSet:
    """Return one change set in words."""
    has_more = entry.records > len(entry.changes)
    return ShownSet(
        id=entry.id,
        url=_details(entry.id),
        title=action(entry.action),
        names=deployment.build.title if deployment else _names(entry, items, has_more),
        who=_who(entry),
        at=entry.at,
        source=str(SOURCES.get(entry.source, entry.source)),
        reason=deployment.summary if deployment else entry.reason,
        records=entry.records,
        has_more=has_more,
        items=items,
        deployment=deployment,
        is_open=entry.job_id is not None,
        progress_url=_progress(who, entry),
        undoes_url=_details(entry.undoes_id) if entry.undoes_id else None,
        undone_by_url=_details(entry.undone_by_id) if entry.undone_by_id else None,
    )


def deployed(entry: Entry) -> Deployed | None:
    """Return the deployment that a change set tells of, if it does."""
    return _deployed([entry]).get(entry.id)


def _deployed(entries: Iterable[Entry]) -> dict[int, Deployed]:
    found = deployments.of_sets([entry.id for entry in entries if entry.action == NOTE])
    return {set_id: shown(row) for set_id, row in found.items()}


def line(told: Headline) -> Line:
    """Return one change set in a line."""
    names = _listed(map(name_of, told.records), told.has_more)
    return Line(_details(told.id), action(told.action), names, _who(told), told.at)


def by_day(sets: Iterable[ShownSet]) -> list[tuple[date, list[ShownSet]]]:
    """Return change sets by the day they were made on."""
    return [(day, list(found)) for day, found in groupby(sets, lambda one: one.at.date())]


def tabs(panel: Panel, record: Record) -> list[Tab]:
    """Return the bar of a record's page; none where there is no history to show."""
    if not _has_history(panel):
        return []
    is_history = _is_asked(panel)
    here = panel.get_url(".details_view", id=record.id)
    return [
        Tab(_("Record"), here, not is_history),
        Tab(_("History"), panel.get_url(".details_view", id=record.id, tab="history"), is_history),
    ]


def of_record(panel: Panel, record: Record) -> dict[str, Any]:
    """Return what the page of a record takes to show its history instead, if that is asked for."""
    if not _is_asked(panel):
        return {}
    assert panel.history_filter is not None
    wanted = journal.Wanted({panel.history_filter: str(record.id)}, place=asked_place(), size=ON_A_TAB)
    page = journal.sets(gate.actor(), wanted)
    sets = shown_sets(gate.actor(), page.rows)
    made: Links = links(page, sets, f"{panel.endpoint}.details_view", id=record.id, tab="history")
    return {"history": made, "days": by_day(sets), "journal_url": _in_journal(panel, record)}


def journal_url(**filters: str) -> str:
    """Return the URL of the journal narrowed by these filters."""
    named: dict[str, Any] = {f"flt{i}_{name}": value for i, (name, value) in enumerate(filters.items())}
    return url_for("journal.index_view", **named)


def _has_history(panel: Panel) -> bool:
    return panel.history_filter is not None and gate.actor().can(Action.VIEW, Subject.JOURNAL)


def _is_asked(panel: Panel) -> bool:
    return _has_history(panel) and request.args.get("tab") == "history"


def _in_journal(panel: Panel, record: Record) -> str | None:
    """Return where the journal lists the same sets, for a reader who has it."""
    if not gate.actor().can_beyond_self(Action.VIEW, Subject.JOURNAL):
        return None
    value = record.title if panel.history_filter == "user" else str(record.id)
    return journal_url(**{str(panel.history_filter): value})


def _details(set_id: int) -> str:
    return url_for("journal.details_view", id=set_id)


def _progress(who: Actor, entry: Entry) -> str | None:
    """Return where the work on a set that is still open can be watched, by those who may."""
    is_theirs = entry.actor_id is not None and entry.actor_id == who.user_id
    if entry.job_id is None or not (is_theirs or who.can(Action.VIEW, Subject.SYSTEM)):
        return None
    return url_for("jobs.details_view", id=entry.job_id)


def _names(entry: Entry, items: Iterable[Item], has_more: bool) -> str:
    """Return whom or what a set was about: first the people whom the action named, then the others."""
    ordered = sorted(items, key=lambda item: item.person_id not in entry.about)
    return _listed((item.name for item in ordered), has_more)


def _listed(all_names: Iterable[str], has_more: bool) -> str:
    names = list(dict.fromkeys(name for name in all_names if name))
    if len(names) > NAMED or (has_more and names):
        return _("%(names)s and more", names=", ".join(names[:NAMED]))
    return ", ".join(names)


def _who(entry: Entry | Headline) -> str:
    if entry.actor_id is None:
        return _("The operator") if entry.source == "cli" else _("The system")
    return entry.actor or _("An account that was removed")
