"""Actions on any selection of a list: the bar below it, and the pages that ask, show what would change, and do it.

Nothing is remembered between these pages: each form carries the selection, what was typed, and a mark of what was
shown, so that what is done is what somebody saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import TextAreaField

from app import actions
from app.access import gate
from app.access.grants import Action, Subject
from app.actions import work
from app.admin.approvals import of_many
from app.admin.selection import FIRST, MOST, MOST_IDS, Selection, address, chosen, joined, parsed
from app.changes.journal import REASON_LENGTH
from app.changes.tracking import Change, Operation
from app.core.problems import Invalid, Sentence, TooMany
from app.reading.paging import Page
from app.ui.differences import described
from app.ui.forms import Form
from app.ui.labels import because

if TYPE_CHECKING:
    from app.admin.listing import Asked
    from app.admin.panel import Panel


class BulkForm(Form):
    """What every action asks; a subclass adds what it is about."""

    reason = TextAreaField(
        _l("Why"),
        description=_l("Kept with the change, for whoever asks later."),
        render_kw={"maxlength": REASON_LENGTH, "rows": 2},
    )

    @property
    def own_fields(self) -> list[Any]:
        """The fields of the action itself."""
        return [item for item in self if item.name not in ("csrf_token", "reason")]


def given(*always: str) -> Callable[[Form], dict[str, Any]]:
    """Return a function that makes arguments of what was typed; empty fields are left out, but for `always`."""

    def arguments(form: Form) -> dict[str, Any]:
        typed = form.typed(*(item.name for item in form if item.name not in ("csrf_token", "reason")))
        return {name: value for name, value in typed.items() if name in always or value not in (None, "")}

    return arguments


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action that a panel offers on a selection: its name in the registry, its words, and what it asks.

    `needs` are the rights without which it is not offered; the action itself checks each record. The records' ids go
    into its argument `ids`, the others are made by `arguments` of what was typed.
    """

    name: str
    label: Sentence
    icon: str
    form_class: type[BulkForm]
    needs: tuple[tuple[Action, Subject], ...]
    arguments: Callable[[Form], dict[str, Any]]
    ids: str = "employee_ids"
    help: Sentence = ""
    defaults: Callable[[], dict[str, Any]] = field(default=dict)


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a list page: where its form goes, the actions, the page's ids, and how many match in all."""

    url: str
    actions: list[BulkAction]
    ids: list[int]
    count: int
    count_is_capped: bool
    count_is_about: bool

    @property
    def on_page(self) -> str:
        """The page's ids as one text."""
        return joined(self.ids)

    @property
    def has_more(self) -> bool:
        """Whether there are other pages."""
        return self.count > len(self.ids)


def allowed(panel: Panel) -> list[BulkAction]:
    """Return the actions that the reader may do to at least some record."""
    who = gate.actor()
    return [action for action in panel.bulk_actions if all(who.can(*need) for need in action.needs)]


def bar(panel: Panel, asked: Asked, found: Page[Any]) -> Bar | None:
    """Return the bar of a list page; None where there is nothing to do."""
    offered = allowed(panel)
    if not (offered and found.rows):
        return None
    ids = [panel.row_id(row) for row in found.rows]
    url = panel.get_url(".action_view", **address(panel, asked))
    return Bar(url, offered, ids, found.count, found.count_is_capped, found.count_is_about)


def begin(panel: Panel) -> Any:
    """Lead from a list to the page of the action that was chosen, with the records that were chosen."""
    action = _asked_action(panel, request.form.get("action", ""))
    back = address(panel, panel.asked())
    scope = request.form.get("scope")
    if scope == "all":
        return redirect(panel.get_url(".do_view", wanted=action.name, all="1", **back), 303)
    ids = parsed(request.form.getlist("on_page" if scope == "page" else "ids"))
    if not ids:
        flash(_("Nothing is ticked. Tick what it is for, then choose what to do."), "warning")
        return redirect(panel.get_url(".index_view", **back), 303)
    return redirect(panel.get_url(".do_view", wanted=action.name, ids=joined(ids), **back), 303)


def page(panel: Panel, name: str) -> Any:
    """Show the pages of an action: what it asks, then what it would change; and do it when that was confirmed."""
    action = _asked_action(panel, name)
    selection = chosen(panel)
    form = action.form_class(data=action.defaults())
    if selection.is_too_large:
        return panel.render("admin/bulk_large.html", **_frame(panel, action, selection), most=MOST), 422
    if not form.is_submitted():
        return _question(panel, action, form, selection)
    form.validate()
    if not selection.ids:
        return _emptied(panel, action, form)
    if len(form["reason"].data or "") > REASON_LENGTH:
        form["reason"].errors = [_("Use at most %(count)s characters.", count=REASON_LENGTH)]
    step = request.form.get("step")
    if form.errors or step not in ("preview", "do"):
        return _question(panel, action, form, selection)
    try:
        return _answer(panel, action, form, selection, is_confirmed=step == "do")
    except Invalid as invalid:
        form.add_errors(invalid)
        return _question(panel, action, form, selection)


def _asked_action(panel: Panel, name: str) -> BulkAction:
    found = [action for action in panel.bulk_actions if action.name == name]
    if not found:
        abort(404)
    if found[0] not in allowed(panel):
        abort(403)
    return found[0]


