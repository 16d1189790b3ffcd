"""What the panels of departments and roles share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from app.access.actor import Actor
from app.access.gate import has_panels
from app.access.grants import Action, Subject
from app.admin.listing import Asked
from app.admin.panel import Panel
from app.reading.organisation import Wanted
from app.reading.paging import Place
from app.ui.forms import Form


class OrganisationPanel(Panel):
    """Departments or roles: all staff may see what there is, the panels are for who works with people's records."""

    subject = Subject.ORGANISATION

    def is_for(self, who: Actor) -> bool:
        """Say whether the panel is for this actor."""
        return has_panels(who) and who.can(Action.VIEW, self.subject)

    def wanted(self, asked: Asked) -> Wanted:
        """Return what the list is asked for."""
        is_open = {"1": True, "0": False}.get(asked.filters.get("is_open", ""))
        return Wanted(asked.search, is_open, asked.is_descending, asked.place, asked.size)

    def all_rows(self, asked: Asked) -> Iterator[Any]:
        """Yield the rows of every page of the list, read page by page."""
        place: Place | None = Place()
        while place is not None:
            page = self.read_page(replace(asked, place=place, size=500))
            yield from page.rows
            place = Place(after=page.next) if page.next else None

    def narrow_target(self, form: Form, headcount: int) -> None:
        """Ask where people go only when there are some."""
        if not headcount:
            delattr(form, "target_id")

    def target(self, form: Form) -> Any:
        """Return where people go."""
        return form["target_id"].data if "target_id" in form else None
