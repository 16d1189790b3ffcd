"""The HR home: the organisation in numbers, each a link to its list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import abort, redirect, request, url_for
from flask_admin import AdminIndexView, expose
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import actions
from app.access import gate
from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.admin.history import Line, journal_url, line
from app.admin.panel import Panel
from app.admin.views import Direct
from app.core.clock import now, today
from app.core.problems import Invalid, Sentence
from app.people.employee import Status
from app.reading import approvals, news, statistics
from app.reading.journal_filters import moment
from app.reading.statistics import Count, Overview, years_ago
from app.ui.labels import shown

FIRST_LOOK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its words and the list it counts."""

    label: str
    value: int
    href: str | None


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """A month's joiners and leavers."""

    label: str
    joined: int
    left: int
    joined_href: str | None
    left_href: str | None


@dataclass(frozen=True, slots=True)
class Door:
    """A way to a panel."""

    label: Sentence
    url: str
    icon: str
    count: int | None


@dataclass(frozen=True, slots=True)
class News:
    """What others changed since the reader looked last; `until` is the moment that this is as of."""

    found: news.News
    until: str
    latest: list[Line]
    journal_url: str


class HrHome(Direct, AdminIndexView):
    """The start page of everyone who has a panel."""

    def __init__(self) -> None:
        super().__init__(name=_l("HR home"), url="/admin")
        self.static_folder = None  # its own scripts are not ours to serve
        self.panels: list[Panel] = []

    def is_for(self, who: Actor) -> bool:
        """Say whether this actor has a panel."""
        return gate.has_panels(who)

    def is_accessible(self) -> bool:
        """Answer Flask-Admin from the rights of the request."""
        return self.is_for(gate.actor())

    @expose("/")
    def index(self) -> Any:
        """Show the numbers."""
        numbers = statistics.overview(gate.actor())
        doors = [
            Door(p.label, url_for(f"{p.endpoint}.index_view"), p.icon, None)
            for p in self.panels
            if p.is_for(gate.actor())
        ]
        waiting = approvals.waiting(gate.actor())
        return self.render(
            "admin/home.html", panels=doors, waiting=waiting, news=_news(gate.actor()), **_figures(numbers)
        )

    @expose("/looked/", methods=("POST",))
    def looked(self) -> Any:
        """Note until when the reader has seen what others changed: until the page was made, not until now."""
        if not _reads_journal(gate.actor()):
            abort(403)
        try:
            until = moment(request.form.get("until", ""))
        except (ValueError, OverflowError):
            raise Invalid({"": _("Reload the page and try again.")}) from None
        actions.run("note_looked", actor=gate.actor(), source=actions.Source.PANEL, moment=until)
        return redirect(self.get_url(".index"), 303)


def _reads_journal(who: Actor) -> bool:
    return who.can_beyond_self(Action.VIEW, Subject.JOURNAL)


def _news(who: Actor) -> News | None:
    """Return what others changed since the reader looked last, at first since the day a week ago."""
    if not _reads_journal(who):
        return None
    until = now()
    found = news.news(who, datetime.combine(until.date() - FIRST_LOOK, time(), UTC))
    return News(
        found=found,
        until=until.isoformat(),
        latest=[line(one) for one in found.latest],
        journal_url=journal_url(**{"from": found.since.isoformat()}),
    )


def _figures(numbers: Overview) -> dict[str, Any]:
    months = [_month(month) for month in numbers.months]
    this_month = numbers.months[-1]
    return {
        "headcount": [
            Figure(_("Headcount"), numbers.headcount, _list(is_here="1")),
            Figure(_("On leave"), numbers.by_status[Status.ON_LEAVE], _list(status=Status.ON_LEAVE)),
            Figure(_("Joined this month"), this_month.joined, months[-1].joined_href),
            Figure(_("Left this month"), this_month.left, months[-1].left_href),
        ],
        "by_department": [_count(c, "department", _("Without a department")) for c in numbers.by_department],
        "by_role": [_count(c, "role", _("Without a role")) for c in numbers.by_role],
        "by_status": [Figure(shown(s), count, _list(status=s)) for s, count in numbers.by_status.items()],
        "tenure": [_tenure(low, high, count) for low, high, count in numbers.tenure],
        "span": [_span(low, high, count) for low, high, count in numbers.span],
        "months": months,
    }


def _list(**filters: Any) -> str:
    """Return the URL of the list of employees narrowed by these filters."""
    named: dict[str, Any] = {f"flt{i}_{name}": str(value) for i, (name, value) in enumerate(filters.items())}
    return url_for("employees.index_view", **named)


def _count(count: Count, name: str, without: str) -> Figure:
    key = count.key if count.key is not None else "none"
    return Figure(count.label or without, count.people, _list(**{name: key, "is_here": "1"}))


def _month(month: statistics.Month) -> MonthFigure:
    return MonthFigure(
        format_date(month.first, "MMM yy"),
        month.joined,
        month.left,
        _list(hired_from=month.first.isoformat(), hired_to=min(month.last, today()).isoformat()),
        _list(left_from=month.first.isoformat(), left_to=min(month.last, today()).isoformat()),
    )


def _tenure(low: int, high: int | None, count: int) -> Figure:
    if high is None:
        label = _("%(low)s years and more", low=low)
    elif low == 0:
        label = _("under a year")
    else:
        label = _("%(low)s to %(high)s years", low=low, high=high)
    filters = {"hired_to": years_ago(low, today()).isoformat(), "is_here": "1"}
    if high is not None:
        filters["hired_after"] = years_ago(high, today()).isoformat()
    return Figure(label, count, _list(**filters))


def _span(low: int, high: int | None, count: int) -> Figure:
    if high is None:
        label = _("%(low)s and more reports", low=low)
    else:
        label = _("%(low)s to %(high)s reports", low=low, high=high)
    filters = {"reports_from": str(low), "is_here": "1"}
    if high is not None:
        filters["reports_to"] = str(high)
    return Figure(label, count, _list(**filters))