def _frame(panel: Panel, action: BulkAction, selection: Selection) -> dict[str, Any]:
    """Return what all pages of an action show."""
    back = address(panel, panel.asked())
    who = selection.names[0][1] if len(selection.ids) == 1 else panel.counted(len(selection.ids))
    more = {"all": "1"} if selection.is_long else {}
    return {
        "title": f"{action.label}: {who}" if selection.ids else str(action.label),
        "action": action,
        "selection": selection,
        "who": panel.counted(len(selection.ids)),
        "first": FIRST,
        "form_url": panel.get_url(".do_view", wanted=action.name, **more, **back),
        "cancel_url": _back(panel, selection.ids),
    }


def _back(panel: Panel, ids: list[int]) -> str:
    """Return where somebody came from: the one record, or just this page of the list."""
    if len(ids) == 1:
        return str(panel.get_url(".details_view", id=ids[0]))
    return str(panel.get_url(".index_view", **address(panel, panel.asked())))


def _question(panel: Panel, action: BulkAction, form: BulkForm, selection: Selection) -> Any:
    """Show who it is for and the form."""
    if not selection.ids and not form.is_submitted():
        flash(_("Nothing is ticked. Tick what it is for, then choose what to do."), "warning")
        return redirect(panel.get_url(".index_view"), 303)
    panel._label_lookups(form, {})
    context = _frame(panel, action, selection)
    return panel.render("admin/bulk.html", form=form, **context), 422 if form.errors else 200


def _emptied(panel: Panel, action: BulkAction, form: BulkForm) -> Any:
    """Show the form again with all who were there before every tick was taken away."""
    form.form_errors.append(_("Nothing is ticked. Leave at least one."))
    names = panel.named(parsed(request.form.getlist("were"))[:MOST_IDS])
    return _question(panel, action, form, Selection([record_id for record_id, _name in names], names))


def _answer(panel: Panel, action: BulkAction, form: BulkForm, selection: Selection, is_confirmed: bool) -> Any:
    """Show what would change; do it when just that was shown before and is confirmed now."""
    tried, is_sample = _tried(action, form, selection)
    changes = tried.changes
    seen = _mark(changes)
    if is_confirmed and not selection.notices and request.form.get("seen") == seen:
        return _do(panel, action, form, selection.ids)
    if is_confirmed:
        selection.notices.append(
            _("Nothing was done yet: something changed since you looked. Look again, then confirm.")
        )
    context = _frame(panel, action, selection) | {
        "typed": [(name, text) for name in form.data for text in request.form.getlist(name) if name != "csrf_token"],
        "ids": "" if selection.is_long else joined(selection.ids),
        "items": described(gate.actor(), changes),
        "changed": panel.counted(_count(changes)),
        "is_sample": is_sample,
        "waits": because(of_many() if is_sample else tried.waits_for),
        "seen": seen,
    }
    return panel.render("admin/bulk_preview.html", **context), 409 if is_confirmed else 200


def _tried(action: BulkAction, form: BulkForm, selection: Selection) -> tuple[actions.Outcome, bool]:
    """Return what it would do, and whether that is only what it would to the first few.

    The first few of a long selection are tried all the same, so that what is wrong in the form shows before any work.
    """
    arguments = action.arguments(form)

    def tried(ids: list[int]) -> actions.Outcome:
        of_these = arguments | {action.ids: ids}
        return actions.run(action.name, actor=gate.actor(), source=actions.Source.PANEL, preview=True, **of_these)

    if not selection.is_long:
        with suppress(TooMany):
            return tried(selection.ids), False
    return tried(selection.ids[:FIRST]), True


def _do(panel: Panel, action: BulkAction, form: BulkForm, ids: list[int]) -> Any:
    """Do it, at once or as a job; lead to where somebody sees what became of it."""
    arguments = action.arguments(form) | {action.ids: ids, "reason": form["reason"].data or None}
    outcome = work.run_or_start(action.name, actor=gate.actor(), source=actions.Source.PANEL, **arguments)
    if isinstance(outcome, int):
        flash(_("This runs in the background. Here you see how far it is."), "info")
        return redirect(url_for("jobs.details_view", id=outcome), 303)
    words = _("%(action)s: %(who)s changed.", action=action.label, who=panel.counted(_count(outcome.changes)))
    if outcome.change_set_id is not None and gate.actor().can(Action.VIEW, Subject.JOURNAL):
        url = url_for("journal.details_view", id=outcome.change_set_id)
        words = Markup('%s <a href="%s">%s</a>') % (words, url, _("See the changes, or undo them"))
    flash(words, "success")
    return redirect(_back(panel, ids), 303)


def _count(changes: Iterable[Change]) -> int:
    """Return how many people, or other records, are changed."""
    return len({change.person_id or (change.entity, change.id) for change in changes})


def _mark(changes: Iterable[Change]) -> str:
    """Return what tells these changes from others; ids of rows yet to be made are another every time."""
    told = (
        json.dumps(
            [
                change.entity,
                None if change.operation is Operation.CREATE else change.id,
                change.person_id,
                change.operation,
                change.before,
                change.after,
            ],
            default=str,
            sort_keys=True,
        )
        for change in changes
    )
    return hashlib.sha256("\n".join(sorted(told)).encode()).hexdigest()
