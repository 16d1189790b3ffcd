"""Erasing a person from their page: what holds them, what becomes of it, and the number typed to confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect
from flask_babel import format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import actions
from app.access import gate
from app.access.grants import Action, Subject
from app.actions.erasure import Done, erase
from app.admin.declarations import Entry, ExtraAction
from app.core import text
from app.core.problems import Invalid
from app.reading import holdings as reading
from app.reading.holdings import HEADINGS, Fate, Holdings
from app.ui import forms
from app.ui.labels import because

if TYPE_CHECKING:
    from app.admin.panel import Panel


class EraseForm(forms.Form):
    """The number is typed, so that nobody erases somebody by a slip."""

    number = forms.text("number", required=True, autocomplete="off")


def may_erase() -> bool:
    """Say whether the reader may erase people."""
    return gate.actor().can(Action.ADMINISTER, Subject.SYSTEM)


def marked(panel: Panel, entry: Entry) -> Entry:
    """Return a person's entry with the way to erase them, or with when that was done and nothing more to do."""
    record = entry.source
    if record.is_erased:
        entry.extra_actions = []
        entry.notice = _erased_words(reading.erasure(record.id, record.number))
    elif may_erase():
        help_text = _l("For good, also from the journal: what says who it was. Shows first what that means.")
        erase_url = panel.get_url(".erase_view", id=entry.id)
        entry.extra_actions = [*entry.extra_actions, ExtraAction(_l("Erase…"), erase_url, "get", help_text)]
    return entry


def page(panel: Panel) -> Any:
    """Show what holds a person and ask for their number; erase them when it was typed."""
    if not may_erase():
        abort(403)
    entry = panel._asked_entry()
    found = reading.holdings(gate.actor(), entry.id)
    back = panel.get_url(".details_view", id=entry.id)
    if found.erased:
        return redirect(back, 303)
    form = EraseForm()
    obstacle, waits = (None, "") if form.is_submitted() else _tried(entry.id)
    if form.validate_on_submit():
        if text.key(form["number"].data or "") != text.key(found.number):
            form["number"].errors = [_("This is not the number of %(name)s.", name=found.name)]
        else:
            try:
                done = erase(gate.actor(), actions.Source.PANEL, entry.id)
            except Invalid as invalid:
                form.add_errors(invalid)
            else:
                _tell(found, done)
                return redirect(panel.get_url(".index_view"), 303)
    context = {
        "title": _("Erase %(name)s", name=found.name),
        "number": found.number,
        "parts": [(HEADINGS[fate], words) for fate in Fate if (words := found.of(fate))],
        "obstacle": obstacle,
        "waits": waits,
        "cancel_url": back,
    }
    return panel.render("admin/erase.html", form=form, **context), 422 if form.errors else 200


def _tried(employee_id: int) -> tuple[str | None, str]:
    """Return why the erasure would be refused now, and else why it would wait; it is tried and taken back."""
    try:
        tried = actions.run(
            "erase_person", actor=gate.actor(), source=actions.Source.PANEL, preview=True, employee_id=employee_id
        )
    except Invalid as invalid:
        return str(invalid), ""
    return None, because(tried.waits_for)


def _tell(found: Holdings, done: Done) -> None:
    flash(_("The person with the number %(number)s was erased.", number=done.number), "success")
    if done.copies:
        names = ", ".join(copy.name for copy in done.copies)
        flash(
            _("Copies of the database beside it still hold them, and have to be deleted: %(names)s", names=names),
            "warning",
        )
    if not done.is_log_emptied:
        words = _("Somebody was reading meanwhile, so the log of the database still holds them: it is emptied later.")
        flash(words, "warning")


def _erased_words(erased: reading.Erased | None) -> str | None:
    if erased is None:
        return None
    when = format_datetime(erased.at, "medium")
    if erased.who:
        return str(_("This person was erased on %(when)s by %(who)s.", when=when, who=erased.who))
    if erased.is_by_operator:
        return str(_("This person was erased on %(when)s at the command line.", when=when))
    return str(_("This person was erased on %(when)s.", when=when))
