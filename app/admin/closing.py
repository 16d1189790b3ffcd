"""The pages that merge, close or delete a department or role: they ask, show what would happen, and do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField

from app import actions
from app.access import gate
from app.admin.approvals import of_many
from app.changes.journal import REASON_LENGTH
from app.core.problems import Conflict, Invalid
from app.reading import lookups
from app.reading import organisation as reading
from app.reading.organisation import Inside
from app.ui.forms import Form
from app.ui.labels import because

if TYPE_CHECKING:
    from app.admin.declarations import Entry
    from app.admin.organisation import OrganisationPanel

TRIED = 300
"""With so many people at most, the action is tried out to show what it would do."""


class EndingForm(Form):
    """What both ask beside the target, which a subclass names."""

    version = HiddenField()
    reason = TextAreaField(
        _l("Why"),
        description=_l("Kept with the change, for whoever asks later."),
        render_kw={"maxlength": REASON_LENGTH, "rows": 2},
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """One of the two: merging (`merge`), or closing or deleting (`delete`), of a record with what is inside."""

    panel: OrganisationPanel
    verb: str
    entry: Entry
    inside: Inside

    @property
    def action(self) -> str:
        """The name of the action."""
        return f"{self.verb}_{self.panel.noun}"

    def arguments(self, form: EndingForm) -> dict[str, Any]:
        """Return the action's arguments as the form has them."""
        target_id = form["target_id"].data if "target_id" in form else None
        return {f"{self.panel.noun}_id": self.entry.id, "version": form.made_from(), "target_id": target_id}


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen, in sentences; who would move, as far as they are named, and how many others."""

    sentences: list[str]
    people: list[tuple[int, str]]
    others: int
    is_job: bool
    waits: str


def page(panel: OrganisationPanel, verb: str, entry: Entry, form: EndingForm) -> Any:
    """Show the form; with what was chosen, show what would happen; when that is confirmed, do it."""
    if not entry.may_delete:
        abort(403)
    ending = Ending(panel, verb, entry, reading.inside(gate.actor(), panel.model, entry.id))
    if verb == "delete" and not ending.inside.count:
        delattr(form, "target_id")
    preview, status = None, 200
    if form.validate_on_submit():
        step = request.form.get("step")
        try:
            if step == "do":
                return _do(ending, form)
            if step != "form":
                preview = _preview(ending, form)
        except (Conflict, Invalid) as problem:
            status = form.refuse(problem)
    panel._label_lookups(form, {})
    question = panel.ending_question(verb, entry, ending.inside)
    cancel_url = panel.get_url(".details_view", id=entry.id)
    return panel.render("admin/closing.html", form=form, preview=preview, cancel_url=cancel_url, **question), status


def _preview(ending: Ending, form: EndingForm) -> Preview:
    """Return what would happen; raise what is wrong with what was chosen."""
    actor, arguments, inside = gate.actor(), ending.arguments(form), ending.inside
    is_job = len(actions.closing.steps(ending.action, actor, arguments)) > 1
    is_closed = True  # where so many are inside, somebody has been for longer than today
    waits_for = of_many()
    if inside.count <= TRIED:
        tried = actions.run(ending.action, actor=actor, source=actions.Source.PANEL, preview=True, **arguments)
        is_closed, waits_for = tried.value, tried.waits_for
    sentences = ending.panel.ending_told(ending.verb, ending.entry, inside, _target(ending, arguments), is_closed)
    return Preview(sentences, inside.people, inside.count - len(inside.people), is_job, because(waits_for))


def _do(ending: Ending, form: EndingForm) -> Any:
    """Do it, at once or as a job; lead to where somebody sees what became of it."""
    panel, arguments = ending.panel, ending.arguments(form)
    reason = form["reason"].data or None
    source = actions.Source.PANEL
    target = _target(ending, arguments)
    done = actions.work.run_or_start(ending.action, actor=gate.actor(), source=source, reason=reason, **arguments)
    if isinstance(done, int):
        flash(_("This runs in the background. Here you see how far it is."), "info")
        return redirect(url_for("jobs.details_view", id=done), 303)
    flash(panel.ended(ending.verb, ending.entry, target, done.value), "success")
    if ending.verb == "merge":
        return redirect(panel.get_url(".details_view", id=arguments["target_id"]), 303)
    return redirect(panel.get_url(".index_view"), 303)


def _target(ending: Ending, arguments: dict[str, Any]) -> str:
    """Return what the chosen target is called."""
    chosen = (ending.panel.noun, arguments["target_id"])
    if not isinstance(chosen[1], int):
        return ""
    return lookups.labels(gate.actor(), [chosen]).get(chosen, "")
