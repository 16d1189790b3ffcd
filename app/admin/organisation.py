"""What the panels of departments and roles share."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import abort, flash, redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from app.access.actor import Actor
from app.access.gate import has_panels
from app.access.grants import Action, Subject
from app.admin import closing
from app.admin.closing import EndingForm
from app.admin.declarations import Entry, ExtraAction
from app.admin.listing import Asked
from app.admin.panel import Panel
from app.core.problems import Conflict, Invalid
from app.reading.organisation import Inside, Wanted
from app.ui.forms import Form


class ReopenForm(Form):
    """Nothing to ask."""

    version = HiddenField()


class OrganisationPanel(Panel):
    """Departments or roles: all staff may see what there is, the panels are for who works with people's records."""

    subject = Subject.ORGANISATION
    noun: str
    """What one is called in the names of actions and look-ups."""
    delete_form_class: type[EndingForm]
    merge_form_class: type[EndingForm]

    def is_for(self, who: Actor) -> bool:
        """Say whether the panel is for this actor."""
        return has_panels(who) and who.can(Action.VIEW, self.subject)

    def wanted(self, asked: Asked) -> Wanted:
        """Return what the list is asked for."""
        is_open = {"1": True, "0": False}.get(asked.filters.get("is_open", ""))
        return Wanted(asked.search, is_open, asked.is_descending, asked.place, asked.size)

    # Ending, and beginning again

    @expose("/merge/", methods=("GET", "POST"))
    def merge_view(self) -> Any:
        """Ask what one is merged into, show what would happen, and do it."""
        entry = self._asked_entry()
        return closing.page(self, "merge", entry, self.merge_form_class(data={"version": entry.version}))

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Ask where people go, show what would happen, and close or delete."""
        entry = self._asked_entry()
        return closing.page(self, "delete", entry, self.delete_form_class(data={"version": entry.version}))

    @expose("/reopen/", methods=("GET", "POST"))
    def reopen_view(self) -> Any:
        """Ask, then open a closed one again."""
        entry = self._asked_entry()
        if not entry.may_edit:
            abort(403)
        form, status = ReopenForm(data={"version": entry.version}), 200
        back = self.get_url(".details_view", id=entry.id)
        if form.validate_on_submit():
            try:
                self.run(f"reopen_{self.noun}", **{f"{self.noun}_id": entry.id}, version=form.made_from())
            except (Conflict, Invalid) as problem:
                status = form.refuse(problem)
            else:
                flash(_("%(name)s is open again.", name=entry.title), "success")
                return redirect(back, 303)
        title = _("Reopen: %(name)s", name=entry.title)
        sentence = _("It can be chosen for people again from now on. Nobody comes back by this.")
        context = {"title": title, "sentence": sentence, "submit_label": _("Reopen"), "cancel_url": back}
        return self.render("admin/delete.html", form=form, danger=False, **context), status

    def ending_question(self, verb: str, entry: Entry, inside: Inside) -> dict[str, str]:
        """Return title, sentence and button of the page on which one is merged (`merge`) or ends (`delete`)."""
        raise NotImplementedError

    def ending_told(self, verb: str, entry: Entry, inside: Inside, target: str, is_closed: bool) -> list[str]:
        """Return what would happen, in sentences."""
        raise NotImplementedError

    def ended(self, verb: str, entry: Entry, target: str, is_closed: bool) -> str:
        """Return what happened, in words."""
        if verb == "merge":
            return str(_("%(name)s was merged into %(target)s.", name=entry.title, target=target))
        if is_closed:
            return str(_("%(name)s was closed.", name=entry.title))
        return str(_("%(name)s was deleted.", name=entry.title))

    def ending_actions(self, entry: Entry, closed_on: date | None) -> list[ExtraAction]:
        """Return what else can be done with one: an open one merged, a closed one opened again."""
        if closed_on is None and entry.may_delete:
            url = self.get_url(".merge_view", id=entry.id)
            return [ExtraAction(_l("Merge into…"), url, "get", _l("Its people go to another, then it ends."))]
        if closed_on is not None and entry.may_edit:
            url = self.get_url(".reopen_view", id=entry.id)
            return [ExtraAction(_l("Reopen"), url, "get", _l("It can be chosen for people again."))]
        return []

    def _details_page(self, entry: Entry, **more: Any) -> str:
        return super()._details_page(entry, delete_label=_("Close or delete"), **more)
