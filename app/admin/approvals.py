"""What waits for a second administrator: the list, and the page on which one request is looked at and decided."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import BaseView, expose
from flask_babel import format_datetime, format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from app import actions
from app.access import gate
from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.four_eyes import deciding
from app.actions.four_eyes.rules import Rule, is_in_force
from app.admin.erasure import may_erase
from app.admin.views import Direct
from app.changes.approvals import Verdict
from app.changes.journal import REASON_LENGTH
from app.core import text
from app.core.problems import Forbidden, Invalid, NotFound, Problem, Sentence, TooMany
from app.core.values import row_id
from app.reading import approvals as reading
from app.reading import holdings
from app.reading.approvals import ApprovalRow, Wanted, Which
from app.reading.holdings import HEADINGS, Fate, Holdings
from app.ui import forms
from app.ui.differences import Item, described
from app.ui.labels import RULES, SOURCES, because, shown
from app.ui.labels import action as action_label
from app.ui.lists import asked_place, links

ERASURE = "erase_person"
FIRST = 20
"""So many records stand open on the page; the others a click away, so that the buttons are not far below."""
VERDICTS: dict[Verdict, tuple[Sentence, str]] = {
    Verdict.WAITING: (_l("Waiting"), "wait"),
    Verdict.APPROVED: (_l("Approved"), "good"),
    Verdict.REFUSED: (_l("Refused"), "bad"),
    Verdict.WITHDRAWN: (_l("Withdrawn"), ""),
    Verdict.EXPIRED: (_l("Expired"), ""),
    Verdict.OUTDATED: (_l("Outdated"), "bad"),
}
"""What becomes of a request, with the tone of its pill."""

WHICH: dict[Which, Sentence] = {
    Which.WAITING: _l("Waiting"),
    Which.MINE: _l("Asked for by me"),
    Which.DECIDED: _l("Decided"),
}


class DecisionForm(forms.Form):
    """A comment; for an erasure also the number of the person, typed so that nobody approves one by a slip."""

    number = forms.text("number", required=True, autocomplete="off")
    answer = TextAreaField(
        _l("Comment"),
        description=_l("Kept with the decision, for whoever asked and whoever looks later."),
        render_kw={"maxlength": REASON_LENGTH, "rows": 2},
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A request in words."""

    id: int
    title: str
    who: str
    why: str
    records: int
    verdict: Sentence
    tone: str
    asked_at: str
    until: str
    decided: str
    url: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A link of the bar above the list."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a request would do now, in words: what of it the reader may see, or why it can't be shown or done."""

    items: list[Item] = field(default_factory=list)
    is_too_large: bool = False
    is_other: bool = False
    obstacle: str | None = None


