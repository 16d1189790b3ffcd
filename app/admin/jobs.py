"""Background jobs: which there are, how far each is, and how to end one or try it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import actions
from app.access import gate
from app.access.grants import Action, Subject
from app.admin.views import OfSystem
from app.changes.read_only import ReadOnly
from app.core.jobs.job import State
from app.core.problems import Invalid, NotFound, Sentence
from app.core.values import row_id
from app.reading import jobs as reading
from app.reading.jobs import JobRow, Wanted
from app.ui.labels import action as action_label
from app.ui.labels import shown
from app.ui.lists import asked_place, links

STATES: dict[State, tuple[Sentence, str]] = {
    State.FAILED: (_l("Failed"), "bad"),
    State.RUNNING: (_l("Running"), "wait"),
    State.WAITING: (_l("Waiting"), ""),
    State.DONE: (_l("Done"), "good"),
    State.CANCELLED: (_l("Cancelled"), ""),
}
"""The states in the order in which one looks at them, with their words and the tone of their pill."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A job in words."""

    id: int
    title: str
    state: State
    state_label: Sentence
    tone: str
    who: str
    done: int
    total: int | None
    error: str | None
    created_at: str
    finished_at: str
    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A state to narrow the list by; `state` is None for all."""

    label: Sentence
    count: int
    url: str
    is_chosen: bool


class JobsView(OfSystem):
    """The list is for who may see the system; the page of a job also for who started it."""

    icon = "hdd-stack"

    def __init__(self) -> None:
        super().__init__(name=_l("Jobs"), endpoint="jobs", url="/admin/jobs")

    @expose("/")
    def index_view(self) -> Any:
        """List the jobs, of one state where that is asked for."""
        if not self.is_for(gate.actor()):
            abort(403)
        asked = request.args.get("state", "")
        state = State(asked) if asked in set(State) else None
        page = reading.jobs(gate.actor(), Wanted(state=state, place=asked_place()))
        counts = reading.counts(gate.actor())
        return self.render(
            "admin/jobs.html",
            jobs=[_shown(row) for row in page.rows],
            page=links(page, [], "jobs.index_view", state=state),
            choices=_choices(counts, state),
            is_narrowed=state is not None,
        )

    @expose("/details/")
    def details_view(self) -> Any:
        """Show how far a job is."""
        row = reading.job(gate.actor(), _asked_id())
        return self.render(
            "admin/jobs_details.html",
            job=_shown(row),
            facts=_facts(row),
            change_set_url=_change_set_url(row),
            list_url=url_for("jobs.index_view") if self.is_for(gate.actor()) else None,
            is_over=row.is_over,
            is_ending=row.is_cancel_asked and not row.is_over,
            may_cancel=row.may_control and not row.is_over and not row.is_cancel_asked,
            may_retry=row.may_control and row.state is State.FAILED,
        )

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Response:
        """End a job."""
        return _answer("cancel_job", _("The job ends, at the latest after the step that is running."))

    @expose("/retry/", methods=("POST",))
    def retry_view(self) -> Response:
        """Try a failed job again."""
        return _answer("retry_job", _("The job goes on from where it was given up."))


def _answer(name: str, words: str) -> Response:
    job_id = _asked_id()
    try:
        actions.run(name, actor=gate.actor(), source=actions.Source.PANEL, job_id=job_id)
    except ReadOnly:
        raise
    except Invalid as invalid:
        flash(str(invalid), "warning")
    else:
        flash(words, "success")
    return redirect(url_for("jobs.details_view", id=job_id), 303)


def _asked_id() -> int:
    job_id = row_id(request.args.get("id", ""))
    if job_id is None:
        raise NotFound()
    return job_id


def _shown(row: JobRow) -> Shown:
    label, tone = STATES[row.state]
    return Shown(
        id=row.id,
        title=action_label(row.action),
        state=row.state,
        state_label=label,
        tone=tone,
        who=row.who or _("Rollcall itself"),
        done=row.done,
        total=row.total,
        error=row.error,
        created_at=shown(row.created_at),
        finished_at=shown(row.finished_at),
        url=url_for("jobs.details_view", id=row.id),
    )


def _facts(row: JobRow) -> list[tuple[str, str]]:
    """Return label and text of what else there is to know; what is empty is left out."""
    is_again = row.state is State.WAITING and row.attempts > 0
    facts = [
        (_("Started by"), row.who or _("Rollcall itself")),
        (_("Reason"), row.reason or ""),
        (_("Asked for"), shown(row.created_at)),
        (_("Begun"), shown(row.started_at)),
        (_("Next try"), shown(row.not_before) if is_again else ""),
        (_("Tries"), str(row.attempts) if row.attempts > 1 or is_again else ""),
        (_("Ended"), shown(row.finished_at)),
    ]
    return [(label, text) for label, text in facts if text]


def _change_set_url(row: JobRow) -> str | None:
    """Return the page of what the job changed, for who may see it."""
    may_see = gate.actor().can(Action.VIEW, Subject.JOURNAL)
    if row.change_set_id is None or not may_see or "journal.details_view" not in current_app.view_functions:
        return None
    return url_for("journal.details_view", id=row.change_set_id)


def _choices(counts: dict[State, int], chosen: State | None) -> list[Choice]:
    url = url_for("jobs.index_view")
    everything = Choice(_l("All"), sum(counts.values()), url, chosen is None)
    each = [Choice(words[0], counts[state], f"{url}?state={state}", chosen is state) for state, words in STATES.items()]
    return [everything, *each]
