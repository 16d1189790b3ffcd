"""The query cache to look into: where values are kept, what each query gained, and what made it stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import format_decimal, format_percent, format_timedelta, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import actions
from app.access import gate
from app.access.grants import Action, Subject
from app.admin.views import OfSystem
from app.core.problems import Forbidden, Invalid, Sentence
from app.reading import cache as reading
from app.reading.amounts import MINUTE, size, spent
from app.reading.cache import Process, Query, Report
from app.ui import labels
from app.ui.labels import shown

BAR = 1000
"""How wide a bar is in its own measure."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in words: how long ago, and exactly."""

    at: datetime
    ago: str
    exactly: str


@dataclass(frozen=True, slots=True)
class Row:
    """A query in words; `bar` are the parts of what it was asked: kind, where the part begins, how wide it is."""

    query: Query
    rate: str
    bar: list[tuple[str, int, int]]
    a_miss: str
    saved: str
    filled: Moment | None
    stale_url: str | None
    stale_words: str
    stale: Moment | None
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A process in words."""

    process: Process
    words: Sentence
    since: Moment
    seen: Moment


class CacheView(OfSystem):
    """For who may see the system; to clear it takes the right to administer that."""

    icon = "lightning"

    def __init__(self) -> None:
        super().__init__(name=_l("Query cache"), endpoint="cache", url="/admin/cache")

    @expose("/")
    def index_view(self) -> Any:
        """Show the store and each query."""
        if not self.is_for(gate.actor()):
            abort(403)
        found = reading.report(gate.actor())
        return self.render(
            "admin/cache.html",
            place=labels.STORES[found.place],
            is_shared=found.place is not reading.Place.MEMORY,
            trouble=_trouble(found),
            trouble_elsewhere=_elsewhere(found),
            memory=_memory(found),
            processes=[_seen(process, found.at) for process in found.processes],
            figures=_figures(found),
            rows=[_row(query, found.at) for query in found.queries],
            alarming=[(query.name, _moment(query.differed_at, found.at)) for query in found.alarming],
            likely_cause=reading.LIKELY_CAUSE,
            may_clear=gate.actor().can(Action.ADMINISTER, Subject.SYSTEM),
        )

    @expose("/clear/", methods=("POST",))
    def clear_view(self) -> Response:
        """Clear one query, or all where none is named."""
        if not gate.actor().can(Action.ADMINISTER, Subject.SYSTEM):
            raise Forbidden()
        name = request.form.get("name") or None
        try:
            actions.run("clear_cache", actor=gate.actor(), source=actions.Source.PANEL, query=name)
        except Invalid as invalid:
            flash(str(invalid), "warning")
        else:
            flash(_cleared(name), "success")
        return redirect(url_for("cache.index_view"), 303)


def _cleared(name: str | None) -> str:
    if name is None:
        return _("Cleared: each query asks the database when it is needed next.")
    return _("Cleared: “%(name)s” asks the database when it is needed next.", name=name)


def _trouble(found: Report) -> tuple[Sentence, Sentence, Moment | None] | None:
    """Return why this process’s store is out of use, what to do, and since when."""
    if found.trouble is None:
        return None
    words, remedy = reading.in_words(found.trouble.reason)
    return words, remedy, _moment(found.trouble.since, found.at)


def _elsewhere(found: Report) -> tuple[Sentence, Sentence] | None:
    """Return the same of another process where this one has none."""
    if found.trouble is not None or found.summary.reason is None:
        return None
    return reading.in_words(found.summary.reason)


def _memory(found: Report) -> tuple[str, float | None] | None:
    """Return how much memory is used in words, and its share of what may be used where that has a limit."""
    if found.memory is None:
        return None
    used, allowed = found.memory
    if not allowed:
        return _("%(used)s, without a limit", used=size(used)), None
    share = min(used / allowed, 1.0)
    words = _("%(used)s of %(allowed)s", used=size(used), allowed=size(allowed))
    return f"{words} ({format_percent(share)})", share


def _figures(found: Report) -> list[tuple[str, str]]:
    """Return what stands on top: label and value."""
    told, differing = found.summary, sum(query.differing for query in found.queries)
    compared = _("Hits compared with the database, none differed")
    if differing:
        compared = _("Hits compared with the database, %(count)s differed", count=format_decimal(differing))
    return [
        (_("Hit rate"), format_percent(told.hit_rate) if told.asked else "–"),
        (_("Time saved"), spent(told.saved_seconds)),
        (_("Hits"), format_decimal(told.hits)),
        (compared, format_decimal(told.verified)),
    ]


def _seen(process: Process, at: datetime) -> Seen:
    words = reading.in_words(process.reason)[0] if process.reason else ""
    return Seen(process, words, _when(process.since, at), _when(process.at, at))


def _row(query: Query, at: datetime) -> Row:
    stale = query.stale
    return Row(
        query=query,
        rate=format_percent(query.hit_rate) if query.asked else "–",
        bar=_bar(query),
        a_miss=spent(query.seconds_a_miss) if query.misses else "–",
        saved=spent(query.saved_seconds) if query.hits else "–",
        filled=_moment(query.filled_at, at),
        stale_url=url_for("journal.details_view", id=stale.change_set_id) if stale else None,
        stale_words=labels.action(stale.action) if stale else "",
        stale=_moment(stale.at, at) if stale else None,
        notes=_notes(query),
    )


def _bar(query: Query) -> list[tuple[str, int, int]]:
    """Return the parts; one that is there at all is wide enough to be seen."""
    parts = [("hit", query.hits), ("miss", query.misses), ("past", query.passed)]
    total, begins, found = query.asked + query.passed, 0, []
    for kind, count in parts:
        if count:
            width = max(round(BAR * count / total), BAR // 100)
            found.append((kind, min(begins, BAR - width), width))
            begins += width
    return found


def _notes(query: Query) -> list[str]:
    """Return what else there is to know, a sentence each."""
    notes = [_("Reads %(tables)s.", tables=", ".join(query.tables))] if query.tables else []
    if query.refusal:
        notes.append(_("Its rows may not be kept: %(why)s.", why=query.refusal))
    if bypasses := query.bypasses:
        told = [f"{format_decimal(count)} {labels.BYPASSES[why]}" for why, count in bypasses.items()]
        notes.append(_("Not from the cache: %(times)s.", times=", ".join(told)))
    if query.verified:
        words = ngettext(
            "%(count)s hit was compared with the database",
            "%(count)s hits were compared with the database",
            query.verified,
            count=format_decimal(query.verified),
        )
        notes.append(f"{words}, {_differed(query)}.")
    return notes


def _differed(query: Query) -> str:
    if not query.differing:
        return _("none differed")
    return _(
        "%(count)s differed, the last on %(when)s",
        count=format_decimal(query.differing),
        when=shown(query.differed_at),
    )


def _moment(moment: datetime | None, at: datetime) -> Moment | None:
    return None if moment is None else _when(moment, at)


def _when(moment: datetime, at: datetime) -> Moment:
    age = at - moment
    return Moment(moment, _("just now") if age < MINUTE else format_timedelta(-age, add_direction=True), shown(moment))