class ApprovalsView(Direct, BaseView):
    """Everybody with a panel sees what they asked for; all of it is for those who decide."""

    icon = "person-check"

    def __init__(self) -> None:
        super().__init__(name=_l("Approvals"), endpoint="approvals", url="/admin/approvals")

    def is_for(self, who: Actor) -> bool:
        """Say whether the list is for this actor."""
        return reading.sees_all(who) or gate.has_panels(who)

    @expose("/")
    def index_view(self) -> Any:
        """List the requests: those that wait, one's own, or those that were decided."""
        who = gate.actor()
        if not self.is_for(who):
            abort(403)
        which = _asked_which(who)
        page = reading.approvals(who, Wanted(which=which, place=asked_place()))
        return self.render(
            "admin/approvals.html",
            approvals=[_shown(row) for row in page.rows],
            page=links(page, [], "approvals.index_view", tab=which if reading.sees_all(who) else None),
            tabs=_tabs(which, reading.waiting(who)) if reading.sees_all(who) else [],
            which=which,
            decides=reading.sees_all(who),
        )

    @expose("/details/")
    def details_view(self) -> Any:
        """Show a request with what it would do now, and to those concerned the buttons."""
        return self._page(reading.approval(gate.actor(), _asked_id()), DecisionForm())

    @expose("/approve/", methods=("POST",))
    def approve_view(self) -> Any:
        """Approve a request, which does it; what is erased for good takes the person's number."""
        row, form = _decided(), DecisionForm()
        if not _may_approve(row):
            raise Forbidden()
        found = _holdings(row)
        if found and text.key(form["number"].data or "") != text.key(found.number):
            form["number"].errors = [_("This is not the number of %(name)s.", name=found.name)]
        return self._decide(
            row,
            form,
            lambda answer: deciding.approve(gate.actor(), row.id, source=actions.Source.PANEL, answer=answer),
        )

    @expose("/refuse/", methods=("POST",))
    def refuse_view(self) -> Any:
        """Refuse a request."""
        row = _decided()
        return self._decide(row, DecisionForm(), lambda answer: deciding.refuse(gate.actor(), row.id, answer))

    @expose("/withdraw/", methods=("POST",))
    def withdraw_view(self) -> Any:
        """Take back what one asked for oneself."""
        row = reading.approval(gate.actor(), _asked_id())
        if not row.is_own:
            raise Forbidden()
        return self._decide(row, DecisionForm(), lambda _answer: deciding.withdraw(gate.actor(), row.id))

    def _decide(self, row: ApprovalRow, form: DecisionForm, act: Callable[[str | None], object]) -> Any:
        """Decide, and say what came of it; what is wrong with it, beside what was typed."""
        answer = (form["answer"].data or "").strip()
        if len(answer) > REASON_LENGTH:
            form["answer"].errors = [_("Use at most %(count)s characters.", count=REASON_LENGTH)]
        if not form.errors:
            try:
                with suppress(deciding.Outdated):  # which the page tells, and why
                    act(answer or None)
            except Invalid as invalid:
                form.add_errors(invalid)
            else:
                _tell(reading.approval(gate.actor(), row.id))
                return redirect(_url(row.id), 303)
        return self._page(reading.approval(gate.actor(), row.id), form)

    def _page(self, row: ApprovalRow, form: DecisionForm) -> Any:
        found = _holdings(row)
        if found is None:
            del form.number
        looked = _look(row) if row.is_waiting else None
        page = self.render(
            "admin/approvals_details.html",
            approval=_shown(row),
            row=row,
            form=form,
            facts=_facts(row, found),
            look=looked,
            first=FIRST,
            losses=_losses(found),
            number=found.number if found else None,
            list_url=url_for("approvals.index_view") if self.is_for(gate.actor()) else None,
            ways=_ways(row, looked) if looked else [],
            may_approve=_may_approve(row),
        )
        return page, 422 if form.errors else 200


# What was asked for, and what becomes of it


def _asked_id() -> int:
    approval_id = row_id(request.args.get("id", ""))
    if approval_id is None:
        raise NotFound()
    return approval_id


def _asked_which(who: Actor) -> Which:
    """Return which list is asked for; who decides begins with what waits, everybody else has but their own."""
    if not reading.sees_all(who):
        return Which.MINE
    asked = request.args.get("tab", "")
    return Which(asked) if asked in set(Which) else Which.WAITING


def _decided() -> ApprovalRow:
    """Return the request that somebody else than who asked for it decides."""
    row = reading.approval(gate.actor(), _asked_id())
    if not row.may_decide:
        raise Forbidden()
    return row


def _look(row: ApprovalRow) -> Look:
    """Return what a request would do now: it is tried and taken back."""
    try:
        outcome = deciding.preview(gate.actor(), row.id)
    except TooMany:
        return Look(is_too_large=True)
    except Problem as problem:
        return Look(obstacle=str(problem))
    return Look(described(gate.actor(), outcome.changes), is_other=not deciding.is_as_asked(row.id, outcome))


def _holdings(row: ApprovalRow) -> Holdings | None:
    """Return what holds the person whom a request would erase, for who is about to approve that."""
    if row.action != ERASURE or not (row.is_waiting and _may_approve(row)):
        return None
    person_id = reading.person_asked_for(gate.actor(), row.id)
    try:
        return holdings.holdings(gate.actor(), person_id) if person_id is not None else None
    except NotFound:  # deleted since; the preview says so
        return None


def _losses(found: Holdings | None) -> list[tuple[Sentence, list[Sentence]]]:
    return [(HEADINGS[fate], words) for fate in Fate if (words := found.of(fate))] if found else []


def _ways(row: ApprovalRow, looked: Look) -> list[str]:
    """Return what the reader may do with a request that waits."""
    if row.is_own:
        return ["withdraw"]
    if _may_approve(row) and not (looked.is_other or looked.obstacle):
        return ["approve", "refuse"]
    return ["refuse"] if row.may_decide else []


def _may_approve(row: ApprovalRow) -> bool:
    """Say whether the reader may say yes; to an erasure only who is shown what would be lost, so may erase people."""
    return row.may_decide and (row.action != ERASURE or may_erase())


def _tell(row: ApprovalRow) -> None:
    """Say what came of a decision."""
    words: dict[Verdict, tuple[str, str]] = {
        Verdict.APPROVED: (_("Approved, and done."), "success"),
        Verdict.REFUSED: (_("Refused. Nothing was changed."), "success"),
        Verdict.WITHDRAWN: (_("Taken back. Nothing was changed."), "success"),
        Verdict.EXPIRED: (_("It had waited for too long and is not valid any more. Nothing was changed."), "warning"),
        Verdict.OUTDATED: (
            _("Nothing was changed: it would by now have done something else than what was asked for."),
            "warning",
        ),
    }
    if row.verdict is Verdict.APPROVED and row.job_id is not None:
        flash(_("Approved. It runs in the background; below is the way to its progress."), "success")
    elif row.verdict in words:
        flash(*words[row.verdict])


# In words


def _shown(row: ApprovalRow) -> Shown:
    verdict, tone = VERDICTS[row.verdict]
    return Shown(
        id=row.id,
        title=action_label(row.action),
        who=_("You") if row.is_own else _name(row.who),
        why=", ".join(str(RULES[rule][0]) if rule in RULES else rule for rule in row.rules),
        records=row.records,
        verdict=verdict,
        tone=tone,
        asked_at=format_datetime(row.asked_at, "short"),
        until=format_datetime(row.expires_at, "short"),
        decided=format_datetime(row.decided_at, "short") if row.decided_at else "",
        url=_url(row.id),
    )


def _facts(row: ApprovalRow, found: Holdings | None) -> list[tuple[str, str, str | None]]:
    """Return label, text and link of what there is to know; what is empty is left out."""
    why = because(row.rules)
    person_url = url_for("employees.details_view", id=found.employee_id) if found else None
    facts = [
        (_("Person"), found.name if found else "", person_url),
        (_("Why it waits") if row.is_waiting else _("Why it waited"), why[:1].upper() + why[1:], None),
        (_("Asked for by"), _("You") if row.is_own else _name(row.who), None),
        (_("Asked for on"), shown(row.asked_at), None),
        (_("Through"), str(SOURCES.get(row.source, row.source)), None),
        (_("Records"), shown(row.records), None),
        (_("Waits until"), shown(row.expires_at) if row.is_waiting else "", None),
        (_("Undoes"), *_linked_set(row.undoes_id, _("Change %(number)s", number=row.undoes_id))),
        (_("Decided by"), _name(row.decider) if row.decided_by_id else "", None),
        (_("Decided on"), shown(row.decided_at), None),
        (_("What it changed"), *_linked_set(row.change_set_id, _("The change in the journal"))),
        (_("Background work"), *_linked_job(row)),
    ]
    return [fact for fact in facts if fact[1]]


def _linked_set(set_id: int | None, words: str) -> tuple[str, str | None]:
    """Return these words with the way to a change set, for who may see the journal; nothing without a set."""
    if set_id is None:
        return "", None
    may_see = gate.actor().can(Action.VIEW, Subject.JOURNAL)
    return words, url_for("journal.details_view", id=set_id) if may_see else None


def _linked_job(row: ApprovalRow) -> tuple[str, str | None]:
    """Return the way to the progress of the job that does it, for who may see that."""
    if row.job_id is None:
        return "", None
    may_see = row.is_own or gate.actor().can(Action.VIEW, Subject.SYSTEM)
    return _("Its progress"), url_for("jobs.details_view", id=row.job_id) if may_see else None


def of_many() -> tuple[Rule, ...]:
    """Return why a change of so many records that it isn't tried beforehand would wait."""
    return (Rule.ROWS,) if is_in_force() else ()


def _name(name: str | None) -> str:
    return name or _("An account that was removed")


def _url(approval_id: int) -> str:
    return url_for("approvals.details_view", id=approval_id)


def _tabs(which: Which, waiting: reading.Waiting) -> list[Tab]:
    labels = {one: str(words) for one, words in WHICH.items()}
    labels[Which.WAITING] = _("Waiting (%(count)s)", count=format_decimal(waiting.for_reader + waiting.own))
    return [Tab(label, url_for("approvals.index_view", tab=one.value), one is which) for one, label in labels.items()]
